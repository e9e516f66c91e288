"""The pump against a real HTTP server: every answer of the contract, and every moment of dying."""

import json
import threading

import pytest

from gateway.forward import page
from gateway.forward.parking import ask_again, listed
from gateway.forward.pump import Commits, StopAsked
from wire.records import Clock, Track

LOG = "e" * 16


def ids(unit, *numbers, stream="event", log=LOG):
    return [f"{unit}/{stream}/{log}/{number}" for number in numbers]


@pytest.fixture
def kept(bench, unit_log):
    """Six check-ins of one unit, in the store."""
    bench.take(unit_log().grow(6).message())
    return ids("cp-01", *range(1, 7))


def sink_row(bench):
    (row,) = bench.table("sinks")
    return row["sink"], row["state"], row["why"]


# What is sent, and in what order


def test_all_is_sent_once_in_the_order_of_commits(any_store, any_forward, bench_on, unit_log):
    one, other = bench_on(any_store), bench_on(any_store)
    first, second = unit_log("cp-01").grow(4), unit_log("cp-02").grow(2)
    one.take(first.message(1, 2))
    other.take(second.message())
    one.take(first.message(3, 4))
    assert any_forward.all() == 1
    assert any_forward.platform.ids == [
        *ids("cp-01", 1, 2), *ids("cp-02", 1, 2), *ids("cp-01", 3, 4),
    ]  # fmt: skip
    assert any_forward.pump.step() is False
    assert len(any_forward.platform.requests) == 1


def test_a_request_is_what_the_contract_says(forward, kept, platform):
    forward.all()
    ((headers, events),) = platform.requests
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
    assert headers["Authorization"] == "Bearer of-the-site"
    assert [event["specversion"] for event in events] == ["1.0"] * 6


def test_events_go_before_tracks(forward, bench, unit_log, platform):
    bench.take(unit_log(stream="track").grow(2).message())
    bench.take(unit_log().grow(1).message())
    forward.all()
    assert platform.ids == ids("cp-01", 1) + ids("cp-01", 1, 2, stream="track")


def test_events_that_come_meanwhile_go_before_the_rest_of_the_tracks(
    forward, bench, unit_log, platform, monkeypatch
):
    monkeypatch.setattr(page, "MOST", 2)
    bench.take(unit_log(stream="track").grow(3).message())
    forward.pump.step()
    bench.take(unit_log().grow(1).message())
    forward.all()
    assert platform.ids == [
        *ids("cp-01", 1, 2, stream="track"), *ids("cp-01", 1), *ids("cp-01", 3, stream="track"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "tries"), [("MOST", 4, [4, 2]), ("MOST_BYTES", 1, [1] * 6)]
)
def test_a_request_is_bounded(forward, kept, platform, monkeypatch, name, value, tries):
    monkeypatch.setattr(page, name, value)
    forward.all()
    assert platform.tries == tries
    assert platform.ids == kept


def test_an_island_is_sent_once_it_is_joined(forward, bench, unit_log, platform):
    log = unit_log().grow(3)
    bench.take(log.message(2, 3))
    assert forward.all() == 0
    bench.take(log.message(1, 1))
    forward.all()
    assert platform.ids == ids("cp-01", 1, 2, 3)


def test_a_branch_is_sent_under_its_own_name_with_the_alarm(forward, bench, unit_log, platform):
    true = unit_log().grow(2)
    clone = true.branch(1).grow(1, place="elsewhere")
    bench.take(true.message(), clone.message())
    forward.all()
    branch = f"{LOG}~{clone.hs[2].hex()[:8]}"
    assert [event["id"] for event in platform.taken if event["source"] == "/units/cp-01"] == [
        *ids("cp-01", 1, 2), *ids("cp-01", 2, log=branch),
    ]  # fmt: skip
    (alarm,) = [event for event in platform.taken if event["source"] == "/units/gw"]
    assert alarm["type"] == "cn.xunkong.alarm.v1"
    assert "forked at record 2" in alarm["data"]["what"]


# Tried again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(forward, kept, bench, platform, status):
    platform.says(status, status, body=b"busy\0")
    forward.all()
    assert platform.tries == [6, 6, 6]
    assert platform.ids == kept
    assert len(forward.pauses) == 2
    assert 0.25 <= forward.pauses[0] <= 0.5
    assert 0.5 <= forward.pauses[1] <= 1.0
    assert bench.table("parked") == []
    assert sink_row(bench) == ("platform", "ok", None)


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"),
    [("7", 7, 7), ("0", 0.25, 0.5), ("soon", 0.25, 0.5), ("-3", 0.25, 0.5), ("999999", 3600, 3600),
     ("Fri, 31 Dec 2099 23:59:59 GMT", 3600, 3600), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.25, 0.5),
     ("Mon, 01 Jan 99999999999 00:00:00 GMT", 0.25, 0.5), ("nan", 0.25, 0.5)],
)  # fmt: skip
def test_the_pause_that_a_platform_asks_for_is_made(
    forward, kept, platform, asked, least_s, most_s
):
    platform.says(503, headers={"Retry-After": asked})
    forward.all()
    (pause_s,) = forward.pauses
    assert least_s <= pause_s <= most_s
    assert platform.ids == kept


def test_a_time_out_is_tried_again(forward, kept, bench, platform):
    forward.restart(timeout_s=3.0)
    platform.says(200, hold=True)
    forward.all()
    assert platform.tries == [6, 6]
    assert platform.ids == kept
    assert len(forward.pauses) == 1


def test_a_broken_connection_is_tried_again(forward, kept, platform):
    platform.says(200, 200, hang_up=True)
    forward.all()
    assert platform.tries == [6, 6, 6]
    assert platform.ids == kept
    assert len(forward.pauses) == 2


def test_a_platform_that_is_not_there_is_waited_for_and_shown(forward, kept, bench, platform):
    platform.close()
    forward.stop.after = 40
    with pytest.raises(StopAsked):
        forward.all()
    assert len(forward.pauses) == 40
    assert all(30 <= pause_s <= 60 for pause_s in forward.pauses[8:])
    sink, state, why = sink_row(bench)
    assert (sink, state) == ("platform", "waiting")
    assert why.startswith(f"{platform.url}: ")
    assert bench.table("cursors") == bench.table("parked") == []
    assert bench.alarms() == []


def test_after_a_success_the_pauses_begin_short_again(forward, bench, unit_log, platform):
    log = unit_log().grow(2)
    bench.take(log.message(1, 1))
    platform.says(*[503] * 6)
    forward.all()
    bench.take(log.message(2, 2))
    platform.says(503)
    forward.all()
    assert forward.pauses[5] >= 8
    assert forward.pauses[6] <= 0.5


def test_asked_to_end_while_it_waits_it_ends_and_moves_nothing(forward, kept, bench, platform):
    platform.says(503)
    forward.stop.after = 1
    with pytest.raises(StopAsked):
        forward.all()
    assert bench.table("cursors") == []


# Refused


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_what_is_refused_is_halved_down_to_the_one_and_the_rest_goes_on(
    any_forward, any_store, bench_on, unit_log, platform, status
):
    bench = bench_on(any_store)
    bench.take(unit_log().grow(6).message())
    bad, *_ = ids("cp-01", 4)
    platform.judge = lambda events: status if bad in [e["id"] for e in events] else 200
    any_forward.all()
    assert platform.ids == ids("cp-01", 1, 2, 3, 5, 6)
    assert platform.tries == [6, 3, 3, 1, 2]
    (row,) = bench.table("parked")
    assert (row["sink"], row["id"], row["retry"]) == ("platform", bad, False)
    assert row["why"] == f"{platform.url} answered {status}"
    assert json.loads(row["event"])["id"] == bad
    assert any_forward.pauses == []
    assert sink_row(bench) == ("platform", "ok", None)
    any_forward.restart().all()
    assert len(platform.ids) == 5


def test_a_platform_that_takes_few_at_a_time_gets_all(forward, bench, unit_log, platform):
    bench.take(unit_log().grow(9).message())
    platform.judge = lambda events: 413 if len(events) > 2 else 200
    forward.all()
    assert platform.ids == ids("cp-01", *range(1, 10))
    assert bench.table("parked") == []


def test_why_it_was_refused_is_kept_without_what_a_database_cannot_keep(
    any_forward, any_store, bench_on, unit_log, platform
):
    bench_on(any_store).take(unit_log().grow(1).message())
    platform.says(422, body=b" no \0 place \xff" + b"x" * 999)
    any_forward.all()
    (row,) = listed(any_store)
    assert row.why.startswith(f"{platform.url} answered 422 no  place \ufffdxxx")
    assert len(row.why) <= 500


def test_a_parked_event_is_sent_again_when_asked(
    any_forward, any_store, bench_on, unit_log, platform
):
    bench_on(any_store).take(unit_log().grow(2).message())
    platform.says(400, 400, 400)
    any_forward.all()
    assert platform.ids == []
    assert any_forward.pump.retry_parked() == 0
    assert ask_again(any_store, ids("cp-01", 2)[0]) == 1
    assert any_forward.pump.retry_parked() == 1
    assert platform.ids == ids("cp-01", 2)
    assert [row.id for row in listed(any_store)] == ids("cp-01", 1)
    assert ask_again(any_store, None) == 1
    assert any_forward.pump.retry_parked() == 1
    assert listed(any_store) == []
    assert ask_again(any_store, None) == 0


def test_a_parked_event_that_is_refused_again_stays_and_is_not_asked_for_ever(
    forward, bench, unit_log, platform
):
    bench.take(unit_log().grow(1).message())
    platform.says(400)
    forward.all()
    ask_again(bench.store, None)
    platform.says(422)
    assert forward.pump.retry_parked() == 0
    (row,) = bench.table("parked")
    assert row["why"].endswith("answered 422")
    assert row["retry"] is False
    sent = len(platform.requests)
    assert forward.pump.retry_parked() == 0
    assert len(platform.requests) == sent


# Stopped


@pytest.mark.parametrize("status", [301, 302, 304, 307, 401, 402, 403, 404, 405, 410, 451])
def test_any_other_answer_stops_the_sink_with_an_alarm_and_parks_nothing(
    forward, kept, bench, platform, status
):
    headers = {"Location": "/elsewhere"}
    platform.says(status, status, status, headers=headers)
    forward.stop.after = 3
    with pytest.raises(StopAsked):
        forward.all()
    assert platform.tries == [6, 6, 6]
    assert 7.5 <= forward.pauses[0] <= 15
    assert 30 <= forward.pauses[2] <= 60
    why = f"{platform.url} answered {status}"
    assert sink_row(bench) == ("platform", "stopped", why)
    assert bench.alarms() == [f"sink platform is stopped: {why}"]
    assert bench.table("parked") == bench.table("cursors") == []


def alarms(bench):
    own = [json.loads(raw) for raw in bench.kept("gw")]
    return [(alarm["alarm"], alarm["part"], alarm.get("active", True)) for alarm in own]


def test_recovery_ends_the_alarm_and_all_goes_out(
    any_forward, any_store, bench_on, unit_log, platform
):
    bench = bench_on(any_store)
    bench.take(unit_log().grow(2).message())
    platform.says(401, 401)
    any_forward.all()
    assert alarms(bench) == [("storage", "forward", True), ("storage", "forward", False)]
    assert sink_row(bench) == ("platform", "ok", None)
    own = [event for event in platform.taken if event["source"] == "/units/gw"]
    assert [event["data"]["what"] for event in own] == bench.alarms()
    assert platform.ids[:2] == ids("cp-01", 1, 2)


def test_a_sink_that_is_stopped_and_then_not_there_is_one_alarm(forward, kept, bench, platform):
    platform.says(401, 503, 401)
    forward.all()
    assert [active for _, _, active in alarms(bench)] == [True, False]


def test_a_restart_neither_repeats_the_alarm_nor_forgets_to_end_it(forward, kept, bench, platform):
    for _ in range(2):
        platform.says(401)
        forward.restart().stop.after = 1
        with pytest.raises(StopAsked):
            forward.all()
    assert [active for _, _, active in alarms(bench)] == [True]
    forward.restart().all()
    assert [active for _, _, active in alarms(bench)] == [True, False]


def test_two_sinks_do_not_share_a_place(store, bench, kept, platform, forward):
    forward.all()
    other = type(forward)(store, platform)
    other.pump._name = "other"
    other.all()
    assert platform.ids == kept * 2
    assert [(row["sink"], row["stream"]) for row in bench.table("cursors")] == [
        ("other", "event"), ("platform", "event"),
    ]  # fmt: skip


# Dying


def test_the_cursor_survives_a_restart(any_forward, any_store, bench_on, unit_log, platform):
    bench, log = bench_on(any_store), unit_log().grow(4)
    bench.take(log.message(1, 2))
    any_forward.all()
    bench.take(log.message(3, 4))
    any_forward.restart().all()
    assert platform.ids == ids("cp-01", 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("point", "sent"),
    [("forward.before_post", 1), ("forward.after_post", 2), ("forward.after_cursor", 1)],
)
def test_a_death_at_any_moment_loses_nothing_and_repeats_under_the_same_ids(
    any_forward, any_store, bench_on, unit_log, platform, point, sent
):
    bench_on(any_store).take(unit_log().grow(3).message())
    any_forward.die_at = point
    with pytest.raises(InterruptedError):
        any_forward.all()
    any_forward.restart().all()
    assert platform.ids == ids("cp-01", 1, 2, 3) * sent
    bodies = [events for _, events in platform.requests]
    assert all(body == bodies[0] for body in bodies)


def test_a_death_in_the_middle_of_a_halved_page_parks_once(forward, kept, bench, platform):
    platform.judge = lambda events: 422 if kept[0] in [e["id"] for e in events] else 200
    forward.pump._parking.park = _dies_after(forward.pump._parking.park)
    with pytest.raises(InterruptedError):
        forward.all()
    forward.restart().all()
    assert platform.ids == kept[1:]
    assert [row["id"] for row in bench.table("parked")] == kept[:1]


def _dies_after(call):
    def dies(*args):
        call(*args)
        raise InterruptedError

    return dies


# Times learned later


@pytest.fixture
def without_time(unit_log):
    """A log whose three records know no time."""
    log = unit_log()
    for up_ms in (1_000, 2_000, 3_000):
        log.checkin(up_ms=up_ms, at_ms=None, clock="none", clock_err_ms=None)
    return log


def learn(log, up_ms=10_000, **fields):
    fields = {"utc_ms": 1_763_890_000_000, "source": "gnss", "err_ms": 300, **fields}
    return log.add(Clock, up_ms=up_ms, **fields)


def corrections(platform):
    return [event for event in platform.taken if event["type"] == "cn.xunkong.correction.v1"]


def test_a_time_learned_later_corrects_exactly_what_went_out_without(
    any_forward, any_store, bench_on, unit_log, without_time, platform
):
    bench = bench_on(any_store)
    log = without_time.checkin(up_ms=3_500, at_ms=None, clock="none", boot="00000000")
    track = unit_log(stream="track").checkin(up_ms=4_000, at_ms=None, clock="none")
    other_unit = unit_log("cp-02").checkin(at_ms=None, clock="none")
    bench.take(log.message(), track.message(), other_unit.message())
    any_forward.all()
    assert [event.get("time") for event in platform.taken[:3]] == [None, None, None]
    learn(log).grow(2)
    log.checkin(up_ms=11_000, at_ms=None, clock="none")
    track.checkin(up_ms=12_000, at_ms=None, clock="none")
    bench.take(log.message(5), track.message(2))
    any_forward.all()
    got = corrections(platform)
    assert [event["id"] for event in got] == [
        *(f"cp-01/event/{LOG}/{seq}/correction/{LOG}/5" for seq in (1, 2, 3)),
        f"cp-01/track/{LOG}/1/correction/{LOG}/5",
    ]
    assert [event["time"] for event in got] == [
        "2025-11-23T09:26:31.000Z", "2025-11-23T09:26:32.000Z",
        "2025-11-23T09:26:33.000Z", "2025-11-23T09:26:34.000Z",
    ]  # fmt: skip
    assert {event["timequality"] for event in got} == {"repaired"}
    assert {event["source"] for event in got} == {"/units/cp-01"}
    assert got[1]["data"] == {"ref": {"unit": "cp-01", "stream": "event", "log": LOG, "seq": 2}}
    late = {event["id"]: event for event in platform.taken}
    assert late[f"cp-01/event/{LOG}/8"]["time"] == "2025-11-23T09:26:41.000Z"
    assert late[f"cp-01/track/{LOG}/2"]["time"] == "2025-11-23T09:26:42.000Z"


def test_what_goes_out_with_its_clock_record_needs_no_correction(
    forward, bench, without_time, platform
):
    bench.take(learn(without_time).message())
    forward.all()
    assert corrections(platform) == []
    assert platform.taken[0]["time"] == "2025-11-23T09:26:31.000Z"
    assert platform.taken[0]["timequality"] == "repaired"


def test_a_better_time_corrects_again_under_an_id_of_its_own(
    forward, bench, without_time, platform
):
    log = without_time
    bench.take(log.message())
    forward.all()
    bench.take(learn(log, source="ntp", err_ms=50).message(4))
    forward.all()
    bench.take(learn(log, source="ntp", err_ms=60).message(5))
    forward.all()
    assert len(corrections(platform)) == 3
    bench.take(learn(log).message(6))
    forward.all()
    assert [event["id"].replace(f"{LOG}/", "")[-12:] for event in corrections(platform)] == [
        "correction/4"
    ] * 3 + ["correction/6"] * 3


def test_a_death_among_the_corrections_repeats_them(forward, bench, without_time, platform):
    bench.take(without_time.message())
    forward.all()
    bench.take(learn(without_time).message(4))
    posts = iter(["forward.after_post"])
    forward.pump._reached = _dies_at_second(posts)
    with pytest.raises(InterruptedError):
        forward.all()
    forward.restart().all()
    assert [event["id"] for event in corrections(platform)] == [
        f"cp-01/event/{LOG}/{seq}/correction/{LOG}/4" for seq in (1, 2, 3)
    ] * 2


def _dies_at_second(seen):
    def reached(point):
        if point == "forward.after_post" and next(seen, None) is None:
            raise InterruptedError

    return reached


def test_many_corrections_go_out_in_bounded_requests(
    forward, bench, without_time, platform, monkeypatch
):
    bench.take(without_time.message())
    forward.all()
    monkeypatch.setattr(page, "MOST", 2)
    bench.take(learn(without_time).message(4))
    forward.all()
    assert platform.tries == [3, 1, 2, 1]


def test_while_a_correction_waits_nothing_keeps_the_store_from_its_work(
    forward, bench, without_time, platform, store
):
    bench.take(without_time.message())
    forward.all()
    bench.take(learn(without_time).message(4))
    platform.says(200, 503)
    idle = []
    forward.stop.wait = lambda for_s: idle.append(store.engine.pool.checkedout())
    forward.all()
    assert idle == [0]
    assert len(corrections(platform)) == 3


# Waiting for commits


def test_a_commit_ends_the_wait(any_store, bench_on, unit_log):
    commits, stop = Commits(any_store), threading.Event()
    commits.wait(stop, 30)
    bench_on(any_store).take(unit_log().grow(1).message())
    commits.wait(stop, 30)
    assert commits._new() is False
    commits.close()


def test_the_wait_ends_by_itself_and_when_asked(any_store):
    class Counted(threading.Event):
        waits = 0

        def wait(self, timeout=None):
            self.waits += 1
            return self.is_set()

    commits, stop = Commits(any_store), Counted()
    commits.wait(stop, 0)
    commits.wait(stop, 0.01)
    assert stop.waits > 0
    stop.waits = 0
    stop.set()
    commits.wait(stop, 30)
    assert stop.waits == 1
    commits.close()


def test_a_track_is_one_event(forward, bench, unit_log, platform):
    log = unit_log(stream="track").add(
        Track, t0_ms=1_763_890_000_000, up0_ms=1, dt_ms=[0, 1000], lat_e7=[1, 1], lon_e7=[2, 2],
        speed_cm_s=[None, 1], course_ddeg=[1, 1], hacc_dm=[1, 1], sats=[9, 0],
    )  # fmt: skip
    bench.take(log.message())
    forward.all()
    (event,) = platform.taken
    assert event["type"] == "cn.xunkong.track.v1"
    assert event["data"]["lat_e7"] == [1, 1]
