"""What a unit's card still has, as a file for the gateway: what the unit would have sent, and photos if wanted.

Nothing on the card is changed: a journal that nobody uses is copied first, and the copy opened as the unit itself
would open it, so that a damaged one is salvaged and a lost end is seen. That of a running unit is read beside it.
"""

import fcntl
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Literal

from msgspec import Struct
from msgspec.structs import replace

from device.journal.aside import closing, copied
from device.journal.errors import translated
from device.journal.journal import Journal
from device.journal.messages import Messages
from device.papers import Papers
from device.photos.folder import unsent
from device.places import Places
from wire.carried import Carried, CarriedWriter
from wire.limits import MAX_PHOTO_BYTES
from wire.words import Fault

Step = Literal["copy", "records", "photos"]
Saying = Callable[[Step, int, int], None]
"""Hears of how much of a step is done, of how much: bytes of a copy, records, photos."""


class Exported(Struct, frozen=True):
    """What is in the file. `salvaged`: the journal was damaged; `photos_left`: that wait on the card, and stay."""

    unit: str
    kid: str
    records: int
    logs: int
    photos: int
    photos_left: int
    photos_rotten: int
    lost: int
    salvaged: bool
    cut: str | None
    bytes: int

    @property
    def whole(self) -> bool:
        """Whether nothing that the card should have is missing."""
        return not (self.lost or self.salvaged or self.cut or self.photos_rotten)


def export(
    places: Places,
    out: Path,
    with_photos: bool,
    saying: Saying = lambda step, done, of: None,
) -> Exported:
    """Writes `out`, whole or not at all, for its owner's eyes. Raises `Fault`; overwrites nothing."""
    if out.exists():
        raise Fault(f"{out} 已存在；请换一个文件名", f"{out} is there already: choose another name")
    papers = _papers(places.identity)
    new = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with _opened(places.journal, out.parent, saying) as journal, _private(new) as file:
            with zipfile.ZipFile(file, "w") as packed:
                writer = CarriedWriter(packed)
                messages = Messages(papers, journal, writer, lambda n, of: saying("records", n, of))
                messages.write()
                pictures = _photos(places.photos, with_photos, writer, saying)
                made = _ended(papers, journal, messages, pictures, writer)
            file.flush()
            os.fsync(file.fileno())
        size = new.stat().st_size
        new.rename(out)
    except OSError as exc:
        raise Fault(
            f"无法写入 {out}：{exc.strerror}；请换到有空间、可写入的目录",
            f"cannot write {out}: {exc.strerror}; choose a folder with room that takes writes",
        ) from exc
    finally:
        new.unlink(missing_ok=True)
    return replace(made, bytes=size)


def _papers(folder: Path) -> Papers:
    """The unit's own. Without its key nothing is worth exporting: the gateway believes its signature alone."""
    papers = Papers(None, folder)
    try:
        papers.load()
    except Fault as exc:
        raise Fault(
            f"没有单元的密钥就无法签名，网关也不会接收：{exc.words.zh}；请以 root 运行（sudo），"
            "并检查 --root",
            "without the unit's key nothing can be signed, and the gateway would take nothing: "
            f"{exc.words.en}; run it as root (sudo), and check --root",
        ) from exc
    return papers


def _private(path: Path) -> BinaryIO:
    """A new file for its owner's eyes, who is whoever called sudo: persons and pictures are in it."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    with suppress(KeyError, ValueError, OSError):
        os.fchown(file.fileno(), int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
    return file


@contextmanager
def _opened(path: Path, beside: Path, saying: Saying) -> Iterator[Journal]:
    """The journal: a running unit's as it is just now, else a copy of it. Raises the journal's errors."""
    with _kept_still(path) as idle:
        if not idle:
            yield from closing(Journal.open(path, read_only=True))
            return
        with copied(path, beside, lambda done, of: saying("copy", done, of)) as copy:
            yield from closing(Journal.open(copy, suspect=True))


@contextmanager
def _kept_still(path: Path) -> Iterator[bool]:
    """Whether nobody uses the journal; then nobody begins to while this lasts."""
    try:
        lock = path.with_name(f"{path.name}.lock").open("rb")
    except FileNotFoundError:
        yield True
        return
    except OSError as exc:
        raise translated(path, exc) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _ended(
    papers: Papers,
    journal: Journal,
    messages: Messages,
    pictures: tuple[int, int, int],
    writer: CarriedWriter,
) -> Exported:
    """Writes whose it all is."""
    held, opening = papers.load(), journal.opening
    taken, left, rotten = pictures
    now_ms = time.time_ns() // 1_000_000
    told = (messages.records, taken, messages.lost, opening.cut)
    writer.end(Carried(1, held.name, held.kid, now_ms, version("xunkong"), *told))
    return Exported(
        unit=held.name,
        kid=held.kid,
        records=messages.records,
        logs=messages.logs,
        photos=taken,
        photos_left=left,
        photos_rotten=rotten,
        lost=messages.lost,
        salvaged=opening.kind == "salvaged",
        cut=opening.cut,
        bytes=0,
    )


def _photos(
    folder: Path, wanted: bool, writer: CarriedWriter, saying: Saying
) -> tuple[int, int, int]:
    """How many were taken along, how many stay, and how many are not what they were any more."""
    try:
        files = unsent(folder)
    except OSError as exc:
        raise Fault(
            f"无法读取照片目录 {folder}：{exc.strerror}；请检查存储卡",
            f"cannot read the photos' folder {folder}: {exc.strerror}; check the card",
        ) from exc
    if not wanted:
        return 0, len(files), 0
    whole = 0
    for number, (digest, path) in enumerate(files.items(), 1):
        jpeg = _read_photo(path)
        if sha256(jpeg).hexdigest() == digest:
            writer.photo(digest, jpeg)
            whole += 1
        saying("photos", number, len(files))
    return whole, 0, len(files) - whole


def _read_photo(path: Path) -> bytes:
    """Its bytes; empty where they cannot be read. A card is a stranger's: no link on it is followed."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(MAX_PHOTO_BYTES)
    except OSError:
        return b""
