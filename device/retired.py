"""A unit that was put out of service: its secrets are wiped, and it says so until it is given papers anew.

What makes the journal's card keys and badges readable is the unit's own key: with that gone they are noise. A file is
overwritten before it is removed; what a card's wear levelling keeps of it elsewhere no software can reach, and the
gateway has revoked it. The records stay: they are evidence, and whoever has the card may export them.
"""

import logging
import os
import stat
import threading
from contextlib import closing
from pathlib import Path

from device.config import DeviceConfig, identity_folder, journal_path
from device.core.retirement import NOTE
from device.journal.errors import JournalError
from device.journal.journal import Journal
from device.next_papers import NEXT
from device.own_key import key_path
from device.papers import OWN, RETIRED
from device.safe_mode import show
from wire.service import Service
from wire.words import Fault, Words

SECRETS = (OWN, NEXT, f".{OWN}.new", f".{NEXT}.new")
SETTINGS = ("config", NOTE)

log = logging.getLogger("xunkong.device")


def is_retired(folder: Path) -> bool:
    """Whether the unit whose papers lie in `folder` was put out of service, and not given any since."""
    return (folder / RETIRED).exists()


def wipe(folder: Path, key: Path, journal: Journal) -> None:
    """Wipes the papers' private keys in `folder`, the unit's own `key`, and what the city wants of the unit.

    The mark comes first: cut anywhere, the next start does the rest. Raises `Fault`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _mark(folder / RETIRED)
        for path in (*(folder / name for name in SECRETS), key):
            _overwrite(path)
        for place in (folder, key.parent):
            _bring_to_medium(place)
        for name in SETTINGS:
            journal.drop_setting(name)
    except (OSError, JournalError) as exc:
        raise Fault(
            f"未能全部清除密钥：{exc}；请取出存储卡并销毁或重写",
            f"not all keys could be wiped: {exc}; take the card out and destroy or write it anew",
        ) from exc


def stay_off(path: Path, config: DeviceConfig, stop: threading.Event, service: Service) -> None:
    """Says at the panel and to systemd that the unit is retired; wipes what was left over.

    Until `stop`, or new papers: the unit ends then, and systemd starts it for duty.
    """
    where, folder = journal_path(path, config), identity_folder(path, config)
    try:
        with closing(Journal.open(where)) as journal:
            wipe(folder, key_path(where), journal)
    except (JournalError, Fault) as exc:
        log.error("%s", exc)
    log.warning("RETIRED: no tap is taken; the keys are wiped")
    words = Words(
        "已退役：密钥已清除，不接受打卡；重新启用请用 xunkong provision host 或 device enrol",
        "retired: its keys are wiped, takes no tap; to use it again: xunkong provision host, or device enrol",
    )
    show(path, words, lambda: stop.is_set() or not is_retired(folder), service)


def _mark(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fsync(fd)
    os.close(fd)
    _bring_to_medium(path.parent)


def _overwrite(path: Path) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        state = os.fstat(fd)
        if stat.S_ISREG(state.st_mode):
            os.pwrite(fd, os.urandom(state.st_size), 0)
            os.fsync(fd)
    finally:
        os.close(fd)
    path.unlink()


def _bring_to_medium(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
