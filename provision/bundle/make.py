"""Makes a bundle for one kind of machine: wheels, Debian packages, services, boot files."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from provision.bundle.bundle import Manifest, write_bundle
from provision.bundle.debs import INDEX, Apt, write_index
from provision.bundle.sources import Source
from provision.bundle.wheels import needed_wheels, own_wheel, version_of
from provision.kinds import BROKER, NETWORK, Kind, MadeFor
from wire.words import Words

SOURCE = Path(__file__).resolve().parents[2]
"""The project's checkout."""

EXTRAS: dict[MadeFor, str] = {"unit": "device", "gateway": "gateway"}
TOOLS = "device,provision"
"""What runs there; and what makes a unit of a machine at its first boot, which is kept apart."""


def make_bundle(
    kind: Kind,
    sources: Sequence[Source],
    to: Path,
    say: Callable[[Words], None],
    wheel: Path | None = None,
    source: Path = SOURCE,
    made_for: MadeFor = "unit",
) -> Manifest:
    """Makes it at `to`. `wheel`: the project's own, else it is built from `source`. Raises `Fault`."""
    with tempfile.TemporaryDirectory(prefix="xunkong-bundle-") as name:
        folder = Path(name)
        own, version = _own(wheel, source, folder / "wheels")
        files = _wheels(kind, own, made_for, folder, say)
        packages = kind.release.packages + (BROKER if made_for == "gateway" else ())
        carried = packages if made_for == "gateway" else (*packages, *chain(*NETWORK.values()))
        debs = _debs(kind, sources, carried, folder, say)
        files |= {f"debs/{path.name}": path for path in debs}
        files |= _tree(source / "systemd", "systemd")
        files |= guards(source)
        if made_for == "unit":
            files |= _tree(source / "hardware" / "book" / "boot", "boot")
        return write_bundle(to, kind, version, packages, files, made_for)


def _own(wheel: Path | None, source: Path, to: Path) -> tuple[Path, str]:
    """The project's own wheel, below `to`, and its version."""
    to.mkdir()
    if wheel is not None:
        version_of(wheel)
    own = Path(shutil.copy(wheel, to)) if wheel else own_wheel(source, to)
    return own, version_of(own)


def _wheels(
    kind: Kind, own: Path, made_for: MadeFor, folder: Path, say: Callable[[Words], None]
) -> dict[str, Path]:
    say(
        Words(
            f"wheel：Python {kind.python} {kind.arch}", f"wheels: Python {kind.python} {kind.arch}"
        )
    )
    wheels = needed_wheels(own, EXTRAS[made_for], kind, own.parent)
    files = {f"wheels/{path.name}": path for path in wheels}
    if made_for == "gateway":
        return files
    tools = needed_wheels(own, TOOLS, kind, folder / "tools")
    names = {path.name for path in wheels}
    return files | {f"tools/{path.name}": path for path in tools if path.name not in names}


def _debs(
    kind: Kind,
    sources: Sequence[Source],
    wanted: Sequence[str],
    folder: Path,
    say: Callable[[Words], None],
) -> list[Path]:
    packages = tuple(dict.fromkeys(wanted))
    names = " ".join(packages)
    say(Words(f"Debian {kind.os} 软件包：{names}", f"packages of Debian {kind.os}: {names}"))
    apt = Apt(folder / "apt", kind, sources)
    apt.update()
    debs = apt.download(apt.lacking(packages), folder / "debs")
    return [*debs, write_index(debs, folder / "debs" / INDEX)]


def guards(source: Path) -> dict[str, Path]:
    """What lies outside the slots, by its name in the bundle."""
    patching = source / "device" / "patching"
    files = {"guard/guard.py": source / "device" / "update" / "guard.py"}
    files["guard/root/__main__.py"] = patching / "__main__.py"
    files["guard/root/device/__init__.py"] = source / "device" / "__init__.py"
    return files | _tree(patching, "guard/root/device/patching")


def _tree(folder: Path, name: str) -> dict[str, Path]:
    """The files below `folder`, by their names in the bundle."""
    return {
        f"{name}/{path.relative_to(folder)}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".pyc", ".md"))
    }
