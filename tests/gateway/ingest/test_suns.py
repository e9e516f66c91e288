"""SUN messages at the gateway: what is told over all units, what is not, and that all is stored."""

import msgspec
import pytest

from gateway.ingest.suns import UNVERIFIED
from tests.sun import sun_url
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys, meta_key
from wire.records import Checkin, Crew

KEYS = SiteKeys(bytes(range(16)))
CARD, OTHER = "04de5f1eacc040", "04996c6a926980"
STRAY = sun_url(card_keys(KEYS.master, CARD).file, OTHER, 5)
MINUTE_MS = 60_000
T0 = 1_763_890_000_000


@pytest.fixture
def bench(any_store, bench_on):
    """An intake with the site's keys, on each database."""
    return bench_on(any_store, card_keys=KEYS)


@pytest.fixture
def tap(unit_log):
    """Makes logs of units with check-ins by SUN: `(counter, minute)` each."""

    def make(unit, *taps, log="e" * 16, clock="gnss", sealed=False, card=CARD, **fields):
        made = unit_log(unit, log=log)
        meta = meta_key(KEYS.master) if sealed else None
        for counter, minute in taps:
            url = sun_url(card_keys(KEYS.master, card).file, card, counter, meta)
            given = {
                "sun": url, "sun_counter": counter, "badge": CARD, "result": "accepted", **fields,
            }  # fmt: skip
            made.add(
                Checkin, person="p", place="pl", method="nfc", proof="sun", clock=clock,
                at_ms=T0 + minute * MINUTE_MS, **given,
            )  # fmt: skip
        return made

    return make


def marks(bench):
    return [row["mark"] for row in bench.table("records") if row["unit"] != "gw"]


@pytest.mark.parametrize("sealed", [False, True])
def test_messages_that_hold_and_rise_are_not_worth_a_word(bench, tap, sealed):
    log = tap("cp-1", (1, 0), (2, 10), (7, 20), sealed=sealed)
    assert bench.acked(log.message()) == {"e" * 16: 4}
    assert (bench.alarms(), marks(bench)) == ([], [None] * 3)


def test_a_counter_used_at_two_units_is_told_once(bench, tap):
    bench.take(tap("cp-1", (5, 0)).message())
    second = tap("cp-2", (5, 10), (5, 20))
    bench.take(second.message())
    (alarm,) = bench.alarms()
    assert "cp-2: counter 5 of card 04de5f1eacc040 was used twice, first by cp-1/event/" in alarm
    assert alarm.endswith(f"record cp-2/event/{'e' * 16}/1")
    assert bench.kept("cp-2") == second.raws
    record = msgspec.json.decode(bench.kept("gw")[0])
    assert (record["alarm"], record["part"]) == ("tamper", "cp-2")


def test_a_counter_used_twice_at_one_unit_is_told(bench, tap):
    bench.take(tap("cp-1", (5, 0), (5, 10)).message())
    assert len(bench.alarms()) == 1


def test_within_one_group_too(bench, tap):
    bench.take(tap("cp-1", (5, 0)).message(), tap("cp-2", (5, 1)).message())
    assert len(bench.alarms()) == 1


def test_the_same_record_brought_twice_is_no_replay(bench, tap):
    log = tap("cp-1", (5, 0), (6, 10))
    bench.take(log.message(), log.message(1, 1))
    bench.take(log.message())
    assert bench.alarms() == []


def test_a_backlog_with_lower_counters_that_nobody_used_is_no_replay(bench, tap):
    bench.take(tap("cp-2", (50, 100), (60, 200)).message())
    bench.take(tap("cp-1", (10, 10), (11, 20), (55, 150)).message())
    assert bench.alarms() == []


@pytest.mark.parametrize("first", ["cp-1", "cp-2"])
def test_a_message_collected_before_and_spent_after_is_told_whoever_comes_first(bench, tap, first):
    logs = {"cp-1": tap("cp-1", (10, 100)), "cp-2": tap("cp-2", (7, 110))}
    bench.take(logs.pop(first).message())
    (other,) = logs.values()
    bench.take(other.message())
    (alarm,) = bench.alarms()
    assert "runs back" in alarm


@pytest.mark.parametrize("clock", ["none", "rtc"])
def test_clocks_that_nobody_trusts_prove_nothing(bench, tap, clock):
    bench.take(tap("cp-1", (10, 100)).message(), tap("cp-2", (7, 110), clock=clock).message())
    assert bench.alarms() == []


def test_in_one_log_the_order_is_known_without_any_clock(bench, tap):
    bench.take(tap("cp-1", (10, 0), (7, 0), clock="none").message())
    (alarm,) = bench.alarms()
    assert "counter 7 of card 04de5f1eacc040 against 10 of" in alarm


@pytest.mark.parametrize(
    "fields", [{"card": OTHER}, {"badge": OTHER}, {"badge": None}, {"sun": STRAY}]
)
def test_one_that_does_not_hold_is_stored_marked_and_told_once_a_day(bench, tap, fields):
    log = tap("cp-1", (5, 0), (6, 1), **fields)
    assert bench.acked(log.message()) == {"e" * 16: 3}
    assert marks(bench) == ["SUN message does not hold"] * 2
    assert len(bench.alarms()) == 1
    assert "does not hold" in bench.alarms()[0]


@pytest.mark.parametrize("sun", ["", "https://x.example/", "?uid=1&ctr=2&c=3", "密" * 400])
def test_whatever_stands_there_is_stored(bench, tap, sun):
    log = tap("cp-1", (5, 0), sun=sun)
    assert bench.acked(log.message()) == {"e" * 16: 2}
    assert bench.kept("cp-1") == log.raws


def test_a_sign_on_counts_like_a_check_in(bench, tap, unit_log):
    url = sun_url(card_keys(KEYS.master, CARD).file, CARD, 5)
    car = unit_log("v-1").add(Crew, badge=CARD, person="p", action="on", proof="sun", sun=url)
    bench.take(tap("cp-1", (5, 0)).message(), car.message())
    assert len(bench.alarms()) == 1


def test_without_keys_it_is_said_that_nothing_was_verified(store, bench_on, tap):
    bench = bench_on(store)
    bench.take(tap("cp-1", (5, 0), (5, 1)).message())
    assert (bench.alarms(), marks(bench)) == ([], [UNVERIFIED] * 2)


def test_with_another_sites_keys_nothing_holds_and_all_is_stored(store, bench_on, tap):
    bench = bench_on(store, card_keys=SiteKeys(bytes(16)))
    bench.take(tap("cp-1", (5, 0)).message())
    assert "another site's" in bench.alarms()[0]
    assert len(bench.kept("cp-1")) == 1


def test_a_card_that_its_unit_found_forged_is_told_once_a_day(any_store, bench_on, tap):
    """By an authentication, of which the gateway sees nothing but the unit's word."""
    bench = bench_on(any_store)
    log = tap("cp-1", (5, 0), (6, 1), sun=None, sun_counter=None, result="forged")
    assert bench.acked(log.message()) == {"e" * 16: 3}
    assert marks(bench) == [None] * 2
    (alarm,) = bench.alarms()
    assert f"cp-1: card {CARD} did not have its key" in alarm


def test_a_card_with_earlier_keys_holds_until_they_are_retired(any_store, bench_on, tap):
    moved = SiteKeys(bytes(reversed(range(16))), 2, (KEYS,))
    bench = bench_on(any_store, card_keys=moved)
    bench.take(tap("cp-1", (5, 0), sealed=True).message())
    assert (bench.alarms(), marks(bench)) == ([], [None])
    bench = bench_on(any_store, card_keys=SiteKeys(moved.master, 2))
    bench.take(tap("cp-2", (6, 10), sealed=True).message())
    assert len(bench.alarms()) == 1


def test_one_that_is_forged_by_both_words_is_told_once(bench, tap):
    bench.take(tap("cp-1", (5, 0), sun=STRAY, result="forged").message())
    (alarm,) = bench.alarms()
    assert "does not hold" in alarm
