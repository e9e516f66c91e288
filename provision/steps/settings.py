"""`device.toml`: the unit's name and role, the way to the brokers, and the parts as the builder's book wires them."""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hardware.book.sheet import Sheet, sheets
from provision.host.facts import Facts
from provision.host.job import CONFIG, IDENTITY, PASSED, USER, Done, Job, Wish, done, own
from provision.host.laid import Laid
from provision.steps.software import KEEP
from wire.words import Fault

CHRONY_SOCKET = "/run/chrony.xunkong.sock"
RELEASE_KEY = "/etc/xunkong/release.pub"
ASK = "/run/xunkong-device"
OURS = ("unit", "broker", "journal", "identity")
"""Sections that are not the technician's to give."""
PARTS = (
    *("gps", "nfc", "panel", "power", "camera", "modem"),
    *("clock", "health", "update", "report"),
)
CHECK = (sys.executable, "-m", "xunkong", "--lang", "en", "device", "check", "--config")


def settings(job: Job) -> Done:
    """Lays it down; the steps that follow start the unit anew, whose own software looks at it."""
    text = device_toml(job.wish, job.known)
    files = [Laid(CONFIG, text.encode(), "640", group=USER)]
    release_key = job.wish.release_key or job.site.release_key()
    if release_key:
        files.append(Laid(RELEASE_KEY, release_key))
    changed = job.machine.applied("settings", files, f"rm -f {PASSED}")
    if release_key or job.machine.ask(f"test -e {RELEASE_KEY}").good:
        return done(changed, CONFIG, CONFIG)
    return done(
        changed,
        f"{CONFIG}；没有 release.pub，不能更新软件：请用 --release-key 给出后再次运行",
        f"{CONFIG}; NO release.pub, so it takes no updates: run again with --release-key",
    )


def device_toml(wish: Wish, facts: Facts) -> str:
    """The file's text. Raises `Fault` where the parts of this board in this role are not known."""
    table: dict[str, Any] = {
        "unit": {"id": wish.unit, "role": wish.role, "reboot": ["touch", f"{ASK}/reboot"]},
        "broker": [{"host": one.host, "port": one.port} for one in wish.brokers],
        "journal": {"path": own("journal.db")},
        "identity": {"folder": IDENTITY},
    }
    parts = {**_by_book(wish, facts), **_by_network(wish), **wish.parts}
    parts = {name: section for name, section in parts.items() if section}
    if "gps" in parts:
        parts["clock"] = {"chrony_socket": CHRONY_SOCKET, **parts.get("clock", {})}
    if "camera" in parts:
        parts["camera"] = {"folder": own("photos"), **parts["camera"]}
    if "power" in parts:
        parts["power"] = {"off": ["touch", f"{ASK}/poweroff"], **parts["power"]}
    parts["update"] = {"keep": KEEP, **parts.get("update", {})}
    parts["health"] = {"zone": wish.zone, **parts.get("health", {})}
    return to_toml({**table, **parts})


def check_settings(job: Job) -> None:
    """Raises `Fault` for what the unit's software would not start with. It is asked here, before anything is done."""
    with tempfile.TemporaryDirectory(prefix="xunkong-settings-") as folder:
        draft = Path(folder, "device.toml")
        draft.write_text(device_toml(job.wish, job.known), "utf-8")
        done = subprocess.run([*CHECK, draft], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["?"])[-1]
        said = said.removeprefix("xunkong: ").replace(str(draft), "device.toml")
        raise Fault(
            f"部件参数（--parts）有误：{said}", f"--parts makes no good device.toml: {said}"
        )


def read_parts(path: Path) -> dict[str, Any]:
    """The sections of a technician's file (TOML, as in device.toml); an empty one is a part that the unit lacks.

    Raises `Fault`.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise Fault(f"无法读取 {path}：{exc}", f"cannot read {path}: {exc}") from exc
    for name, section in found.items():
        if name in OURS or not isinstance(section, dict):
            raise Fault(
                f"{path}：[{name}] 由部署程序写入，请删除",
                f"{path}: [{name}] is written by provisioning itself; remove it",
            )
        if name not in PARTS:
            raise Fault(
                f"{path}：没有 [{name}] 这一节；应为 {'、'.join(PARTS)}",
                f"{path}: there is no section [{name}]; give {', '.join(PARTS)}",
            )
    return found


def sheet_of(role: str, board: str | None) -> Sheet | None:
    """The builder's book's sheet for a board in a role; None where the book has none."""
    found = (one for one in sheets() if one.role.partition("-")[0] == role and board in one.models)
    return next(found, None)


def _by_book(wish: Wish, facts: Facts) -> dict[str, Any]:
    sheet = sheet_of(wish.role, facts.board)
    if sheet is None:
        if wish.parts:
            return {}
        raise Fault(
            f"手册中没有 {facts.model or '此机器'} 作为 {wish.role} 的接线；请用 --parts FILE 给出部件",
            f"the builder's book does not wire {facts.model or 'this machine'} as {wish.role}; "
            "give its parts by --parts FILE",
        )
    assert facts.board is not None
    parts: dict[str, Any] = {
        name: {"port": _port(name, by_board[facts.board], facts.readers)}
        for name, by_board in sheet.ports.items()
        if name not in wish.parts
    }
    parts["panel"] = {"kind": "gpio"}
    if wish.role == "vehicle":
        parts["power"] = {"hold_s": 10}
    return parts


def _by_network(wish: Wish) -> dict[str, Any]:
    """A modem that carries the unit's link is watched by the unit."""
    return {"modem": {"command": "mmcli"}} if wish.network and wish.network.modem else {}


def _port(part: str, port: str, there: Sequence[str]) -> str:
    """A port of the book's; where it names a folder, the one device that is plugged in."""
    if not port.endswith("/"):
        return port
    if len(there) != 1:
        names = " ".join(there) or "-"
        raise Fault(
            f"{port} 下应恰有一个 USB 读卡器，现为：{names}；请插好，或用 --parts 给出 [{part}] port",
            f"{port} should have one USB reader, it has: {names}; plug it in, or give [{part}] port by --parts",
        )
    return port + there[0]


def to_toml(
    table: Mapping[str, Any], head: str = "what is changed here is written over by its next run"
) -> str:
    """Sections of plain values, and lists of such sections, as TOML."""
    lines = [f"# Written by xunkong provision; {head}."]
    for name, section in table.items():
        many = isinstance(section, list)
        for one in section if many else [section]:
            lines += ["", f"[[{name}]]" if many else f"[{name}]"]
            lines += [f"{key} = {_value(value)}" for key, value in one.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
