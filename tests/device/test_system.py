"""What the machine says of itself, from files of the test's own."""

import subprocess
import sys
from pathlib import Path

import pytest

from device import system
from device.core.events import TimeHeard

ROOT = Path(__file__).parents[2]


def test_the_boot_id_is_its_first_eight_digits(tmp_path):
    path = tmp_path / "boot_id"
    path.write_text("9c1b22f0-77aa-4cde-9f00-0123456789ab\n", "ascii")
    assert system.boot_id(path) == "9c1b22f0"


def test_the_kernels_own_boot_id_is_stable():
    assert system.boot_id() == system.boot_id()
    assert len(system.boot_id()) == 8


def test_now_has_both_clocks_and_only_rises():
    first, second = system.now(), system.now()
    assert 0 < first.up_ms <= second.up_ms
    assert first.up_ms < first.wall_ms


class Libc:
    def __init__(self, state, maxerror_us=0):
        self._state, self._maxerror_us = state, maxerror_us

    def adjtimex(self, reference):
        reference._obj.maxerror = self._maxerror_us
        return self._state


@pytest.fixture
def kernel(monkeypatch):
    """Makes the kernel say that its clock is steered, or not."""

    def says(state):
        monkeypatch.setattr(system.ctypes, "CDLL", lambda *_, **__: Libc(state, 25_900))

    return says


@pytest.mark.parametrize(
    ("state", "rtc", "source", "err_ms"),
    [
        (0, None, "ntp", 25),
        (0, "1763890000", "ntp", 25),
        (system.TIME_ERROR, "1763890000", "rtc", None),
        (-1, "1763890000\n", "rtc", None),
        (system.TIME_ERROR, None, None, None),
        (system.TIME_ERROR, "", None, None),
        (system.TIME_ERROR, "never", None, None),
    ],
)
def test_who_feeds_the_clock(tmp_path, kernel, state, rtc, source, err_ms):
    kernel(state)
    if rtc is not None:
        (tmp_path / "since_epoch").write_text(rtc, "ascii")
    heard = system.system_clock(tmp_path)
    if source is None:
        assert heard is None
        return
    assert isinstance(heard, TimeHeard)
    assert (heard.source, heard.err_ms) == (source, err_ms)
    assert heard.utc_ms > heard.up_ms
    if source == "rtc":
        assert heard.utc_ms == 1_763_890_000_500


class TestFloor:
    """The system's clock after a power cut. Nothing here sets a clock of the machine."""

    YEAR_MS = 31_536_000_000

    @pytest.fixture(autouse=True)
    def unsteered(self, kernel):
        kernel(system.TIME_ERROR)

    def test_it_is_raised_to_the_newest_time_kept(self):
        put = []
        floor_ms = system.now().wall_ms + self.YEAR_MS
        said = system.raise_system_clock(floor_ms, put.append)
        assert put == [floor_ms]
        assert said.endswith("before the newest time kept, and was set to that")

    def test_it_is_never_set_back(self):
        put = []
        assert system.raise_system_clock(system.now().wall_ms - 1, put.append) is None
        assert put == []

    def test_one_that_ntp_steers_is_left_alone(self, kernel):
        kernel(0)
        put = []
        assert system.raise_system_clock(2**42, put.append) is None
        assert put == []

    def test_without_the_right_it_is_said(self):
        def refuse(utc_ms):
            raise PermissionError(1, "Operation not permitted")

        said = system.raise_system_clock(system.now().wall_ms + 5_000, refuse)
        assert "could not be set" in said
        assert "CAP_SYS_TIME" in said


def test_the_real_system_call_is_refused_without_cap_sys_time():
    """In a process that has given up the right: the call is made, and nothing can come of it."""
    dropped = (
        "import ctypes, struct\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "head, sets = struct.pack('Ii', 0x20080522, 0), struct.pack('6I', 0, 0, 0, 0, 0, 0)\n"
        "assert libc.capset(head, sets) == 0\n"
        "from device import system\n"
        "system.is_steered = lambda: (False, 0)\n"
        "print(system.raise_system_clock(system.now().wall_ms + 1_000_000))\n"
    )
    before = system.now()
    said = subprocess.check_output([sys.executable, "-c", dropped], text=True, cwd=ROOT)
    after = system.now()
    assert "could not be set: [Errno 1]" in said
    assert after.wall_ms - before.wall_ms < after.up_ms - before.up_ms + 500_000
