"""Clock floors, with real processes: a power cut, no network, no GPS. No clock of the machine is touched.

Another boot is made of a time namespace (CLOCK_BOOTTIME), a boot id mounted over the kernel's, and a
user namespace, in which the real `clock_settime` is always refused.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from device import system
from device.journal.journal import Journal
from wire.batch import decode_record, encode_record
from wire.records import Alarm, Boot, Checkin

ROOT = Path(__file__).parents[2]
BOOT_ID = "/proc/sys/kernel/random/boot_id"
YEAR_MS = 31_536_000_000
KEPT_MS = time.time_ns() // 1_000_000 + YEAR_MS
"""The last time that was kept: for the next boot, this machine's clock is a year behind it."""

CONFIG = """
[unit]
id = "cp-1"
role = "checkpoint"
[[broker]]
host = "127.0.0.1"
port = 1
[journal]
path = "journal.db"
[clock]
set_system = true
"""
BOOTED = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "device.toml"
    path.write_text(CONFIG, "ascii")
    return path


@pytest.fixture
def in_boot(tmp_path):
    """A `xunkong device` command as the boot `name`, which began `up_s` later than this machine."""
    spaces = ["unshare", "--user", "--map-root-user", "--mount", "--time", "--boottime"]
    if subprocess.run([*spaces, "1", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user and time namespaces here: kernel.unprivileged_userns_clone")

    def command(name, up_s, *words):
        boot_id = tmp_path / name
        boot_id.write_text(f"{name}-0000-4000-8000-000000000000\n", "ascii")
        whole = [sys.executable, "-c", "import sys, xunkong; sys.exit(xunkong.main(sys.argv[1:]))"]
        return [
            *spaces, str(up_s), "sh", "-c", BOOTED, "sh", str(boot_id), BOOT_ID,
            *whole, "--lang", "en", "device", *words,
        ]  # fmt: skip

    return command


def _until(lines, word):
    said = ""
    for line in lines:
        said += line
        if word in line:
            break
    return said


@pytest.fixture
def run(in_boot, config):
    """Runs the unit as a boot until it has found that there is no broker, then lets it end."""

    def until_offline(name, up_s=0):
        command = in_boot(name, up_s, "run", "--config", str(config))
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            said = _until(process.stderr, "no broker")
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        assert (process.returncode, "no broker" in said) == (0, True), said + rest
        return said

    return until_offline


@pytest.fixture
def clock(in_boot, config):
    """`device clock --json` as a boot: exit code and report."""

    def ask(name, up_s=0):
        command = in_boot(name, up_s, "clock", "--config", str(config), "--json")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    return ask


def seed(config, boot, up_ms, at_ms):
    """What a run before kept."""
    journal = Journal.open(config.parent / "journal.db")
    head = {"boot": boot, "up_ms": up_ms, "at_ms": at_ms, "clock": "gnss", "clock_err_ms": 300}
    tap = {"badge": "04a1b2c3", "person": None, "place": "pl-1", "method": "nfc", "proof": "uid"}
    journal.append("event", encode_record(Checkin(**head, **tap, result="accepted")))
    journal.close()


def written(config, boot, kind):
    journal = Journal.open(config.parent / "journal.db", read_only=True)
    records = [decode_record(raw) for _, _, _, raw in journal.iterate("event")]
    journal.close()
    return [record for record in records if isinstance(record, kind) and record.boot == boot]


def test_after_a_power_cut_nothing_is_dated_by_a_clock_that_went_back(config, run, clock):
    """OctoPi 606: a Pi's clock goes backwards after a power cut."""
    seed(config, "aaaa0000", 5_000, KEPT_MS)
    run("bbbb0000")
    (boot,) = written(config, "bbbb0000", Boot)
    assert (boot.last_stop, boot.at_ms, boot.clock) == ("first_start", None, "none")
    alarms = [a for a in written(config, "bbbb0000", Alarm) if a.alarm == "clock"]
    assert ("system", True) in [(alarm.part, alarm.active) for alarm in alarms]
    code, report = clock("bbbb0000")
    assert (code, report["source"], report["at_ms"]) == (1, "none", None)
    assert report["floor_ms"] == KEPT_MS
    assert report["behind_ms"] == KEPT_MS - report["system_ms"] > 0


@pytest.mark.parametrize("asked", [True, False])
def test_the_system_time_is_set_where_that_is_asked_for(config, run, asked):
    """Asked for, the real system call is made, and refused in this namespace; else it is not."""
    config.write_text(CONFIG.replace("true", str(asked).lower()), "ascii")
    seed(config, "aaaa0000", 5_000, KEPT_MS)
    tried = "before the newest time kept and could not be set" in run("bbbb0000")
    assert tried is (asked and not system.is_steered()[0])


def test_the_floor_outlives_many_boots_without_the_time(config, run, clock):
    seed(config, "aaaa0000", 5_000, KEPT_MS)
    for n in range(2):
        run(f"bbbb000{n}")
    _, report = clock("cccc0000")
    assert report["floor_ms"] == KEPT_MS


def test_a_process_that_begins_anew_in_the_same_boot_keeps_the_receivers_time(config, run, clock):
    up_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    seed(config, "bbbb0000", up_ms + 100_000_000, KEPT_MS)
    run("bbbb0000", up_s=100_000)
    (boot,) = written(config, "bbbb0000", Boot)
    assert boot.clock == "gnss"
    assert boot.at_ms - KEPT_MS == boot.up_ms - up_ms - 100_000_000
    _, report = clock("bbbb0000", up_s=100_000)
    assert (report["source"], report["at_ms"] >= boot.at_ms) == ("gnss", True)
