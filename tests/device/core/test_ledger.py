"""Counters that begin anew, added up into days and plan months."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.ledger import Ledger, day_of, plan_month_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_reconnect_begins_at_0_and_loses_nothing():
    ledger = Ledger()
    ledger.count("m", "bearer 1", 100)
    ledger.count("m", "bearer 1", 150)
    ledger.count("m", "bearer 2", 30)
    assert ledger.total("m") == 180


def test_the_same_name_with_less_is_another_session():
    ledger = Ledger()
    ledger.count("m", "b", 100)
    ledger.count("m", "b", 20)
    assert ledger.total("m") == 120


def test_a_restart_goes_on_where_it_was():
    ledger = Ledger()
    ledger.count("m", "b", 100)
    again = msgspec.convert(msgspec.to_builtins(ledger), Ledger)
    again.count("m", "b", 130)
    assert again.total("m") == 130


def test_a_month_begins_at_0_with_what_came_after_its_turn():
    ledger = Ledger()
    ledger.count("old", "b", 100)
    ledger.count("new", "b", 107)
    assert (ledger.total("old"), ledger.total("new")) == (100, 7)


def test_a_date_from_the_future_takes_nothing_from_the_right_month():
    ledger = Ledger()
    ledger.count("2026-11-01", "b", 100)
    ledger.count("2031-01-01", "b", 101)
    ledger.count("2026-11-01", "b", 105)
    assert ledger.total("2026-11-01") == 104


def test_what_is_counted_before_the_date_is_known_waits_for_it():
    ledger = Ledger()
    ledger.count(None, "b", 40)
    assert ledger.total("m") == 40
    ledger.count("m", "b", 50)
    assert (ledger.total("m"), ledger.total("other")) == (50, 0)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 10**9)), max_size=60)
)
def test_nothing_is_lost_or_doubled_over_sessions_and_periods(steps):
    ledger, counters, spent = Ledger(), {}, 0
    for number, (period, anew, grown) in enumerate(steps):
        session = str(number) if anew or not counters else counters["session"]
        before = 0 if session != counters.get("session") else counters["total"]
        counters = {"session": session, "total": before + grown}
        ledger.count(period, session, before + grown)
        spent += grown
    assert sum(ledger.booked.values()) == spent


def test_no_more_periods_are_kept_than_are_of_use():
    ledger = Ledger()
    for day in range(50):
        ledger.count(str(day), "b", day)
    assert list(ledger.booked) == ["46", "47", "48", "49"]


@pytest.mark.parametrize(
    ("moment", "month_day", "begins"),
    [
        ("2026-11-30T15:59:59", 1, "2026-11-01"),
        ("2026-11-30T16:00:00", 1, "2026-12-01"),
        ("2026-11-24T04:00:00", 26, "2026-10-26"),
        ("2026-11-25T16:00:00", 26, "2026-11-26"),
        ("2026-01-10T00:00:00", 26, "2025-12-26"),
        ("2026-02-28T00:00:00", 31, "2026-02-28"),
        ("2026-02-27T00:00:00", 31, "2026-01-31"),
    ],
)
def test_the_plans_month_turns_at_midnight_of_the_sites_zone(moment, month_day, begins):
    assert plan_month_of(at(moment), SHANGHAI, month_day) == begins


def test_the_day_turns_at_midnight_of_the_sites_zone():
    assert day_of(at("2026-11-24T15:59:59"), SHANGHAI) == "2026-11-24"
    assert day_of(at("2026-11-24T16:00:00"), SHANGHAI) == "2026-11-25"
