"""Patches for tests: packages made by hand, which dpkg takes, and a release of them; and a system of its own."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from gateway.releases.build import look, sign
from provision.bundle.debs import INDEX, write_index
from provision.bundle.patches import write_patches
from provision.kinds import Kind
from wire.chain import Signer
from wire.release import Named

MADE_MS = 1_795_824_000_000
KIND = Kind("bookworm", "x86_64")


def make_deb(
    folder: Path,
    name: str,
    version: str,
    scripts: Mapping[str, str] | None = None,
    needs: str = "",
    size: int = 0,
) -> Path:
    """A package with one file, `/opt/<name>`, that holds its version; `scripts`: its maintainer's."""
    tree = folder / f"tree-{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    fields = {
        "Package": name,
        "Version": version,
        "Architecture": "all",
        "Maintainer": "x <x@example.org>",
        **({"Depends": needs} if needs else {}),
        "Description": "of a test",
    }
    lines = [f"{key}: {value}\n" for key, value in fields.items()]
    (tree / "DEBIAN/control").write_text("".join(lines), "utf-8")
    for script, text in (scripts or {}).items():
        path = tree / "DEBIAN" / script
        path.write_text(f"#!/bin/sh\nset -e\n{text}\n", "utf-8")
        path.chmod(0o755)
    (tree / "opt").mkdir()
    (tree / "opt" / name).write_text(f"{version}\n" + "x" * size, "utf-8")
    deb = folder / f"{name}_{version.replace(':', '-')}_all.deb"
    said = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb)]
    subprocess.run(said, check=True, capture_output=True)
    return deb


def make_patches(
    folder: Path,
    key: Signer | None,
    debs: list[Path],
    version: str = "2026.11.28",
    kind: Kind = KIND,
) -> Path:
    """A release of `debs`, signed by `key` unless that is None."""
    folder.mkdir(parents=True, exist_ok=True)
    index = write_index(debs, folder / INDEX)
    path = folder / f"{version}.release"
    write_patches(path, kind, version, MADE_MS, [*debs, index])
    if key:
        sign(path, key)
    return path


def named_of(path: Path) -> Named:
    """As an order names it."""
    head, digest = look(path, None)
    return Named(head.manifest.version, digest, head.size)
