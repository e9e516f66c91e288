"""What people and scripts read out of the store."""

import msgspec
import pytest

from gateway import roster
from gateway.lookup import Wanted, fixes_of, found_records, unit_rows
from gateway.unit_config import push
from wire.live import LiveFix
from wire.records import Clock, Track

LOG = "e" * 16
NOW_MS = 1_763_890_000_000


def found(store, **wanted):
    return list(found_records(store, Wanted(**wanted)))


def test_a_record_with_identity_time_and_bytes(any_bench, unit_log):
    log = unit_log().grow(1)
    any_bench.take(log.message())
    (one,) = found(any_bench.store)
    assert bytes(one.pop("record")) == log.raws[0]
    assert one == {
        "id": f"cp-01/event/{LOG}/1",
        "unit": "cp-01",
        "stream": "event",
        "log": LOG,
        "seq": 1,
        "time": "2025-11-23T09:26:40.000Z",
        "timequality": "gnss",
        "received": "2025-11-23T09:26:40.000Z",
    }


def test_times_are_repaired(any_bench, unit_log):
    log = unit_log().checkin(up_ms=1_000, at_ms=None, clock="none")
    any_bench.take(log.message())
    assert [(one["time"], one["timequality"]) for one in found(any_bench.store)] == [(None, "none")]
    log.add(Clock, up_ms=2_000, utc_ms=NOW_MS, source="ntp", err_ms=50)
    any_bench.take(log.message(2))
    first, _ = found(any_bench.store)
    assert (first["time"], first["timequality"]) == ("2025-11-23T09:26:39.000Z", "repaired")


def test_by_unit_and_kind_in_the_order_of_commits(any_bench, unit_log):
    one, two = unit_log("cp-01").grow(2), unit_log("cp-02").grow(1)
    two.add(Clock, utc_ms=1, source="gnss", err_ms=5)
    any_bench.take(one.message(1, 1), two.message(), one.message(2, 2))
    ids = [one["id"] for one in found(any_bench.store)]
    assert ids == [
        f"{u}/event/{LOG}/{n}" for u, n in (("cp-01", 1), ("cp-02", 1), ("cp-02", 2), ("cp-01", 2))
    ]
    assert [one["seq"] for one in found(any_bench.store, unit="cp-01")] == [1, 2]
    assert [one["unit"] for one in found(any_bench.store, kind="clock")] == ["cp-02"]
    assert found(any_bench.store, unit="cp-01", kind="clock") == []
    assert found(any_bench.store, unit="nobody") == []


def test_since_goes_by_repaired_time_else_by_receipt(any_bench, unit_log):
    log = unit_log()
    log.checkin(at_ms=5_000)
    log.checkin(at_ms=None, clock="none")
    any_bench.take(log.message())
    seqs = {
        since_ms: [one["seq"] for one in found(any_bench.store, since_ms=since_ms)]
        for since_ms in (5_000, 5_001, NOW_MS, NOW_MS + 1)
    }
    assert seqs == {5_000: [1, 2], 5_001: [2], NOW_MS: [2], NOW_MS + 1: []}


def test_what_cannot_be_read_is_shown_with_its_mark(any_bench, unit_log):
    any_bench.take(unit_log(raws=[b"[7]", b'"\xff"']).message())
    one, other = found(any_bench.store)
    assert one["mark"].startswith("unreadable: ")
    assert bytes(one["record"]) == b"[7]"
    assert other["record"] == b'"\xff"'.hex()


def test_what_no_clock_can_show_is_shown_without_a_time(bench, unit_log):
    log = unit_log().checkin(up_ms=2**53, at_ms=None, clock="none")
    log.add_raw(b'{"kind":"x","at_ms":9007199254740991,"clock":"gnss"}')
    log.add(Clock, utc_ms=NOW_MS, source="ntp", err_ms=50)
    bench.take(log.message())
    assert [one["time"] for one in found(bench.store)][:2] == [None, None]


# Fixes

COLUMNS = {
    "dt_ms": [0, 1_000, 2_000], "lat_e7": [272_418_000, 100, 0], "lon_e7": [1_114_725_000, 0, -200],
    "speed_cm_s": [830, None, 20], "course_ddeg": [2715, 5, None], "hacc_dm": [21, 0, 0],
    "sats": [9, 1, 0],
}  # fmt: skip


def fixes(bench, unit_log, **fields):
    track = {"t0_ms": NOW_MS, "up0_ms": 60_000, "up_ms": 64_000, **COLUMNS, **fields}
    log = unit_log(stream="track").add(Track, **track)
    bench.take(log.message())
    (one,) = found(bench.store, kind="track")
    return list(fixes_of(one))


def test_a_track_unfolds_into_fixes(any_bench, unit_log):
    first, second, third = fixes(any_bench, unit_log)
    assert first == {
        "id": f"cp-01/track/{LOG}/1", "unit": "cp-01", "n": 0, "utc": "2025-11-23T09:26:40.000Z",
        "lat": 27.2418, "lon": 111.4725, "speed_m_s": 8.3, "course_deg": 271.5, "hacc_m": 2.1, "sats": 9,
    }  # fmt: skip
    assert (second["n"], second["utc"], second["speed_m_s"]) == (
        1,
        "2025-11-23T09:26:41.000Z",
        None,
    )
    assert (third["utc"], third["speed_m_s"], third["lat"]) == (
        "2025-11-23T09:26:43.000Z",
        8.5,
        27.24181,
    )


def test_a_track_without_a_time_gets_that_of_its_boot(any_bench, unit_log):
    log = unit_log().add(Clock, up_ms=100_000, utc_ms=NOW_MS, source="gnss", err_ms=5)
    any_bench.take(log.message())
    got = fixes(any_bench, unit_log, t0_ms=None, at_ms=None, clock="none")
    assert [fix["utc"] for fix in got] == [
        "2025-11-23T09:26:00.000Z", "2025-11-23T09:26:01.000Z", "2025-11-23T09:26:03.000Z",
    ]  # fmt: skip


def test_a_track_whose_time_nobody_knows(bench, unit_log):
    assert [fix["utc"] for fix in fixes(bench, unit_log, t0_ms=None, at_ms=None, clock="none")] == [
        None
    ] * 3


def test_a_track_out_of_our_years(bench, unit_log):
    assert [fix["utc"] for fix in fixes(bench, unit_log, t0_ms=None, up_ms=2**53)] == [None] * 3


def test_a_track_whose_columns_do_not_belong_together_is_one_marked_line(bench, unit_log):
    (line,) = fixes(bench, unit_log, sats=[9])
    assert line["mark"].startswith("columns differ in length")
    assert line["id"] == f"cp-01/track/{LOG}/1"


def test_what_is_no_track_has_no_fixes(bench, unit_log):
    bench.take(unit_log().grow(1).message())
    assert [list(fixes_of(one)) for one in found(bench.store)] == [[]]


# Units


def test_a_unit_as_it_stands(any_bench, state):
    fix = LiveFix(27.2418, 111.4725, 2_000)
    any_bench.take(
        state(fix=fix, role="vehicle", crew=["p-1"], queue={"event": 3}, clock="gnss", config=1,
              version="0.4.0", machine="aarch64-bookworm", patches="2026-11-24",
              alarms=["gps silent"])
    )  # fmt: skip
    any_bench.take()
    push(any_bench.store, "cp-01", roster.Wanted())
    push(any_bench.store, "cp-01", roster.Wanted())
    (row,) = unit_rows(any_bench.store, NOW_MS + 1_000)
    assert msgspec.structs.asdict(row) == {
        "unit": "cp-01", "online": True, "role": "vehicle", "heard_age_s": 1.0, "lat": 27.2418,
        "lon": 111.4725, "fix_age_s": 3.0, "crew": ["p-1"], "queue": {"event": 3}, "clock": "gnss",
        "config": 1, "config_wanted": 2, "version": "0.4.0", "patches": "2026-11-24",
        "broken": ["gps silent", "configuration 1 in use, 2 is wanted"],
        "health": None, "machine": "aarch64-bookworm",
    }  # fmt: skip


def test_a_retained_state_has_no_age(bench, state):
    bench.take(state(retained=True, fix=LiveFix(1.0, 2.0, 0)))
    bench.take()
    (row,) = unit_rows(bench.store, NOW_MS)
    assert (row.online, row.heard_age_s, row.lat, row.fix_age_s) == (True, None, None, None)


def test_a_unit_that_was_configured_but_never_heard_of(store):
    push(store, "cp-09", roster.Wanted())
    (row,) = unit_rows(store, NOW_MS)
    assert (row.unit, row.online, row.config_wanted) == ("cp-09", False, 1)
    assert row.broken == ["never heard of"]


@pytest.mark.parametrize("wanted", [None, 3])
def test_a_unit_that_uses_what_is_wanted_is_not_broken(bench, state, wanted):
    for _ in range(wanted or 0):
        push(bench.store, "cp-01", roster.Wanted())
    bench.take(state(config=wanted))
    bench.take()
    assert unit_rows(bench.store, NOW_MS)[0].broken == []


def test_units_are_listed_by_name(bench, state):
    bench.take(state("v-2"), state("cp-01"), state("v-1"))
    bench.take()
    assert [row.unit for row in unit_rows(bench.store, NOW_MS)] == ["cp-01", "v-1", "v-2"]
