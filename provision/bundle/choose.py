"""Of a folder of bundles the newest that is for a kind of machine."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from provision.bundle.bundle import SPOILT, Bundle, Manifest, read_manifest
from provision.kinds import Kind
from wire.release import rank
from wire.words import Fault


def choose(folder: Path, kind: Kind) -> Bundle:
    """Checked. Raises `Fault` where the folder has none for `kind`; what is no bundle is passed over."""
    fit = [(rank(made.version), path) for path, made in _there(folder) if _is_for(made, kind)]
    if not fit:
        raise Fault(
            f"{folder} 中没有 {kind} 的部署包；请制作：xunkong provision bundle --arch {kind.arch} --os {kind.os}",
            f"{folder} has no bundle for {kind}; make it: xunkong provision bundle --arch {kind.arch} --os {kind.os}",
        )
    return Bundle(max(fit)[1])


def _is_for(made: Manifest, kind: Kind) -> bool:
    return (made.os, made.arch) == (kind.os, kind.arch)


def _there(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    for path in sorted(folder.glob("*.zip")):
        try:
            with zipfile.ZipFile(path) as archive:
                made = read_manifest(path, archive)
            rank(made.version)
        except (OSError, Fault, *SPOILT):
            continue
        yield path, made
