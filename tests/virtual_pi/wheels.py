"""What a Pi without internet is carried: the project's wheel and those that it needs, for the Python of its Debian."""

import hashlib
import shutil
import sys
from pathlib import Path

from tests.virtual_pi.command import run
from tests.virtual_pi.root import cache, made_once

PROJECT = Path(__file__).parents[2]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
GLIBC = (36, 28, 17)
"""Minor versions: what wheels were built for may be older than what bookworm has."""
LEFT_OUT = shutil.ignore_patterns(".*", "build", "tests", "*.egg-info", "__pycache__")
EXTRAS = "device,gateway"


def wheels(release: str, scratch: Path) -> list[Path]:
    """All wheels for a unit and a gateway. The project's own is built in `scratch`, the others are kept."""
    own = own_wheel(scratch)
    python = PYTHONS[release]
    needed = hashlib.sha256((PROJECT / "pyproject.toml").read_bytes()).hexdigest()[:8]
    others = made_once(
        cache() / f"wheels-{python}-{needed}", lambda folder: _download(own, python, folder)
    )
    return [own, *(path for path in others.glob("*.whl") if not path.name.startswith("xunkong-"))]


def own_wheel(scratch: Path) -> Path:
    """Built from a copy, in which nothing is left behind; once in the same `scratch`."""
    built = scratch / "own"
    if not built.is_dir():
        shutil.copytree(PROJECT, scratch / "source", ignore=LEFT_OUT)
        _pip("wheel", "--no-deps", "--wheel-dir", built, scratch / "source")
    return next(built.glob("xunkong-*.whl"))


def _download(own: Path, python: str, folder: Path) -> None:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in GLIBC] + ["manylinux2014_x86_64"]
    machine = [word for name in platforms for word in ("--platform", name)]
    like = ("--only-binary=:all:", "--implementation=cp", f"--python-version={python}")
    _pip("download", "--dest", folder, *like, *machine, f"{own}[{EXTRAS}]")


def _pip(*words: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words)
