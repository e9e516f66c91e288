"""Recordings of real receivers against gpsd, and against what the receivers themselves marked valid.

`matched` counts gpsd's TPV reports with mode 2 or 3, a time and a place; gpsd tells some epochs several
times over. `timed` and `untimed` are our fixes: gpsd tells fewer, as it misses first and last epochs.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardware.gps.epoch import Epoch, EpochAssembler, GpsFix
from hardware.gps.nmea import Refused, Sentence, Splitter
from hardware.gps.sanity import DAY_MS, ROLLOVER_MS

NEAR_DEG = 2e-7


class Recording(msgspec.Struct, frozen=True):
    """What a recording has: its year, then counts."""

    year: int
    matched: int
    timed: int
    untimed: int
    refused: dict[str, int]
    bad_sentences: dict[str, int] = {}


RECORDINGS = {
    "april6_2019": Recording(1999, 1, 1, 1, {"void": 1, "date": 1}),
    "beidou-bd": Recording(2015, 12, 5, 0, {"void": 5}, {"no checksum": 1}),
    "bu353-glonass": Recording(2014, 11, 9, 0, {"void": 10}),
    "com-1289": Recording(2007, 39, 14, 0, {}, {"checksum": 1}),
    "gp-320fw-2019-04-06-overflow": Recording(2019, 51, 20, 1, {}),
    "haicom-305N": Recording(2007, 246, 68, 0, {"void": 6}),
    "motorola-t805": Recording(2007, 30, 16, 0, {"void": 9}),
    "neo-m8n": Recording(2015, 22, 23, 1, {}, {"no checksum": 1, "cut short": 1}),
    "nl551e": Recording(2012, 14, 14, 0, {"void": 3}),
    "quectel-eg25-g": Recording(2022, 219, 23, 0, {"void": 37}, {"no checksum": 1}),
    "quectel-l76k-nmea": Recording(2026, 150, 151, 0, {}),
    "skytraq": Recording(2016, 0, 0, 0, {"void": 17}),
    "ublox-neo-m9n-nmea": Recording(2020, 67, 61, 0, {}),
}

DATED_LATE = {"neo-m8n": ROLLOVER_MS}
"""gpsd's oracle adds 1,024 weeks here, which are too many."""

_PLACE = r"(?P<lat>\d\d)(?P<lat_min>[\d.]+),(?P<north>[NS]),(?P<lon>\d{3})(?P<lon_min>[\d.]+),(?P<east>[EW])"
_VALID = [
    re.compile(rf"\$..RMC,(?P<tod>[\d.]+),A,{_PLACE},"),
    re.compile(rf"\$..GGA,(?P<tod>[\d.]+),{_PLACE},[1-5],"),
    re.compile(rf"\$..GLL,{_PLACE},(?P<tod>[\d.]+),A"),
]


def parts(path: Path) -> Iterator[Sentence | Refused]:
    """The recording in pieces, as a serial port gives it."""
    splitter, data = Splitter(), path.read_bytes()
    for begin in range(0, len(data), 61):
        yield from splitter.feed(data[begin : begin + 61])


def assembled(path: Path, year: int, assembler: EpochAssembler | None = None) -> list[Epoch]:
    """The epochs, for a build of the recording's year; sentences are 100 ms apart."""
    assembler = assembler or EpochAssembler(utc_ms(f"{year}-01-01T00:00:00Z"))
    sentences = [found for found in parts(path) if isinstance(found, Sentence)]
    epochs = [assembler.take(sentence, 100 * at) for at, sentence in enumerate(sentences)]
    epochs.append(assembler.quiet(100 * len(sentences)))
    return [epoch for epoch in epochs if epoch]


def fixes(path: Path, year: int) -> list[GpsFix]:
    return [epoch.fix for epoch in assembled(path, year) if epoch.fix]


def utc_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def oracle(path: Path) -> list[dict[str, Any]]:
    """gpsd's reports that have a fix, a time and a place."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    reports = [json.loads(line) for line in lines if line.startswith('{"class":"TPV"')]
    return [
        report for report in reports if report["mode"] >= 2 and {"time", "lat"} <= report.keys()
    ]


def marked_valid(path: Path) -> set[tuple[int, float, float]]:
    """Time of day in ms and place of each RMC, GGA and GLL that the receiver itself marked valid."""
    text = path.read_text("latin-1")
    found = [match for form in _VALID for match in form.finditer(text)]
    return {(tod_ms(match["tod"]), *place(match)) for match in found}


def place(match: re.Match[str]) -> tuple[float, float]:
    lat = int(match["lat"]) + float(match["lat_min"]) / 60
    lon = int(match["lon"]) + float(match["lon_min"]) / 60
    return lat * (1 if match["north"] == "N" else -1), lon * (1 if match["east"] == "E" else -1)


def tod_ms(text: str) -> int:
    seconds = int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:])
    return round(seconds * 1000)


def near(fix: GpsFix, lat: float, lon: float) -> bool:
    return abs(fix.lat - lat) <= NEAR_DEG and abs(fix.lon - lon) <= NEAR_DEG


def test_every_recording_is_tested(shared_data: Path) -> None:
    assert {path.stem for path in (shared_data / "nmea").glob("*.log")} == RECORDINGS.keys()


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_report_of_gpsd_is_matched(name: str, shared_data: Path) -> None:
    by_time = {
        fix.utc_ms: fix
        for fix in fixes(shared_data / "nmea" / f"{name}.log", RECORDINGS[name].year)
    }
    reports = oracle(shared_data / "nmea" / f"{name}.log.chk")
    for report in reports:
        fix = by_time[utc_ms(report["time"]) - DATED_LATE.get(name, 0)]
        assert near(fix, report["lat"], report["lon"]), (fix, report)
    assert len(reports) == RECORDINGS[name].matched


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_fix_is_invented_and_none_is_doubled(name: str, shared_data: Path) -> None:
    expected = RECORDINGS[name]
    path = shared_data / "nmea" / f"{name}.log"
    found = fixes(path, expected.year)
    valid = marked_valid(path)
    times = [fix.utc_ms for fix in found if fix.utc_ms is not None]
    assert times == sorted(set(times))
    assert (len(times), len(found) - len(times)) == (expected.timed, expected.untimed)
    for fix in found:
        at_ms = None if fix.utc_ms is None else fix.utc_ms % DAY_MS
        assert any(at_ms in (None, tod) and near(fix, lat, lon) for tod, lat, lon in valid), fix


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_place_that_the_receiver_marked_valid_is_a_fix(name: str, shared_data: Path) -> None:
    path = shared_data / "nmea" / f"{name}.log"
    found = fixes(path, RECORDINGS[name].year)
    for _, lat, lon in marked_valid(path):
        assert any(near(fix, lat, lon) for fix in found)


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_is_refused_is_counted(name: str, shared_data: Path) -> None:
    path = shared_data / "nmea" / f"{name}.log"
    assembler = EpochAssembler(utc_ms(f"{RECORDINGS[name].year}-01-01T00:00:00Z"))
    assembled(path, RECORDINGS[name].year, assembler)
    reasons = [found.reason for found in parts(path) if isinstance(found, Refused)]
    assert assembler.refused == RECORDINGS[name].refused
    assert {reason: reasons.count(reason) for reason in reasons} == RECORDINGS[name].bad_sentences


@pytest.mark.parametrize(
    "name", [name for name, recording in RECORDINGS.items() if recording.timed]
)
def test_for_a_build_of_later_years_the_places_stay_and_the_clock_does_not(
    name: str, shared_data: Path
) -> None:
    path = shared_data / "nmea" / f"{name}.log"
    today, later = fixes(path, RECORDINGS[name].year), fixes(path, 2027)
    assert [(fix.lat, fix.lon) for fix in later] == [(fix.lat, fix.lon) for fix in today]
    assert {(fix.utc_ms, fix.clock_ok) for fix in later} == {(None, False)}


@pytest.mark.parametrize("name", ["quectel-l76k-nmea", "ublox-neo-m9n-nmea"])
def test_the_clock_is_good_although_navigation_status_is_v(name: str, shared_data: Path) -> None:
    found = fixes(shared_data / "nmea" / f"{name}.log", RECORDINGS[name].year)
    dated = [fix for fix in found if fix.clock_ok]
    assert len(dated) >= len(found) - 1
    assert all(
        datetime.fromtimestamp((fix.utc_ms or 0) / 1000, UTC).year == RECORDINGS[name].year
        for fix in dated
    )
