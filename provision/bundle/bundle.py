"""A bundle: one zip whose manifest names every file with its size and SHA-256; nothing is used unchecked.

The parts are compressed already and are stored as they are. The manifest goes in last, so that half a bundle is
seen as such; what it does not name, or names otherwise, is refused.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from provision.kinds import Kind, MadeFor, kind_of
from wire.files import check_replaceable
from wire.words import Fault

MANIFEST = "manifest.json"
FORMAT = 1
MAX_MANIFEST = 2**20
NAME = re.compile(r"(wheels|tools|debs|systemd|boot|guard)(/[A-Za-z0-9@._+~%-]+)+")
BLOCK = 2**20
SPOILT = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
"""What zipfile raises for what is no zip any more."""


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One file. `sha256`: hexadecimal; `size`: bytes."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Meta(ge=0)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the bundle holds. `version`: the project's; `packages`: Debian packages to be there afterwards.

    `made_for`: what it makes of a machine.
    """

    v: int
    version: str
    os: str
    arch: str
    packages: tuple[str, ...]
    files: dict[str, Item]
    made_for: MadeFor = "unit"

    @property
    def kind(self) -> Kind:
        """The kind of machine it is for. Raises `Fault`."""
        return kind_of(self.os, self.arch)

    @property
    def software(self) -> str:
        """A name for exactly these wheels: 16 hex digits; the same wheels have the same."""
        text = "".join(
            f"{name} {item.sha256}\n"
            for name, item in sorted(self.files.items())
            if name.startswith("wheels/")
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_bundle(
    to: Path,
    kind: Kind,
    version: str,
    packages: tuple[str, ...],
    files: Mapping[str, Path],
    made_for: MadeFor = "unit",
) -> Manifest:
    """Writes `files` (by their names in the bundle) into `to`, whole or not at all. Raises `Fault`."""
    items = {}
    draft = to.with_name(f".{to.name}.new")
    try:
        check_replaceable(to)
        to.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for name, path in sorted(files.items()):
                items[name] = Item(_sha256(path), path.stat().st_size)
                archive.write(path, name)
            made = Manifest(FORMAT, version, kind.os, kind.arch, packages, items, made_for)
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(made)))
        draft.replace(to)
    except OSError as exc:
        with suppress(OSError):
            draft.unlink()
        raise Fault(f"无法写入 {to}：{exc.strerror}", f"cannot write {to}: {exc.strerror}") from exc
    return made


class Bundle:
    """A bundle that was checked to its last byte when it was opened."""

    def __init__(self, path: Path, made_for: MadeFor = "unit") -> None:
        """Raises `Fault` for a file that is missing, half, changed, no bundle, or one that is not `made_for` this."""
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self.manifest = read_manifest(path, archive)
                self._check(archive)
        except OSError as exc:
            raise Fault(
                f"无法读取 {path}：{exc.strerror}；请用 xunkong provision bundle 制作",
                f"cannot read {path}: {exc.strerror}; make it by xunkong provision bundle",
            ) from exc
        except SPOILT as exc:
            raise unfit(path, str(exc)) from exc
        if self.manifest.made_for != made_for:
            how = self.manifest.kind.how_to_bundle(made_for)
            raise Fault(
                f"{path} 是用于 {self.manifest.made_for} 的部署包；请制作：{how}",
                f"{path} is a bundle for a {self.manifest.made_for}; make the right one: {how}",
            )
        self.sha256 = _sha256(path)

    def names(self, folder: str) -> list[str]:
        """The files below `folder`, sorted, by their names in the bundle."""
        return sorted(name for name in self.manifest.files if name.startswith(f"{folder}/"))

    def read(self, name: str) -> bytes:
        """One file, checked again. Raises `Fault` where it is not there, or has changed meanwhile."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                text = archive.read(name)
        except (OSError, KeyError, *SPOILT) as exc:
            raise unfit(self.path, str(exc)) from exc
        item = self.manifest.files.get(name)
        if item is None or hashlib.sha256(text).hexdigest() != item.sha256:
            raise unfit(self.path, f"{name}: SHA-256")
        return text

    def _check(self, archive: zipfile.ZipFile) -> None:
        held = [info.filename for info in archive.infolist() if info.filename != MANIFEST]
        files = self.manifest.files
        odd = set(held) ^ set(files) | {name for name in files if _strays(name)}
        if odd or len(held) != len(files):
            raise unfit(self.path, f"{min(odd, default='?')} 与清单不符 (not as the manifest says)")
        for name, item in files.items():
            if archive.getinfo(name).file_size != item.size:
                raise unfit(self.path, f"{name}: size")
            if _sha256_inside(archive, name) != item.sha256:
                raise unfit(self.path, f"{name}: SHA-256")


def _sha256_inside(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _strays(name: str) -> bool:
    """Whether it would lie elsewhere than below the bundle's own folders."""
    return not NAME.fullmatch(name) or any(set(part) == {"."} for part in name.split("/"))


def read_manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    """What the bundle at `path` says that it holds, not checked yet. Raises `Fault`."""
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > MAX_MANIFEST:
            raise unfit(path, f"{MANIFEST}: size")
        found = msgspec.json.decode(archive.read(info), type=Manifest)
    except KeyError as exc:
        raise unfit(path, f"no {MANIFEST}") from exc
    except msgspec.DecodeError as exc:
        raise unfit(path, f"{MANIFEST}: {exc}") from exc
    if found.v != FORMAT:
        raise unfit(path, f"format {found.v}, not {FORMAT}")
    return found


def unfit(path: Path, why: str) -> Fault:
    """That the bundle at `path` cannot be used."""
    return Fault(
        f"{path} 不是完好的部署包：{why}；请重新制作或重新复制",
        f"{path} is no sound bundle: {why}; make it again, or copy it again",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
