"""The quarantine: once per content, within a bound that is each unit's own."""

import gc
import sys
from hashlib import sha256

from gateway.ingest.intake import Message
from gateway.ingest.quarantine import KEPT_BYTES, PER_UNIT


def bad(number, unit="cp-01"):
    return Message(f"xk/v1/{unit}/up/log/event", f"bad {number}".encode())


def test_the_oldest_makes_room_and_no_other_units(any_bench):
    any_bench.take(bad("of another", "cp-02"))
    for number in range(PER_UNIT + 5):
        any_bench.now_ms += 1
        any_bench.take(bad(number))
    kept = any_bench.table("quarantine")
    mine = {row["payload"] for row in kept if row["unit"] == "cp-01"}
    assert mine == {f"bad {number}".encode() for number in range(5, PER_UNIT + 5)}
    assert len(kept) == PER_UNIT + 1


def test_one_that_comes_again_stays_longer(bench):
    for number in range(PER_UNIT):
        bench.now_ms += 1
        bench.take(bad(number))
    bench.now_ms += 1
    bench.take(bad(0))
    bench.now_ms += 1
    bench.take(bad("new"))
    kept = {row["payload"]: row["times"] for row in bench.table("quarantine")}
    assert kept[b"bad 0"] == 2
    assert b"bad 1" not in kept


def test_only_the_beginning_of_a_long_payload_is_kept(bench):
    long = Message("xk/v1/cp-01/up/log/event", b"x" * (KEPT_BYTES + 1))
    (said,) = bench.take(long)
    (row,) = bench.table("quarantine")
    assert row["payload"] == b"x" * KEPT_BYTES
    assert said.what.sha256 == row["sha256"] == sha256(long.payload).hexdigest()


def test_what_was_refused_is_let_go_at_once(bench):
    """Not when Python's collector comes by: until then a flood of them would fill the memory."""
    payload = b"x" * 200_000
    before = sys.getrefcount(payload)
    gc.disable()
    try:
        bench.take(Message("xk/v1/cp-01/up/log/event", payload))
        assert sys.getrefcount(payload) == before
    finally:
        gc.enable()


def test_a_long_reason_is_cut_and_a_nul_left_out(any_bench):
    any_bench.take(Message("xk/v1/cp-01/up/log/event", b'{"v":1,"\x00' + b"k" * 900 + b'":1}'))
    (row,) = any_bench.table("quarantine")
    assert 0 < len(row["reason"]) <= 500
    assert "\0" not in row["reason"]


def test_names_made_up_without_end_take_bounded_room(any_bench, monkeypatch):
    monkeypatch.setattr("gateway.ingest.quarantine.IN_ALL", 10)
    for number in range(30):
        any_bench.now_ms += 1
        any_bench.take(
            bad(f"one of {number}", f"no-{number}"), bad(f"two of {number}", f"no-{number}")
        )
    kept = any_bench.table("quarantine")
    assert len(kept) <= 11
    assert {"no-29", "no-28"} <= {row["unit"] for row in kept}
    assert "no-3" not in {row["unit"] for row in kept}
