"""A record's repaired time."""

import pytest

from gateway.store.times import BootAnchor, RepairedTime, better, repaired
from wire.limits import MAX_AT_MS

ANCHOR = BootAnchor(10_000, 1_763_890_000_000, 50, "ntp")


@pytest.mark.parametrize(
    ("clock", "at_ms", "up_ms", "anchor", "said"),
    [
        ("gnss", 5, 1, ANCHOR, RepairedTime(5, "gnss")),
        ("ntp", 5, 1, None, RepairedTime(5, "ntp")),
        ("gw", 5, 1, ANCHOR, RepairedTime(5, "gw")),
        ("rtc", 5, 1, None, RepairedTime(5, "rtc")),
        ("rtc", 5, 9_000, ANCHOR, RepairedTime(1_763_889_999_000, "repaired")),
        ("none", None, 9_000, ANCHOR, RepairedTime(1_763_889_999_000, "repaired")),
        ("none", None, 12_000, ANCHOR, RepairedTime(1_763_890_002_000, "repaired")),
        ("none", None, 9_000, None, RepairedTime(None, "none")),
        ("none", 5, 9_000, None, RepairedTime(None, "none")),
        (None, None, None, ANCHOR, RepairedTime(None, "none")),
        ("gnss", None, 9_000, ANCHOR, RepairedTime(1_763_889_999_000, "repaired")),
        ("none", None, 2**53, ANCHOR, RepairedTime(None, "none")),
        ("none", None, 0, BootAnchor(2**53, 1, 0, "gnss"), RepairedTime(None, "none")),
        ("none", None, 1, BootAnchor(0, MAX_AT_MS, 0, "gw"), RepairedTime(None, "none")),
    ],
)
def test_a_time_is_what_is_known_best(clock, at_ms, up_ms, anchor, said):
    assert repaired({"clock": clock, "at_ms": at_ms, "up_ms": up_ms}, anchor) == said


@pytest.mark.parametrize(
    ("source", "err_ms", "says"),
    [
        ("gnss", 999, True),
        ("ntp", 49, True),
        ("ntp", 50, False),
        ("ntp", 51, False),
        ("gw", 0, False),
    ],
)
def test_what_says_more_of_the_time(source, err_ms, says):
    assert better(BootAnchor(0, 0, err_ms, source), ANCHOR) is says
    assert better(BootAnchor(0, 0, err_ms, source), None) is True
