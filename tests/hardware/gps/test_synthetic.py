"""The drive that nobody made is one that the assembler believes, with legs, corners and stops."""

from itertools import pairwise

from hardware.gps.epoch import FLOOR_UTC_MS, EpochAssembler, GpsFix
from hardware.gps.nmea import Sentence, Splitter
from hardware.gps.sanity import metres
from hardware.gps.synthetic import START_LAT, START_LON, Car, drive, epoch

START_MS = 1_786_492_790_000
SECONDS = 3600


def fixes(epochs: list[bytes]) -> list[GpsFix]:
    """What the assembler makes of a drive, one second apart."""
    splitter, assembler, found = Splitter(), EpochAssembler(FLOOR_UTC_MS), []
    for second, data in enumerate(epochs):
        for sentence in splitter.feed(data):
            assert isinstance(sentence, Sentence)
            assembler.take(sentence, second * 1000)
        closed = assembler.quiet(second * 1000 + 100)
        assert closed is not None
        assert closed.fix is not None
        found.append(closed.fix)
    return found


def test_each_second_is_a_fix_with_its_time_also_over_midnight() -> None:
    found = fixes(list(drive(START_MS, 60, 1)))
    assert [fix.utc_ms for fix in found] == [START_MS + 1000 * second for second in range(60)]
    assert all(fix.clock_ok and fix.sats == 9 and fix.hdop == 0.92 for fix in found)


def test_it_stays_near_and_moves_as_a_car_does() -> None:
    found = fixes(list(drive(START_MS, SECONDS, 2)))
    assert all(metres(fix.lat, fix.lon, START_LAT, START_LON) < 6000 for fix in found)
    assert all(metres(a.lat, a.lon, b.lat, b.lon) < 20 for a, b in pairwise(found))
    speeds = [fix.speed_m_s or 0.0 for fix in found]
    assert max(speeds) < 16.1
    assert all(-2.1 < b - a < 1.6 for a, b in pairwise(speeds))


def test_it_has_legs_and_corners_and_stops() -> None:
    found = fixes(list(drive(START_MS, SECONDS, 3)))
    stops = sum(a.speed_m_s != 0 and b.speed_m_s == 0 for a, b in pairwise(found))
    courses = {fix.course_deg for fix in found if fix.course_deg is not None}
    assert stops >= 5
    assert {0.0, 90.0, 180.0, 270.0} <= courses
    assert len(courses) > 4


def test_speed_is_the_way_that_is_made() -> None:
    found = fixes(list(drive(START_MS, SECONDS, 4)))
    way_m = sum(metres(a.lat, a.lon, b.lat, b.lon) for a, b in pairwise(found))
    assert 0.95 < sum(fix.speed_m_s or 0.0 for fix in found) / way_m < 1.05


def test_the_same_seed_is_the_same_drive_and_another_is_not() -> None:
    assert list(drive(START_MS, 300, 5)) == list(drive(START_MS, 300, 5))
    assert list(drive(START_MS, 300, 5)) != list(drive(START_MS, 300, 6))


def test_an_epoch_of_a_standing_car() -> None:
    assert epoch(START_MS, Car()).splitlines()[0] == (
        b"$GNRMC,235950.00,A,2714.40000,N,11128.20000,E,0.000,,110826,,,A*67"
    )
