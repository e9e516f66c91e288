"""What a file may take the place of."""

import errno
import stat
from contextlib import suppress
from pathlib import Path


def check_replaceable(path: Path) -> None:
    """Raises OSError where `path` is a device, a pipe or a folder, itself or by a link: as root, a rename onto
    /dev/null would take it from the whole machine."""
    for look in (path.lstat, path.stat):
        with suppress(FileNotFoundError):
            mode = look().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                raise OSError(errno.EINVAL, "it is no regular file")
