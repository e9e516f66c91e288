"""The services as systemd itself judges them: every file is understood, and none is more open than it need be."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

OURS = Path(__file__).parents[2] / "systemd" / "system"
DEBIANS = Path("/lib/systemd/system")
PROGRAMS = re.compile(r"^Exec\w+=[-+!@:]*(/\S+)", re.MULTILINE)
UNITS = sorted(path.name for path in OURS.glob("*.*") if path.is_file() and "@." not in path.name)
MOST_OPEN = {
    "xunkong-device.service": 1.8,
    "xunkong-guard.service": 1.3,
    "xunkong-trial.service": 1.3,
    "xunkong-update.service": 1.3,
    "xunkong-patch.service": 3.0,
    "xunkong-device-restart.service": 1.3,
    "xunkong-logs.service": 1.3,
    "xunkong-ingest.service": 1.3,
    "xunkong-forward.service": 1.3,
    "xunkong-authority.service": 1.3,
    "xunkong-backup.service": 1.3,
    "xunkong-retain.service": 1.3,
    "xunkong-safe-mode.service": 1.8,
    "xunkong-broker-reload.service": 1.3,
    "mosquitto.service": 2.0,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A file system with the units, Debian's own, and something at the path of each program they start."""
    for tool, there in (
        ("systemd-analyze", shutil.which("systemd-analyze")),
        ("mosquitto", broker()),
    ):
        if there is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {tool}")
    made = tmp_path_factory.mktemp("root")
    shutil.copytree(OURS, made / "etc/systemd/system")
    theirs = made / "usr/lib/systemd/system"
    theirs.mkdir(parents=True)
    for path in (*DEBIANS.glob("*.target"), *DEBIANS.glob("*.slice"), broker()):
        shutil.copy(path, theirs)
    for unit in (*OURS.rglob("*.service"), *OURS.rglob("*.conf"), broker()):
        for program in PROGRAMS.findall(unit.read_text("utf-8")):
            stand_in = made / program.removeprefix("/")
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.touch(0o755)
    return made


def broker():
    """Debian's unit of the broker; None where it is not installed."""
    path = DEBIANS / "mosquitto.service"
    return path if path.exists() else None


def analyze(root, *words):
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", "--man=no", "--no-pager", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_understood(root, unit):
    done = analyze(root, "verify", str(root / "etc/systemd/system" / unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_not_understood_is_found(root):
    """The check above can fail."""
    wrong = root / "etc/systemd/system/wrong.service"
    wrong.write_text("[Service]\nExecStart=/nowhere/at/all\nRestrat=always\n")
    try:
        said = analyze(root, "verify", str(wrong)).stderr
    finally:
        wrong.unlink()
    assert "Restrat" in said
    assert "/nowhere/at/all" in said


@pytest.mark.parametrize(("unit", "most"), MOST_OPEN.items())
def test_a_service_is_no_more_open_than_it_need_be(root, unit, most):
    done = analyze(root, "security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found.group(1)) <= most


def test_every_service_but_the_brokers_has_a_limit_of_openness():
    services = {path.name for path in OURS.glob("xunkong-*.service") if "@." not in path.name}
    shutdown = {"xunkong-device-poweroff.service", "xunkong-device-reboot.service"}
    assert services - shutdown == {unit for unit in MOST_OPEN if unit.startswith("xunkong")}
