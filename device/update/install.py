"""Puts a verified release into the idle slot: a venv of its own, made of the release's wheels and nothing else."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from device.journal.format import READS
from wire.release import Head, Manifest, Named, machine_of, part_bytes, rank, verify
from wire.words import Fault

STEP_S = 900.0
"""Of making the venv, and of filling it, on a slow card."""

ROOM_TIMES, SPARE_BYTES = 4, 64 * 1024 * 1024
"""A release unpacked takes so many times its size, and so much of the disk is left to others."""

SITE_PACKAGES = re.compile(r"^include-system-site-packages\s*=\s*true$", re.MULTILINE)
OS_RELEASE = Path("/etc/os-release")


class Refused(Fault):
    """A release that is not for this unit as it is now; or that could not be installed."""


def machine(os_release: Path = OS_RELEASE) -> str:
    """Which machine this is, as releases are made for one: `aarch64-bookworm` and the like."""
    try:
        found = re.search(
            r"^VERSION_CODENAME=\"?(\w+)", os_release.read_text("utf-8"), re.MULTILINE
        )
    except OSError:
        found = None
    return machine_of(platform.machine(), found[1] if found else "unknown")


def check(file: BinaryIO, wanted: Named, public: bytes, version: str, here: str) -> Head:
    """The release in `file`, if it is whole, signed, the one that was ordered, and may follow `version` on the
    machine `here`. Raises `Fault`, which says why not."""
    file.seek(0, os.SEEK_END)
    if file.tell() != wanted.size:
        raise _refused(
            f"文件有 {file.tell()} 字节，应为 {wanted.size}",
            f"{file.tell()} of {wanted.size} bytes",
        )
    head = verify(file, public)
    file.seek(0)
    if file_digest(file, "sha256").hexdigest() != wanted.sha256:  # type: ignore[arg-type]
        raise _refused("不是命令所指的文件", "it is another file than the order names")
    _check_follows(head.manifest, wanted, version, here)
    return head


def _check_follows(manifest: Manifest, wanted: Named, version: str, here: str) -> None:
    if manifest.version != wanted.version:
        said = f"it is version {manifest.version}, the order says {wanted.version}"
        raise _refused(f"版本为 {manifest.version}，命令为 {wanted.version}", said)
    if manifest.kind != "software":
        raise _refused("是系统补丁，不是软件", "it is patches of the system, and no software")
    if manifest.machine != here:
        raise _refused(
            f"适用于 {manifest.machine}，本机为 {here}",
            f"made for {manifest.machine}, this is {here}",
        )
    if rank(manifest.version) <= rank(version):
        said = f"version {manifest.version} is not above {version}, which runs here"
        raise _refused(f"版本 {manifest.version} 不高于现用的 {version}", said)
    if rank(manifest.least) > rank(version):
        said = f"it follows {manifest.least} or later, and {version} runs here"
        raise _refused(f"须先升级到 {manifest.least}，现为 {version}", said)
    if manifest.journal > READS:
        said = f"its journal format {manifest.journal} could not be read after going back ({READS})"
        raise _refused(f"日志格式 {manifest.journal} 高于现用版本可读的 {READS}", said)


def install(file: BinaryIO, head: Head, slot: Path) -> None:
    """Makes `slot` anew of the release, which was checked; when it returns, all of it is on the medium.

    Raises `Fault`; then what is in the slot is nothing to be started.
    """
    wheels = slot.with_name(f"{slot.name}.wheels")
    try:
        for folder in (slot, wheels):
            shutil.rmtree(folder, ignore_errors=True)
        wheels.mkdir(parents=True)
        _check_room(wheels, head.size)
        paths = _unpack(file, head, wheels)
        _make(slot, paths)
        _try(slot, head.manifest.version)
        os.sync()
    except OSError as exc:
        raise _refused(f"无法写入 {slot}：{exc}", f"cannot write {slot}: {exc}") from exc
    finally:
        shutil.rmtree(wheels, ignore_errors=True)


def _check_room(folder: Path, size: int) -> None:
    need, free = size * ROOM_TIMES + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < need:
        said = f"{free // 2**20} MiB are free, {need // 2**20} are needed"
        raise _refused(f"剩余 {free // 2**20} MiB，需要 {need // 2**20} MiB", said)


def _unpack(file: BinaryIO, head: Head, into: Path) -> list[Path]:
    """Each is held against its hash again: the file lies where another process may write."""
    paths = []
    for wheel in head.manifest.wheels:
        path = into / wheel.name
        with path.open("wb") as out:
            for piece in part_bytes(file, head, wheel):
                out.write(piece)
        paths.append(path)
    return paths


def _make(slot: Path, wheels: Sequence[Path]) -> None:
    """As the venv that runs now: with the system's packages (camera, pins) where it has them.

    pip runs from its wheel, which a release brings: Raspberry Pi OS has none to make a venv with.
    """
    own = Path(sys.prefix) / "pyvenv.cfg"
    shared = own.exists() and SITE_PACKAGES.search(own.read_text("utf-8")) is not None
    base = getattr(sys, "_base_executable", sys.executable)
    shares = ["--system-site-packages"] if shared else []
    _run([base, "-m", "venv", "--without-pip", *shares, str(slot)])
    pip = next((wheel for wheel in wheels if wheel.name.startswith("pip-")), None)
    if pip is None:
        raise _refused("缺少 pip 的 wheel", "pip's wheel is not among its files")
    options = ["--no-index", "--no-deps", "--ignore-installed", "--no-cache-dir", "--quiet"]
    own_pip = [base, f"{pip}/pip", "--disable-pip-version-check", "--python", f"{slot}/bin/python"]
    _run([*own_pip, "install", *options, *map(str, wheels)])


def _try(slot: Path, version: str) -> None:
    said = _run([str(slot / "bin/xunkong"), "--version"]).strip()
    if said != f"xunkong {version}":
        raise _refused(f"新版本自称 {said!r}", f"what was installed calls itself {said!r}")


def _run(command: Sequence[str]) -> str:
    """Runs a program without our environment; what it says. Raises `Refused`."""
    environ = {"PATH": os.defpath, "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
    try:
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=STEP_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise _refused(f"{command[0]} 未能运行：{exc}", f"{command[0]} did not run: {exc}") from exc
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no word"]
        said = f"{Path(command[0]).name} ended with {done.returncode}: {why[0][:200]}"
        raise _refused(f"{Path(command[0]).name} 失败：{why[0][:200]}", said)
    return done.stdout


def _refused(zh: str, en: str) -> Refused:
    return Refused(f"更新被拒绝：{zh}", f"update refused: {en}")
