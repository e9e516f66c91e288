"""The project's own wheel, built here, and the wheels that it needs on a machine of another kind."""

import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from provision.bundle.tool import run
from provision.kinds import Kind
from wire.words import Fault, Words

LEFT_OUT = shutil.ignore_patterns(
    ".*", "build", "tests", "*.egg-info", "__pycache__", "node_modules"
)
REMEDY = Words(
    "请检查网络与 pip 的设置；目标机器需要的每个包都必须有现成的 wheel",
    "check the network and pip's settings; each package must have a wheel ready for that machine",
)


def own_wheel(source: Path, to: Path) -> Path:
    """Builds the project's wheel from a copy of `source`, in which nothing is left behind. Raises `Fault`."""
    if not (source / "pyproject.toml").is_file():
        raise Fault(
            f"{source} 不是本项目的源代码目录；请在检出的源代码中运行，或用 --wheel FILE 给出",
            f"{source} is no checkout of the project; run it from one, or give --wheel FILE",
        )
    copy = to.parent / "source"
    shutil.copytree(source, copy, ignore=LEFT_OUT)
    _pip("wheel", "--no-deps", "--wheel-dir", str(to), str(copy))
    return next(to.glob("xunkong-*.whl"))


def needed_wheels(own: Path, extras: str, kind: Kind, to: Path) -> list[Path]:
    """Fetches what `own` needs with its `extras`, and pip, as wheels for `kind` alone; all wheels in `to`."""
    target = ["--only-binary=:all:", "--implementation", "cp", "--python-version", kind.python]
    target += ["--abi", f"cp{kind.python.replace('.', '')}"]
    target += [word for tag in kind.platforms for word in ("--platform", tag)]
    more = kind.release.wheels if kind.arch == "aarch64" else ()
    _pip("download", *target, "--dest", str(to), f"{own}[{extras}]", "pip", *more)
    return sorted(to.glob("*.whl"))


def version_of(wheel: Path) -> str:
    """The version that a wheel of the project says it is. Raises `Fault` for another file."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            lines = archive.read(name).decode("utf-8").splitlines()
    except (OSError, zipfile.BadZipFile, StopIteration) as exc:
        raise Fault(f"{wheel} 不是 wheel：{exc}", f"{wheel} is no wheel: {exc}") from exc
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    if fields.get("Name") != "xunkong":
        raise Fault(f"{wheel} 不是本项目的 wheel", f"{wheel} is no wheel of this project")
    return fields["Version"]


def _pip(*words: str) -> Sequence[str]:
    pip = [sys.executable, "-m", "pip", words[0], "--quiet", "--disable-pip-version-check"]
    return run([*pip, *words[1:]], REMEDY).splitlines()
