"""What each sentence says, field by field."""

import pytest

from hardware.gps.meaning import Draft, tell, time_of_day
from hardware.gps.nmea import Sentence

PLACE = "4739.71890,N,12219.58362,W"


def sentence(body: str) -> Sentence:
    """Out of a body such as `GPRMC,,V`."""
    address, *fields = body.split(",")
    return Sentence(address[:2], address[2:], tuple(fields))


def told(*bodies: str) -> Draft:
    """What the sentences say together."""
    draft = Draft(0)
    for body in bodies:
        tell(sentence(body), draft)
    return draft


@pytest.mark.parametrize(
    ("text", "tod_ms"),
    [
        ("000000", 0),
        ("074150.799", 27_710_799),
        ("171926.00", 62_366_000),
        ("191434.9", 69_274_900),
        ("235960.00", 86_400_000),
        ("", None),
        ("240000", None),
        ("126000", None),
        ("12000", None),
        ("1200 0", None),
        ("-10000", None),
    ],
)
def test_time_of_day(text: str, tod_ms: int | None) -> None:
    assert time_of_day(sentence(f"GPGGA,{text}")) == tod_ms
    assert time_of_day(sentence(f"GPGLL,,,,,{text}")) == tod_ms


def test_a_sentence_without_time_has_none() -> None:
    assert time_of_day(sentence("GPVTG,120000")) is None
    assert time_of_day(sentence("GPRMC")) is None


def test_rmc() -> None:
    draft = told(f"GNRMC,055234,A,{PLACE},10.0,286.35,050826,,,A,V")
    assert draft.verdict == "valid"
    assert draft.lat == pytest.approx(47.661981667, abs=1e-8)
    assert draft.lon == pytest.approx(-122.326393667, abs=1e-8)
    assert draft.speed_m_s == pytest.approx(5.14444, abs=1e-4)
    assert (draft.course_deg, draft.day) == (286.35, 20670)


def test_gga_and_gns() -> None:
    draft = told(f"GNGGA,055234,{PLACE},1,14,0.9,76.5,M,-21.6,M,,")
    assert (draft.verdict, draft.sats, draft.hdop, draft.alt_m) == ("valid", 14, 0.9, 76.5)
    draft = told(f"GNGNS,055234,{PLACE},AAN,09,1.5,-79.0,32.0,,,V")
    assert (draft.verdict, draft.sats, draft.hdop, draft.alt_m) == ("valid", 9, 1.5, -79.0)


def test_gst_vtg_zda_gsa() -> None:
    draft = told(
        "GNGST,223844.00,151766,2.5,2.2,134,3.0,4.0,2.8",
        "GNVTG,286.35,T,,M,9.00,N,36.00,K,A",
        "GNZDA,055303.400,05,08,2026,00,00",
        "GPGSA,A,3,01,02,,,,,,,,,,,1.5,0.9,1.2,1",
        "GNGSA,A,3,01,02,,,,,,,,,,,1.5,0.9,1.2,1",
        "GNGSA,A,3,01,73,,,,,,,,,,,1.5,0.9,1.2,2",
    )
    assert (draft.hacc_m, draft.course_deg, draft.day, draft.hdop) == (5.0, 286.35, 20670, 0.9)
    assert draft.speed_m_s == pytest.approx(10.0)
    assert len(draft.used) == 4
    assert draft.verdict == ""


def test_vtg_without_kilometres_gives_its_knots() -> None:
    assert told("GPVTG,,T,,M,1.0,N").speed_m_s == pytest.approx(0.514444, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (f"GPRMC,1,V,{PLACE}", "void"),
        ("GPRMC", "void"),
        (f"GPRMC,1,A,{PLACE},,,,,,N", "void"),
        (f"GPRMC,1,A,{PLACE},,,,,,E", "estimated"),
        (f"GPRMC,1,A,{PLACE}", "valid"),
        (f"GPGGA,1,{PLACE},0", "void"),
        (f"GPGGA,1,{PLACE},", "void"),
        (f"GPGGA,1,{PLACE},2", "valid"),
        (f"GPGGA,1,{PLACE},6", "estimated"),
        (f"GPGGA,1,{PLACE},8", "estimated"),
        (f"GPGNS,1,{PLACE},NNNN", "void"),
        (f"GPGNS,1,{PLACE},NA", "valid"),
        (f"GPGNS,1,{PLACE},EE", "estimated"),
        (f"GPGLL,{PLACE},1,A", "valid"),
        (f"GPGLL,{PLACE},1,V,N", "void"),
        ("GPGLL,0000.0000,N,00000.0000,E,1,A", "0,0"),
        ("GPGLL,,,,,1,A", "position"),
        ("GPGLL,4760.0,N,12219.5,W,1,A", "position"),
        ("GPGLL,9000.1,N,12219.5,W,1,A", "position"),
        ("GPGLL,4739.7,N,18000.1,W,1,A", "position"),
        ("GPGLL,4739.7,,12219.5,W,1,A", "position"),
        ("GPGLL,4739.7,E,12219.5,N,1,A", "position"),
        ("GPGLL,4739.7x,N,12219.5,W,1,A", "position"),
    ],
)
def test_verdict(body: str, verdict: str) -> None:
    draft = told(body)
    assert draft.verdict == verdict
    assert (draft.lat is not None) == (verdict == "valid")


def test_the_worst_verdict_of_an_epoch_is_believed_in_any_order() -> None:
    good, bad = f"GPGLL,{PLACE},1,A", f"GPRMC,1,V,{PLACE}"
    assert told(good, bad).verdict == told(bad, good).verdict == "void"


@pytest.mark.parametrize("date", ["2208-1", "320125", "290223", "000000", "1", "01012x"])
def test_a_date_that_is_none(date: str) -> None:
    draft = told(f"GPRMC,1,A,{PLACE},,,{date}")
    assert (draft.day, draft.bad_date) == (None, True)


def test_years_have_two_digits_from_1980() -> None:
    assert told("GPRMC,1,A,,,,,,,220899").day == 10825
    assert told("GPRMC,1,A,,,,,,,010179").day == 39812


def test_two_dates_that_differ_are_bad_and_no_date_is_not() -> None:
    assert told(f"GPRMC,1,A,{PLACE},,,050826", "GPZDA,1,06,08,2026").bad_date
    assert not told(f"GPRMC,1,A,{PLACE},,,050826", "GPZDA,1,05,08,2026", "GPZDA,1,,,").bad_date


@pytest.mark.parametrize("text", ["nan", "inf", "1e3", "1_0", " 1", "-1", "", "٣"])
def test_what_is_no_number_is_not_given(text: str) -> None:
    draft = told(f"GPRMC,1,A,{PLACE},{text},{text}", f"GPGGA,1,{PLACE},1,{text},{text}")
    assert (draft.speed_m_s, draft.course_deg, draft.sats, draft.hdop) == (None,) * 4


@pytest.mark.parametrize("text", ["0.0", "50.0", "99.99"])
def test_an_hdop_that_means_none(text: str) -> None:
    assert told(f"GPGGA,1,{PLACE},1,4,{text}").hdop is None
