"""pynmea2's traps, each by its number: what it makes of a sentence, and what we make of it."""

import pynmea2
import pytest

from hardware.gps.epoch import EpochAssembler, GpsFix
from hardware.gps.nmea import Refused, Sentence, Splitter, frame

PLACE = "2714.4000,N,11128.2000,E"
GOOD = f"GNRMC,120000.00,A,{PLACE},1.0,90.0,241126,,,A,V"


def fix_of(*bodies: str) -> GpsFix | None:
    """What one burst of a receiver comes to."""
    assembler = EpochAssembler(None)
    for found in Splitter().feed(b"".join(frame(body) for body in bodies)):
        assert isinstance(found, Sentence)
        assembler.take(found, 0)
    epoch = assembler.quiet(100)
    return epoch.fix if epoch else None


def test_pynmea2_162_a_good_rmc_with_navigation_status_v_is_a_fix() -> None:
    assert not pynmea2.parse(f"${GOOD}").is_valid
    fix = fix_of(GOOD)
    assert fix
    assert fix.clock_ok


@pytest.mark.parametrize("body", ["GNGLL,,,,,120000.00,A,A", "GNRMC,120000.00,A,,,,,,,241126,,,A"])
def test_pynmea2_162_an_empty_latitude_is_no_equator(body: str) -> None:
    assert pynmea2.parse(f"${body}").latitude == 0.0
    assert fix_of(body) is None
    assembler = EpochAssembler(None)
    (sentence,) = Splitter().feed(frame(body))
    assert isinstance(sentence, Sentence)
    assembler.take(sentence, 0)
    epoch = assembler.quiet(100)
    assert epoch
    assert epoch.refused == "position"


def test_pynmea2_162_a_missing_date_costs_the_time_and_raises_nothing() -> None:
    body = f"GNRMC,120000.00,A,{PLACE},1.0,90.0,,,,A"
    with pytest.raises(TypeError):
        _ = pynmea2.parse(f"${body}").datetime
    fix = fix_of(body)
    assert fix
    assert (fix.utc_ms, fix.clock_ok) == (None, False)


def test_pynmea2_108_gsv_with_a_signal_id_says_nothing_of_the_fix() -> None:
    gsv = "GPGSV,1,1,02,05,40,083,46,13,17,308,41,7"
    assert fix_of(gsv, GOOD) == fix_of(GOOD)


def test_pynmea2_108_a_missing_or_wrong_checksum_is_refused() -> None:
    assert pynmea2.parse(f"${GOOD}").status == "A"
    for text, reason in ((f"${GOOD}\r\n", "no checksum"), (f"${GOOD}*00\r\n", "checksum")):
        (found,) = Splitter().feed(text.encode("ascii"))
        assert isinstance(found, Refused)
        assert found.reason == reason
