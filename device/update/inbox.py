"""Where the unit leaves its wish for the updater, which is another process with other rights; one at a time.

The unit, which hears the network, can write neither slot; the updater, which can, hears nothing but this. In the
folder `inbox` lie the release as far as it was fetched (`<sha256>.release`), and `wish.json`; `patch.json` is the
patcher's, which runs as root (`device.patching`).
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

import msgspec

from device.core.wish import Wish
from wire.words import Fault

WISH, PATCH = "wish.json", "patch.json"
MAX_WISH_BYTES = 16 * 1024


class Inbox:
    """The folder between the unit and the updater."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def release(self, digest: str) -> Path:
        """Where the release of that SHA-256 lies, as far as it is there."""
        return self.path / f"{digest}.release"

    def held(self, digest: str) -> int:
        """How many bytes of it are there."""
        try:
            return self.release(digest).stat().st_size
        except OSError:
            return 0

    def add(self, digest: str, offset: int, data: bytes) -> int:
        """Appends a piece, if it is the next one; how many bytes there are now. Others are removed at the first.

        Nothing is fsynced: what a power cut takes is fetched again, and a whole one is verified. Raises OSError.
        """
        path = self.release(digest)
        if offset == 0:
            self.clear(keep=digest)
        with path.open("ab") as file:
            held = file.tell()
            if held == offset:
                file.write(data)
                held += len(data)
        return held

    def clear(self, keep: str = "") -> None:
        """Removes releases, but for `keep`."""
        for other in self.path.glob("*.release"):
            if other != self.release(keep):
                other.unlink(missing_ok=True)

    def ask(self, wish: Wish) -> None:
        """Leaves a wish, in place of the one that was there, for whom it is meant. Raises OSError."""
        new = self.path / ".wish.new"
        with new.open("wb") as file:
            file.write(msgspec.json.encode(wish))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / (PATCH if wish.do == "patch" else WISH))

    def opened(self, digest: str) -> BufferedReader:
        """The release, for the updater to read. Raises `Fault`."""
        path = self.release(digest)
        try:
            return _plain(path)
        except OSError as exc:
            raise Fault(
                f"无法读取 {path}：{exc.strerror}；请重新下达更新命令",
                f"cannot read {path}: {exc.strerror}; give the order anew",
            ) from exc

    def taken(self) -> Wish | None:
        """The wish, if there is one that can be read; it stays until it is `done`."""
        try:
            with _plain(self.path / WISH) as file:
                return msgspec.json.decode(file.read(MAX_WISH_BYTES), type=Wish)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def done(self) -> None:
        """The wish was seen to, or cannot be read. It does not come back with a power cut."""
        (self.path / WISH).unlink(missing_ok=True)
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _plain(path: Path) -> BufferedReader:
    """A file that somebody else made: no link, and nothing that one would wait for. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file")
    return file
