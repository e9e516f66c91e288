"""Makes a release of a folder of wheels, and signs one."""

import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec

from wire.chain import Signer
from wire.files import check_replaceable
from wire.release import (
    MAX_WHEELS,
    PYTHONS,
    STEP_BYTES,
    Arch,
    Head,
    Manifest,
    System,
    Wheel,
    head_bytes,
    machine_of,
    rank,
    verify,
)
from wire.words import Fault

ANY = "0.0"
"""Follows every version."""

_OURS = re.compile(r"xunkong-([0-9][^-]*)-py3-none-any\.whl")
_PIP = re.compile(r"pip-[^-]+-py3-none-any\.whl")
_BUNDLED = re.compile(r"wheels/[^/]+\.whl")
_TAGS = re.compile(r"-([^-]+)-([^-]+)-([^-]+)\.whl\Z")
_FORMAT_FILE = "device/journal/format.py"
_FORMAT = re.compile(r"^WRITES = ([0-9]+)$", re.MULTILINE)


def build(
    wheels: Path, out: Path, arch: Arch, system: System, least: str, made_ms: int
) -> Manifest:
    """Puts wheels into the release `out`, not signed yet. Raises `Fault`.

    `wheels`: a folder of them, or what `xunkong provision bundle` made. One of them is ours: version and journal
    format are read from it.
    """
    if not wheels.exists():
        raise Fault(
            f"没有 {wheels} 这个文件或目录；请给出 xunkong provision bundle 的文件，或 wheel 目录",
            f"there is no file or folder {wheels}; give what xunkong provision bundle made, or a folder of wheels",
        )
    if not wheels.is_file():
        return _build(wheels, out, arch, system, least, made_ms)
    with tempfile.TemporaryDirectory(prefix="xunkong-release-") as folder:
        _unpack(wheels, Path(folder))
        return _build(Path(folder), out, arch, system, least, made_ms)


def _unpack(bundle: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(bundle) as held:
            for name in held.namelist():
                if _BUNDLED.fullmatch(name):
                    (into / Path(name).name).write_bytes(held.read(name))
    except (OSError, zipfile.BadZipFile, zlib.error) as exc:
        raise _unusable(bundle, str(exc)) from exc


def _build(
    wheels: Path, out: Path, arch: Arch, system: System, least: str, made_ms: int
) -> Manifest:
    paths = sorted(wheels.glob("*.whl"))
    ours = [path for path in paths if _OURS.fullmatch(path.name)]
    if len(ours) != 1 or len(paths) > MAX_WHEELS:
        raise _unusable(
            wheels, f"{len(paths)} wheels, {len(ours)} of them xunkong's; it must be one"
        )
    if not any(_PIP.fullmatch(path.name) for path in paths):
        raise _unusable(wheels, "pip's own wheel is not there, with which units install the others")
    for path in paths:
        _check_fits(path, arch, system)
    manifest = Manifest(
        1,
        _version(ours[0]),
        least,
        _journal(ours[0]),
        arch,
        system,
        made_ms,
        [_wheel(path) for path in paths],
    )
    _check(manifest, wheels)
    with _new_file(out) as file:
        file.write(head_bytes(manifest))
        for path in paths:
            with path.open("rb") as wheel:
                _copy(wheel, file, path.stat().st_size)
    return manifest


def sign(path: Path, signer: Signer) -> Head:
    """Signs the release at `path`, in its place; one that is not whole is not signed. Raises `Fault`."""
    with _reading(path) as file:
        head = verify(file, None)
        file.seek(head.body_at)
        with _new_file(path) as signed:
            signed.write(head_bytes(head.manifest, signer))
            _copy(file, signed, head.size - head.body_at)
    with _reading(path) as file:
        return verify(file, None)


def look(path: Path, public: bytes | None) -> tuple[Head, str]:
    """A release that is whole, and signed by `public` unless that is None; and its SHA-256. Raises `Fault`."""
    with _reading(path) as file:
        head = verify(file, public)
        file.seek(0)
        return head, file_digest(file, "sha256").hexdigest()


def _check_fits(path: Path, arch: Arch, system: System) -> None:
    """A wheel's name tells where it runs (PEP 427)."""
    tags = _TAGS.search(path.name)
    python = f"cp{PYTHONS[system].replace('.', '')}"
    if tags:
        pythons, abis, places = (tag.split(".") for tag in tags.groups())
        there = "any" in places or any(place.endswith(f"_{arch}") for place in places)
        speaks = "py3" in pythons or python in pythons or "abi3" in abis
        if there and speaks:
            return
    machine = machine_of(arch, system)
    raise Fault(
        f"{path.name} 不能用于 {machine}（Python {PYTHONS[system]}）；请为该平台重新下载",
        f"{path.name} does not run on {machine} (Python {PYTHONS[system]}); fetch the one for it",
    )


def _version(path: Path) -> str:
    found = _OURS.fullmatch(path.name)
    assert found
    return found[1]


def _journal(path: Path) -> int:
    """The journal's format that this software writes, read from its own file without running it."""
    try:
        with zipfile.ZipFile(path) as wheel:
            found = _FORMAT.search(wheel.read(_FORMAT_FILE).decode())
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as exc:
        raise _unusable(path, f"no {_FORMAT_FILE} in it ({exc})") from exc
    if found is None:
        raise _unusable(path, f"{_FORMAT_FILE} says no WRITES")
    return int(found[1])


def _wheel(path: Path) -> Wheel:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Wheel(path.name, path.stat().st_size, digest)


def _check(manifest: Manifest, wheels: Path) -> None:
    """What units would refuse is not made."""
    try:
        msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    except msgspec.ValidationError as exc:
        raise _unusable(wheels, str(exc)) from exc
    if rank(manifest.least) > rank(manifest.version):
        raise Fault(
            f"--least {manifest.least} 高于本版本 {manifest.version}",
            f"--least {manifest.least} is above the version itself, {manifest.version}",
        )


def _copy(source: BinaryIO, to: BinaryIO, size: int) -> None:
    while size and (piece := source.read(min(STEP_BYTES, size))):
        to.write(piece)
        size -= len(piece)


@contextmanager
def _reading(path: Path) -> Iterator[BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as exc:
        raise _unusable(path, str(exc.strerror)) from exc


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Takes the place of `path` when it is whole and on the medium."""
    new = path.with_name(f".{path.name}.new")
    try:
        check_replaceable(path)
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as exc:
        raise _unusable(path, str(exc.strerror)) from exc
    finally:
        new.unlink(missing_ok=True)


def _unusable(path: Path, why: str) -> Fault:
    return Fault(
        f"{path} 无法使用：{why}；请检查后重试",
        f"{path} cannot be used: {why}; mend it and try again",
    )
