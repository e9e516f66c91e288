"""Of a folder of bundles the newest that is for a kind of machine."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from provision.bundle.bundle import SPOILT, Bundle, Manifest, read_manifest
from provision.kinds import Kind, MadeFor
from wire.release import rank
from wire.words import Fault


def choose(folder: Path, kind: Kind, made_for: MadeFor = "unit") -> Bundle:
    """Checked. Raises `Fault` where the folder has none for `kind`; what is no bundle is passed over."""
    fit = [
        (rank(made.version), path) for path, made in _there(folder) if _is_for(made, kind, made_for)
    ]
    if not fit:
        raise Fault(
            f"{folder} 中没有 {kind} {made_for} 的部署包；请制作：{kind.how_to_bundle(made_for)}",
            f"{folder} has no {made_for}'s bundle for {kind}; make it: {kind.how_to_bundle(made_for)}",
        )
    return Bundle(max(fit)[1], made_for)


def _is_for(made: Manifest, kind: Kind, made_for: MadeFor) -> bool:
    return (made.os, made.arch, made.made_for) == (kind.os, kind.arch, made_for)


def _there(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    for path in sorted(folder.glob("*.zip")):
        try:
            with zipfile.ZipFile(path) as archive:
                made = read_manifest(path, archive)
            rank(made.version)
        except (OSError, Fault, *SPOILT):
            continue
        yield path, made
