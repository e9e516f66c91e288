"""The daily root: once a day, over the heads of all logs as they then stand, in the gateway's own log."""

from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import pytest

from gateway.daily_root import DailyRoot, heads_at, leaves
from gateway.store.own_log import OwnLog
from tests.keys import SIGNER
from wire.evidence import merkle

ZONE = ZoneInfo("Asia/Shanghai")
NOON_MS = 1_763_870_400_000
"""2025-11-23T12:00 at the site."""
DAY_MS = 86_400_000


@pytest.fixture
def bench(any_bench):
    return any_bench


@pytest.fixture
def daily(bench):
    """Makes a worker's turn at the root."""
    return lambda: DailyRoot(bench.store, OwnLog(SIGNER), ZONE)


def said(bench):
    """The roots in the gateway's own log."""
    found = [msgspec.json.decode(raw) for raw in bench.kept("gw")]
    return [one for one in found if one["kind"] == "root"]


def test_a_store_without_a_log_has_none(bench, daily):
    assert daily().make(NOON_MS) is False
    assert said(bench) == []


def test_it_covers_the_heads_of_all_logs_and_names_the_day_that_ended(bench, daily, unit_log):
    here, there = unit_log().grow(3), unit_log("v-1", log="f" * 16).grow(2)
    bench.take(here.message(), there.message())
    assert daily().make(NOON_MS) is True
    heads = {
        ("cp-01", "event", "e" * 16): (3, here.hs[3]),
        ("v-1", "event", "f" * 16): (2, there.hs[2]),
    }
    root = merkle.root(leaves(heads.items())).hex()
    assert [(one["date"], one["root"], one["logs"]) for one in said(bench)] == [
        ("2025-11-22", root, 2)
    ]
    assert said(bench)[0]["algorithm"] == "rfc6962-sha256"
    with bench.store.reading() as connection:
        assert heads_at(connection, "2025-11-22") == heads


def test_once_a_day_whatever_starts_again_and_however_many_share_the_store(bench, daily, unit_log):
    bench.take(unit_log().grow(1).message())
    first, second = daily(), daily()
    assert [one.make(NOON_MS) for one in (first, second, first, daily())] == [True] + [False] * 3
    later_ms = NOON_MS + DAY_MS
    assert [one.make(later_ms) for one in (second, first, daily())] == [True, False, False]
    assert [one["date"] for one in said(bench)] == ["2025-11-22", "2025-11-23"]


def test_the_day_turns_at_the_sites_midnight(bench, daily, unit_log):
    bench.take(unit_log().grow(1).message())
    midnight_ms = NOON_MS + DAY_MS // 2
    one = daily()
    assert [one.make(at_ms) for at_ms in (NOON_MS, midnight_ms - 1, midnight_ms)] == [
        True, False, True,
    ]  # fmt: skip


def test_a_clock_that_was_set_back_makes_no_second_one(bench, daily, unit_log):
    bench.take(unit_log().grow(1).message())
    assert daily().make(NOON_MS + 3 * DAY_MS) is True
    assert daily().make(NOON_MS) is False


def test_only_what_moved_is_noted_and_each_day_is_whole(bench, daily, unit_log):
    still, moving = unit_log().grow(3), unit_log("v-1", log="f" * 16).grow(2)
    bench.take(still.message(), moving.message())
    one = daily()
    one.make(NOON_MS)
    bench.take(moving.grow(1).message(3))
    one.make(NOON_MS + DAY_MS)
    noted = [(row["unit"], row["date"]) for row in bench.table("root_heads")]
    assert noted == [
        ("cp-01", "2025-11-22"),
        ("gw", "2025-11-23"),
        ("v-1", "2025-11-22"),
        ("v-1", "2025-11-23"),
    ]
    with bench.store.reading() as connection:
        heads = heads_at(connection, "2025-11-23")
    assert heads["cp-01", "event", "e" * 16] == (3, still.hs[3])
    assert heads["v-1", "event", "f" * 16] == (3, moving.hs[3])
    root = merkle.root(leaves(heads.items())).hex()
    assert said(bench)[1]["root"] == root
    assert date.fromisoformat(said(bench)[1]["date"]) == date(2025, 11, 23)
