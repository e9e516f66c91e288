"""A unit's journal in a file that is carried to the gateway by hand: the very messages that the unit would have sent.

A zip. `messages/000000.hello`, `messages/000001.event`, `messages/000002.track` … are payloads as they travel on the
unit's topics, signed by its key, to be taken in the order of their names; `photos/<sha256>.jpg` are whole photos;
`carried.json` says whose it is. Nothing but the signatures is believed, so that the file itself needs none.
"""

import re
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from wire import topics
from wire.evidence.bundle import BadBundle
from wire.evidence.zipped import ZippedParts
from wire.limits import MAX_PAYLOAD_BYTES, MAX_PHOTO_BYTES, AtMs, Count, Name, Text, UnitName
from wire.words import Fault

MANIFEST = "carried.json"
MAX_MANIFEST_BYTES = 64 * 1024
_MESSAGE = re.compile(r"messages/[0-9]{6}\.(hello|event|track)")
_PHOTO = re.compile(r"photos/([0-9a-f]{64})\.jpg")


class Carried(Struct, frozen=True, omit_defaults=True):
    """Whose journal it is, and what its export met. `exported_ms`: by the clock of who exported it, UTC.

    `kid`: the unit's key that signed. `version`: of the software that exported. `records`, `photos`: in the file;
    `lost`: records that could not be read any more; `cut`: why the newest ones may be missing without a trace.
    """

    v: Literal[1]
    unit: UnitName
    kid: Name
    exported_ms: AtMs
    version: Name
    records: Count
    photos: Count
    lost: Count = 0
    cut: Text | None = None


class CarriedFile:
    """Such a file, read with distrust: nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        """Raises `Fault` for what is none."""
        self._path = path
        try:
            self._zip = ZippedParts(path)
            text = self._zip.read(MANIFEST, MAX_MANIFEST_BYTES)
            self.manifest = msgspec.json.decode(text, type=Carried)
        except BadBundle as exc:
            if isinstance(exc.__cause__, FileNotFoundError):
                raise Fault(
                    f"没有 {path} 这个文件；请给出 xunkong device journal export 写出的文件",
                    f"there is no file {path}; give what xunkong device journal export wrote",
                ) from exc
            raise self._bad(str(exc)) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise self._bad(str(exc)) from exc
        if not topics.is_unit(self.manifest.unit):
            raise self._bad(f"{self.manifest.unit!r} is no unit's name")
        names = sorted(self._zip.sizes)
        self.messages = [name for name in names if _MESSAGE.fullmatch(name)]
        self.photos = [found[1] for name in names if (found := _PHOTO.fullmatch(name))]
        if len(self.messages) + len(self.photos) + 1 != len(names):
            raise self._bad("it has parts of another kind")

    def close(self) -> None:
        """Lets go of the file."""
        self._zip.__exit__(None, None, None)

    def digest(self) -> str:
        """The file's SHA-256 in hex. Raises `Fault`."""
        found = sha256()
        try:
            with self._path.open("rb") as file:
                while chunk := file.read(2**20):
                    found.update(chunk)
        except OSError as exc:
            raise self._bad(str(exc)) from exc
        return found.hexdigest()

    def read(self, name: str) -> tuple[str, bytes]:
        """The topic and the payload of a message. Raises `Fault`."""
        unit, kind = self.manifest.unit, name.rpartition(".")[2]
        topic = topics.hello(unit)
        if kind != "hello":
            topic = topics.log(unit, "track" if kind == "track" else "event")
        return topic, self._part(name, MAX_PAYLOAD_BYTES)

    def photo(self, digest: str) -> bytes:
        """A photo's bytes. Raises `Fault`."""
        return self._part(f"photos/{digest}.jpg", MAX_PHOTO_BYTES)

    def _part(self, name: str, most: int) -> bytes:
        try:
            return self._zip.read(name, most)
        except BadBundle as exc:
            raise self._bad(str(exc)) from exc

    def _bad(self, why: str) -> Fault:
        return Fault(
            f"{self._path} 不是完好的单元日志导出文件：{why}；请重新运行 xunkong device journal export",
            f"{self._path} is no whole export of a unit's journal: {why}; run xunkong device journal export anew",
        )


class CarriedWriter:
    """Writes such a file; messages may be put in any order."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file

    def message(
        self, number: int, kind: Literal["hello", "event", "track"], payload: bytes
    ) -> None:
        """The `number`th message to be taken."""
        self._zip.writestr(f"messages/{number:06d}.{kind}", payload)

    def photo(self, digest: str, jpeg: bytes) -> None:
        """A whole photo."""
        self._zip.writestr(f"photos/{digest}.jpg", jpeg)

    def end(self, manifest: Carried) -> None:
        """Whose it all is."""
        self._zip.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
