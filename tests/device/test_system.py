"""What the machine says of itself, from files of the test's own."""

import pytest

from device import system
from device.core.events import TimeHeard


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


def test_measure(tmp_path, monkeypatch):
    thermal = tmp_path / "temp"
    thermal.write_text("48312\n", "ascii")
    monkeypatch.setattr(system, "THERMAL", thermal)
    measured = system.measure(tmp_path)
    assert measured.cpu_c == pytest.approx(48.312)
    assert measured.disk_free_mb > 0
    assert 5 < measured.mem_mb < 5_000


def test_what_cannot_be_measured_is_none(tmp_path, monkeypatch):
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("warm", "ascii")
    monkeypatch.setattr(system, "THERMAL", rubbish)
    monkeypatch.setattr(system, "STATM", tmp_path / "none")
    measured = system.measure(tmp_path / "no folder")
    assert (measured.cpu_c, measured.disk_free_mb, measured.mem_mb) == (None, None, None)


class Libc:
    def __init__(self, state, maxerror_us=0):
        self._state, self._maxerror_us = state, maxerror_us

    def adjtimex(self, reference):
        reference._obj.maxerror = self._maxerror_us
        return self._state


@pytest.mark.parametrize(
    ("state", "rtc", "source", "err_ms"),
    [
        (0, False, "ntp", 25),
        (0, True, "ntp", 25),
        (system.TIME_ERROR, True, "rtc", None),
        (-1, True, "rtc", None),
        (system.TIME_ERROR, False, None, None),
    ],
)
def test_who_feeds_the_clock(tmp_path, monkeypatch, state, rtc, source, err_ms):
    monkeypatch.setattr(system.ctypes, "CDLL", lambda *_, **__: Libc(state, 25_900))
    place = tmp_path / "rtc0"
    if rtc:
        place.mkdir()
    heard = system.system_clock(place)
    if source is None:
        assert heard is None
        return
    assert isinstance(heard, TimeHeard)
    assert (heard.source, heard.err_ms) == (source, err_ms)
    assert heard.utc_ms > heard.up_ms
