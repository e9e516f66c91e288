"""Receivers that were seen to lie about the date, each as it was reported. What may set a clock, and what not."""

from datetime import UTC, datetime

import pytest

from hardware.gps.epoch import EpochAssembler, GpsFix
from hardware.gps.nmea import Sentence

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
BUILT_MS = int(BUILT.timestamp() * 1000)
PLACE = "2714.4000,N,11128.2000,E"


def fixes(*bursts: tuple[str, ...]) -> list[GpsFix]:
    """What a receiver's bursts, a second apart, come to."""
    assembler = EpochAssembler(BUILT_MS)
    epochs = []
    for number, burst in enumerate(bursts):
        for at, body in enumerate(burst):
            address, *fields = body.split(",")
            sentence = Sentence(address[:2], address[2:], tuple(fields))
            epochs.append(assembler.take(sentence, number * 1000 + at * 10))
    epochs.append(assembler.quiet(len(bursts) * 1000))
    return [epoch.fix for epoch in epochs if epoch and epoch.fix]


def rmc(second: int, date: str, status: str = "A", mode: str = "A,V") -> str:
    return f"GNRMC,1200{second:02d}.00,{status},{PLACE},1.0,90.0,{date},,,{mode}"


def dates(date: str, status: str = "A") -> list[tuple[int | None, bool]]:
    found = fixes(*((rmc(second, date, status),) for second in range(5)))
    return [(fix.utc_ms, fix.clock_ok) for fix in found]


@pytest.mark.parametrize("date", ["060180", "010180", "311299"])
def test_tasmota_17896_a_gps_reports_1980_as_valid(date: str) -> None:
    assert dates(date) == [(None, False)] * 5


def test_open_vehicle_monitoring_system_3_284_week_rollover() -> None:
    """24 November 2026 less 1,024 weeks."""
    assert dates("100407") == [(None, False)] * 5


def test_a_date_of_status_v_is_nobodys() -> None:
    """hardware.md: status V may carry a wrong date and time."""
    assert dates("241126", status="V") == []


def test_a_navigation_status_v_is_no_reason_to_refuse() -> None:
    (first, *_) = dates("241126")
    assert first == (int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000), True)


@pytest.mark.parametrize("date", ["000000", "310226", "241326", "2411", ""])
def test_a_date_that_is_none_sets_no_clock(date: str) -> None:
    assert [ok for _, ok in dates(date)] == [False] * 5


@pytest.mark.parametrize("place", ["0000.0000,N,00000.0000,E", ",,,"])
def test_a_fix_at_0_0_or_nowhere_gives_no_time(place: str) -> None:
    body = f"GNRMC,120000.00,A,{place},1.0,90.0,241126,,,A,V"
    assert fixes((body,)) == []


def test_an_estimated_position_gives_no_time() -> None:
    """Dead reckoning: the receiver sees no satellite, and guesses its clock too."""
    assert fixes((rmc(0, "241126", mode="E,V"),)) == []


def test_a_jump_no_vehicle_can_make_gives_no_time_either() -> None:
    far = "GNRMC,120001.00,A,2814.4000,N,11128.2000,E,1.0,90.0,010130,,,A,V"
    (only,) = fixes((rmc(0, "241126"),), (far,))
    assert only.up_ms == 0


def test_two_sentences_that_differ_on_the_date_set_no_clock() -> None:
    (fix,) = fixes((rmc(0, "241126"), "GNZDA,120000.00,24,11,2031,00,00"))
    assert (fix.utc_ms, fix.clock_ok) == (None, False)


def test_a_time_without_a_date_is_carried_and_sets_no_clock() -> None:
    gga = f"GNGGA,120001.00,{PLACE},1,09,2.0,231.4,M,-21.7,M,,"
    dated, carried = fixes((rmc(0, "241126"),), (gga,))
    assert carried.utc_ms == (dated.utc_ms or 0) + 1000
    assert (dated.clock_ok, carried.clock_ok) == (True, False)


def test_meshtastic_3228_a_lost_fix_is_no_fix_at_0_0() -> None:
    lost = "GNRMC,120001.00,A,0000.0000,N,00000.0000,E,,,241126,,,A"
    assert fixes((lost,)) == []
    (only,) = fixes((rmc(0, "241126"),), (lost,))
    assert only.up_ms == 0


def test_traccar_3121_4451_a_place_in_china_is_the_receivers_wgs84_degrees() -> None:
    """The maps' offset (GCJ-02) is some 500 m here; who draws a map applies it, nobody else."""
    (fix,) = fixes((rmc(0, "241126"),))
    assert (fix.lat, fix.lon) == (pytest.approx(27.24, abs=1e-9), pytest.approx(111.47, abs=1e-9))
