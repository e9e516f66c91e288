"""Old SUN counters are forgotten, but never so that a replay of one would pass unseen."""

import pytest

from gateway.retention.suns import DAY_MS, retain_suns
from gateway.store.schema import sun_cases, suns
from tests.sun import sun_url
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys
from wire.records import Checkin

NOW_MS = 1_763_890_000_000
LONG_AGO_MS = NOW_MS - 400 * DAY_MS
KEYS = SiteKeys(bytes(range(16)))
CARD, OTHER = "04de5f1eacc040", "04996c6a926980"


@pytest.fixture
def used(any_store):
    """Notes that a card used counters, each at a time of its own (None: no clock)."""

    def note(card, **counters):
        with any_store.changing() as connection:
            for name, at_ms in counters.items():
                row = {"card": card, "counter": int(name[1:]), "unit": "cp-01", "log": "e" * 16}
                connection.execute(suns.insert().values(**row, seq=1, at_ms=at_ms))

    return note


def left(store, rows, card=CARD):
    return [row["counter"] for row in rows(store, "suns") if row["card"] == card]


def test_the_old_go_but_for_each_cards_newest(any_store, used, rows):
    used(CARD, c1=LONG_AGO_MS, c2=LONG_AGO_MS, c3=NOW_MS)
    used(OTHER, c1=LONG_AGO_MS, c2=LONG_AGO_MS)
    assert retain_suns(any_store, 365, NOW_MS) == 3
    assert left(any_store, rows) == [3]
    assert left(any_store, rows, OTHER) == [2]
    assert retain_suns(any_store, 365, NOW_MS) == 0


def test_one_without_a_time_goes_with_the_old_that_came_after_it(any_store, used, rows):
    used(CARD, c1=None, c2=LONG_AGO_MS, c3=None, c4=NOW_MS, c5=None)
    retain_suns(any_store, 365, NOW_MS)
    assert left(any_store, rows) == [3, 4, 5]


def test_a_card_that_no_clock_ever_dated_keeps_all(any_store, used, rows):
    used(CARD, c1=None, c2=None)
    assert retain_suns(any_store, 365, NOW_MS) == 0
    assert left(any_store, rows) == [1, 2]


def test_what_was_told_long_ago_may_be_told_again(any_store, rows):
    with any_store.changing() as connection:
        for case, told_ms in (("old", LONG_AGO_MS), ("new", NOW_MS)):
            connection.execute(sun_cases.insert().values(case=case, told_ms=told_ms))
    retain_suns(any_store, 365, NOW_MS)
    assert [row["case"] for row in rows(any_store, "sun_cases")] == ["new"]


def test_a_replay_of_a_forgotten_counter_is_told_as_running_back(
    any_store, bench_on, unit_log, used
):
    used(CARD, c7=LONG_AGO_MS, c8=NOW_MS - DAY_MS)
    retain_suns(any_store, 365, NOW_MS)
    bench = bench_on(any_store, card_keys=KEYS)
    replay = unit_log("cp-2").add(
        Checkin, badge=CARD, person=None, place=None, method="nfc", proof="sun", result="accepted",
        sun=sun_url(card_keys(KEYS.master, CARD).file, CARD, 7), sun_counter=7, at_ms=NOW_MS,
    )  # fmt: skip
    bench.take(replay.message())
    (alarm,) = bench.alarms()
    assert "counter 7 of card 04de5f1eacc040 against 8" in alarm
    assert "runs back" in alarm
