"""One fix per epoch, in whatever order the sentences come."""

from itertools import permutations

import pytest

from hardware.gps.epoch import FLOOR_UTC_MS, RANGE_ERROR_M, Epoch, EpochAssembler, GpsFix
from hardware.gps.nmea import Sentence

NOON_MS = 1_786_449_600_000
PLACE = "2714.4000,N,11128.2000,E"
FAR = "2814.4000,N,11128.2000,E"


def sentence(body: str) -> Sentence:
    """Out of a body such as `GPRMC,,V`."""
    address, *fields = body.split(",")
    return Sentence(address[:2], address[2:], tuple(fields))


def rmc(tod: str, place: str = PLACE, status: str = "A", date: str = "110826") -> str:
    return f"GNRMC,{tod},{status},{place},1.0,90.0,{date},,,A,V"


def gga(tod: str, place: str = PLACE, quality: int = 1) -> str:
    return f"GNGGA,{tod},{place},{quality},09,2.0,231.4,M,-21.7,M,,"


def gll(tod: str, place: str = PLACE) -> str:
    return f"GNGLL,{place},{tod},A,A"


class Bench:
    """An assembler, a clock of milliseconds, and what came out."""

    def __init__(self, floor_utc_ms: int = FLOOR_UTC_MS) -> None:
        self.assembler = EpochAssembler(floor_utc_ms)
        self.epochs: list[Epoch] = []
        self.up_ms = 0

    def burst(self, *bodies: str, step_ms: int = 1000) -> None:
        """Sentences 10 ms apart, the first `step_ms` after the last burst's first."""
        for number, body in enumerate(bodies):
            self._note(self.assembler.take(sentence(body), self.up_ms + 10 * number))
        self.up_ms += step_ms

    def quiet(self) -> None:
        self._note(self.assembler.quiet(self.up_ms))

    @property
    def fixes(self) -> list[GpsFix]:
        return [epoch.fix for epoch in self.epochs if epoch.fix]

    def _note(self, epoch: Epoch | None) -> None:
        if epoch:
            self.epochs.append(epoch)


BURST = (
    rmc("120000.00"),
    gga("120000.00"),
    gll("120000.00"),
    "GNGSA,A,3,05,13,15,,,,,,,,,,2.0,2.0,1.0",
    "GNVTG,90.0,T,,M,1.0,N,1.852,K,A",
    "GNZDA,120000.00,11,08,2026,00,00",
)
FIX = GpsFix(
    up_ms=0,
    utc_ms=NOON_MS,
    clock_ok=True,
    lat=27.24,
    lon=111.47,
    speed_m_s=1852 / 3600,
    course_deg=90.0,
    alt_m=231.4,
    hdop=2.0,
    sats=9,
    hacc_m=2.0 * RANGE_ERROR_M,
)


def test_an_epoch_is_one_fix_in_whatever_order_its_sentences_come() -> None:
    for order in permutations(BURST):
        bench = Bench()
        bench.burst(*order)
        assert bench.epochs == []
        bench.quiet()
        assert [(fix.lat, fix.utc_ms, fix.clock_ok, fix.sats) for fix in bench.fixes] == [
            (27.24, NOON_MS, True, 9)
        ]


def test_all_that_was_said_is_in_the_fix() -> None:
    bench = Bench()
    bench.burst(*BURST)
    bench.quiet()
    assert bench.epochs == [Epoch(0, 1000, FIX, "")]


def test_a_new_time_of_day_closes_the_epoch_without_a_pause() -> None:
    bench = Bench()
    bench.burst(rmc("120000.00"), gga("120000.00"))
    bench.burst(rmc("120001.00"), gga("120001.00"))
    assert [(epoch.up_ms, epoch.closed_ms) for epoch in bench.epochs] == [(0, 1000)]


def test_five_epochs_a_second() -> None:
    bench = Bench()
    for number in range(50):
        tod = f"1200{number // 5:02d}.{number % 5 * 2}00"
        bench.burst(gga(tod), gll(tod), rmc(tod), step_ms=200)
    bench.quiet()
    assert [fix.utc_ms for fix in bench.fixes] == [NOON_MS + 200 * number for number in range(50)]


def test_midnight_with_a_date_and_without() -> None:
    bench = Bench()
    bench.burst(gga("235959.00"), rmc("235959.00"))
    bench.burst(gga("000000.00"), rmc("000000.00", date="120826"))
    bench.burst(gga("000001.00"))
    bench.quiet()
    midnight_ms = NOON_MS + 12 * 3_600_000
    assert [fix.utc_ms for fix in bench.fixes] == [midnight_ms + step for step in (-1000, 0, 1000)]
    assert [fix.clock_ok for fix in bench.fixes] == [True, True, False]


def test_midnight_in_an_epoch_without_date_is_the_next_day() -> None:
    bench = Bench()
    bench.burst(rmc("235959.00"))
    bench.burst(gga("000000.00"))
    bench.quiet()
    assert bench.fixes[1].utc_ms == NOON_MS + 12 * 3_600_000


def test_without_a_date_ever_there_is_a_place_and_no_time() -> None:
    bench = Bench()
    bench.burst(gga("120000.00"))
    bench.quiet()
    assert (bench.fixes[0].lat, bench.fixes[0].utc_ms, bench.fixes[0].clock_ok) == (
        27.24,
        None,
        False,
    )
    assert bench.assembler.refused == {}


def test_without_any_time_of_day_each_burst_is_an_epoch() -> None:
    bench = Bench()
    bench.burst(gga(""), rmc(""))
    bench.burst(gga(""), rmc(""))
    bench.quiet()
    assert [fix.utc_ms for fix in bench.fixes] == [None, None]


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        ((rmc("120000", status="V"), gga("120000", quality=0)), "void"),
        ((rmc("120000", status="V"), gga("120000")), "void"),
        ((rmc("120000"), gga("120000", quality=0)), "void"),
        (("GNGNS,120000,,,,,NNN,,,,,,", "GPGGA,,,,,,0,,,,,,,,", "GPRMC,,V,,,,,,,,,,N"), "void"),
        ((gga("120000", quality=6),), "estimated"),
        ((rmc("120000", "0000.0000,N,00000.0000,E"),), "0,0"),
        ((rmc("120000", ",,,"),), "position"),
        ((rmc("120000", "9914.4000,N,11128.2000,E"),), "position"),
    ],
)
def test_no_fix_is_invented(bodies: tuple[str, ...], reason: str) -> None:
    bench = Bench()
    bench.burst(*bodies)
    bench.quiet()
    assert [(epoch.fix, epoch.refused) for epoch in bench.epochs] == [(None, reason)]
    assert bench.assembler.refused == {reason: 1}


def test_a_void_epoch_sets_no_date() -> None:
    bench = Bench()
    bench.burst(rmc("120000", status="V", date="010130"), "GNZDA,120000,01,01,2030,,")
    bench.burst(gga("120001"))
    bench.quiet()
    assert [fix.utc_ms for fix in bench.fixes] == [None]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("311224", "date too early"),
        ("251206", "date too early"),
        ("220899", "date too early"),
        ("010179", "date too late"),
        ("2208-1", "date"),
    ],
)
def test_a_wrong_date_costs_the_time_and_not_the_place(date: str, reason: str) -> None:
    bench = Bench()
    bench.burst(rmc("120000", date=date), gga("120000"))
    bench.quiet()
    assert [(fix.lat, fix.utc_ms, fix.clock_ok) for fix in bench.fixes] == [(27.24, None, False)]
    assert bench.assembler.refused == {reason: 1}


def test_navigation_status_v_does_not_spoil_the_clock_of_a_good_fix() -> None:
    bench = Bench()
    bench.burst(rmc("120000"))
    bench.quiet()
    assert bench.fixes[0].clock_ok


def test_a_jump_is_refused_until_the_new_place_holds() -> None:
    bench = Bench()
    for second in range(3):
        bench.burst(gga(f"12000{second}"))
    for second in range(3, 9):
        bench.burst(gga(f"12000{second}", FAR))
    bench.quiet()
    assert [epoch.refused for epoch in bench.epochs] == [""] * 3 + ["jump"] * 4 + [""] * 2
    assert bench.assembler.refused == {"jump": 4}


def test_one_wild_fix_is_left_out() -> None:
    bench = Bench()
    bench.burst(gga("120000"))
    bench.burst(gga("120001", FAR))
    bench.burst(gga("120002"))
    bench.quiet()
    assert [epoch.refused for epoch in bench.epochs] == ["", "jump", ""]


def test_a_pause_within_a_burst_makes_no_second_fix() -> None:
    bench = Bench()
    bench.burst(rmc("120000"), step_ms=60)
    bench.quiet()
    bench.burst("GPGSV,1,1,00", gga("120000"), "GNGST,120000,,,,,1.0,1.0,", step_ms=60)
    bench.quiet()
    bench.burst(rmc("120001"))
    bench.quiet()
    assert [fix.up_ms for fix in bench.fixes] == [0, 120]


def test_a_pause_after_zda_does_not_lose_the_fix() -> None:
    bench = Bench()
    bench.burst("GNZDA,120000,11,08,2026,,", step_ms=60)
    bench.quiet()
    bench.burst(gga("120000"))
    bench.quiet()
    assert [(fix.up_ms, fix.utc_ms, fix.clock_ok) for fix in bench.fixes] == [(0, NOON_MS, True)]


def test_a_burst_that_begins_with_gsv_is_timed_by_it() -> None:
    bench = Bench()
    bench.burst("GPGSV,1,1,00", "GPGSA,A,3,01,02,,,,,,,,,,,2.0,1.0,1.0", rmc("120000"))
    bench.quiet()
    assert [(fix.up_ms, fix.sats, fix.hacc_m) for fix in bench.fixes] == [(0, 2, RANGE_ERROR_M)]


def test_gst_is_the_accuracy_and_one_of_another_epoch_is_not() -> None:
    bench = Bench()
    bench.burst(rmc("120000"), gga("120000"), "GNGST,120000,,,,,3.0,4.0,")
    bench.burst(rmc("120001"), "GNGST,115959,,,,,30.0,40.0,", gga("120001"))
    bench.quiet()
    assert [fix.hacc_m for fix in bench.fixes] == [5.0, 2.0 * RANGE_ERROR_M]


def test_sentences_that_say_nothing_make_no_epoch() -> None:
    bench = Bench()
    bench.burst("GPTXT,01,01,01,ANTENNA OPEN", "GPGSV,1,1,00", "PUBX,00")
    bench.quiet()
    assert bench.epochs == []


def test_an_epoch_that_tells_no_position_is_counted() -> None:
    bench = Bench()
    bench.burst("GNZDA,120000,11,08,2026,,")
    bench.burst(rmc("120001"))
    bench.quiet()
    assert [epoch.refused for epoch in bench.epochs] == ["untold", ""]
