"""The screen as lines: on 80 columns and 24 rows in both languages; what is wrong stands out without colours too."""

import pytest
from msgspec.structs import replace

from device.core.present import Present, Way
from device.status.screen import lines
from device.status.status import (
    ClockSaid,
    PapersSaid,
    PartSaid,
    Queue,
    Row,
    Software,
    Status,
    Trouble,
)
from device.status.systemd import ServiceSaid
from hardware.board.readings import BoardReading
from tests.device.status.conftest import AT_MS
from wire.live import ModemHealth, State
from wire.words import Words, width

WELL = Status(
    at_ms=AT_MS,
    up_ms=100_000_000,
    zone="Asia/Shanghai",
    unit="cp-01",
    role="checkpoint",
    service=ServiceSaid("active", "running", "on duty", 1),
    safe_mode=False,
    present=Present(
        99_999_000,
        30,
        Way("gw.example.cn:8883", 88_400_000, None, True, 99_996_000),
        State(1, "cp-01", True, "9c1b22f0", 1),
    ),
    silent_s=None,
    parts=tuple(PartSaid(name, "ok", 2) for name in ("nfc", "gps", "panel", "camera")),
    clock=ClockSaid("gnss", AT_MS, 300, AT_MS + 40, True, 0),
    queue=Queue(1, 3, 2, AT_MS - 125_000),
    papers=PapersSaid("cp-01", "4f2a", AT_MS + 10**10, AT_MS + 10**9),
    configuration=14,
    software=Software("0.1.0", "a", "0.0.9", None, 0, True),
    board=BoardReading(51.2, 0, 20411, 41, 300),
    modem=ModemHealth("ok", "China Mobile", "lte", -87.0),
    alarms=(),
    records=tuple(
        Row(AT_MS - number * 10**7, Words("打卡" * 30, "check-in " * 10)) for number in range(10)
    ),
    troubles=(),
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_unit_that_is_well_fits_on_80_by_24(language):
    shown = lines(WELL, language)
    assert len(shown) <= 24
    assert max(map(width, shown)) <= 80
    assert not any("\x1b" in line for line in shown)


def test_what_it_tells():
    shown = "\n".join(lines(WELL, "en"))
    for text in (
        "cp-01  checkpoint  on duty  2026-11-28 15:13:20 +0800",
        "active (running, 1×)  on duty",
        "nfc ok (2 s)  gps ok (2 s)",
        "15:13:20 by gnss within 0.3 s; system clock +0.0 s, steered",
        "events 1, tracks 3, photos 2; the oldest has waited for 2 min",
        "gw.example.cn:8883 for 3 h 13 min; the gateway answered 4 s ago",
        "ok  China Mobile lte -87 dBm",
        "cp-01 4f2a until 2027-03-24, renews from 2026-12-10",
        "version 0.1.0, slot a, the other 0.0.9; configuration 14",
        "51 °C  supply ok  disk 20411 MiB free",
        "  15:13:20  check-in",
    ):
        assert text in shown, text


def wrong(**changes):
    status = replace(WELL, **changes)
    assert WELL.well and not status.well
    return status, [line for line in lines(status, "en") if line.startswith("!")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"troubles": (Trouble("journal", Words("坏", "damaged")),)}, "!journal   damaged"),
        ({"alarms": ("gps: unplugged",)}, "!alarm     gps: unplugged"),
        ({"parts": (PartSaid("gps", "silent", 90),)}, "!part      gps: silent"),
        ({"parts": (PartSaid("nfc", None, None, "/dev/x", False),)}, "no /dev/x, check its wires"),
        ({"clock": replace(WELL.clock, at_ms=None)}, "NOT KNOWN, no source in this boot yet"),
        ({"clock": replace(WELL.clock, source="rtc")}, "by rtc (not trusted)"),
        ({"clock": replace(WELL.clock, behind_ms=1)}, "!clock"),
        ({"at_ms": AT_MS + 10**11}, "!cert"),
        ({"modem": ModemHealth("SIM missing")}, "!modem     SIM missing"),
    ],
)
def test_what_is_wrong_is_marked(changes, said):
    assert any(said in line for line in wrong(**changes)[1])


def test_how_the_way_out_stands():
    cut = replace(WELL.present, way=Way(None, 99_000_000, "timed out"))
    (line,) = wrong(present=cut)[1]
    assert "no broker for 16 min: timed out; check-ins are kept" in line
    lonely = replace(WELL.present, way=replace(WELL.present.way, gateway=False))
    assert "NO GATEWAY there" in wrong(present=lonely)[1][0]


def test_a_trial_and_a_missing_release_key():
    software = Software("0.2.0", "b", None, "b", 1, False)
    shown = "\n".join(lines(replace(WELL, software=software), "en"))
    assert "slot b is ON TRIAL, started 1 times" in shown
    assert "none can be taken: there is no release.pub" in shown


def test_a_long_trouble_is_told_whole_and_in_red_on_a_terminal():
    words = Words("巡控" * 60, "a word " * 30)
    status = replace(WELL, troubles=(Trouble("service", words),))
    for language in ("zh", "en"):
        plain = lines(status, language)
        assert max(map(width, plain)) <= 80
        told = "".join(plain).replace(" ", "")
        assert words.say(language).replace(" ", "") in told
    red = [line for line in lines(status, "en", colours=True) if line.startswith("\x1b[31m")]
    assert len(red) >= 4 and all(line.endswith("\x1b[0m") for line in red)


def test_nothing_moves_the_cursor():
    status = replace(WELL, alarms=("\x1b[2J",), records=(Row(None, Words("\x1b", "\x1b[1m")),))
    assert not any("\x1b" in line for line in lines(status, "en"))
    assert lines(status, "en")[-1].startswith("  --:--:--  ")
