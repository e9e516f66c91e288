"""What leaves the unit when: greeting, window, acknowledgement, resend, back-off, forks, restored stores."""

from itertools import pairwise

import pytest

from device.core.effects import Acknowledge, BeginLog
from device.link.delivery import (
    ANSWERS_MS,
    HELLO_EVERY_MS,
    HELLO_RETRY_MS,
    LEAST_ROOM_BYTES,
    MAX_BATCH_BYTES,
    MAX_COUNT,
    MAX_LOGS,
    RESEND_MAX_MS,
    RESEND_MS,
    RETURN_JITTER_MS,
    WINDOW,
    Head,
)
from device.link.pace import FLOOR_BYTES, START_BYTES_S
from wire import chain
from wire.live import WorkerState

EVENT, TRACK, OLD = "e" * 16, "f" * 16, "a" * 16
DAY_MS = 86_400_000


def hellos(bench, until_ms, step_ms=100):
    """The moments at which a hello was due."""
    return [t for t in range(0, until_ms, step_ms) if bench.delivery.hello_due(t)]


class TestGreeting:
    def test_without_a_link_nothing_is_due(self, bench):
        bench.grow()
        bench.online()
        assert not bench.delivery.hello_due(DAY_MS)
        assert bench.send(DAY_MS) == []
        assert not bench.delivery.link_up

    def test_a_hello_is_due_once_at_connect(self, bench):
        bench.delivery.connected(5_000)
        assert bench.delivery.link_up
        assert not bench.delivery.hello_due(4_999)
        assert bench.delivery.hello_due(5_000)
        assert not bench.delivery.hello_due(5_000)

    def test_nothing_is_sent_before_the_gateway_has_answered(self, bench):
        bench.grow(records=3)
        bench.delivery.connected(0)
        bench.delivery.hello_due(0)
        bench.online()
        assert bench.delivery.gateway_here
        assert bench.send(10_000) == []
        bench.ack(1)
        assert bench.send(10_000) == [(EVENT, 1, 1), (EVENT, 2, 2), (EVENT, 3, 3)]

    def test_an_answer_for_one_log_does_not_open_another(self, bench):
        bench.grow()
        bench.grow("track")
        bench.delivery.connected(0)
        bench.ack(1, "track")
        assert bench.send(0) == [(TRACK, 1, 1)]

    def test_an_answer_about_a_log_nobody_knows_opens_nothing(self, bench):
        bench.grow()
        bench.delivery.connected(0)
        assert bench.ack(1, log="9" * 16, h="0" * 64) == []
        assert bench.send(0) == []
        assert not bench.delivery.gateway_here

    def test_unanswered_it_is_said_again_with_doubling_waits(self, bench):
        bench.jitter = 0
        bench.delivery.connected(0)
        waits = [HELLO_RETRY_MS * 2**n for n in range(6)] + [RESEND_MAX_MS] * 2
        moments = [sum(waits[:n]) for n in range(len(waits) + 1)]
        assert hellos(bench, moments[-1] + 1) == moments

    def test_the_waits_are_spread(self, bench):
        bench.jitter = 1
        bench.delivery.connected(0)
        assert hellos(bench, 10_000) == [0, 2 * HELLO_RETRY_MS, 6 * HELLO_RETRY_MS]

    def test_answered_it_is_said_every_five_minutes(self, connected):
        after_first = hellos(connected, 2 * HELLO_EVERY_MS + 10_000, step_ms=500)
        assert after_first[0] <= 2 * HELLO_RETRY_MS
        assert (
            after_first[1:]
            == [after_first[0] + HELLO_EVERY_MS, after_first[0] + 2 * HELLO_EVERY_MS][
                : len(after_first) - 1
            ]
        )
        assert len(after_first) >= 2

    def test_it_names_every_log_that_has_rows_and_the_current_ones(self, make_bench, rows_class):
        rows = rows_class()
        for _ in range(3):
            rows.append(OLD)
        heads = [
            Head("event", "9" * 16, 8, 7, b"\7" * 32, next=8, store="store-1"),
            Head("event", OLD, 1, 3, rows.hs[OLD][3], next=4, store="store-1"),
            Head("event", EVENT, 1, 0, chain.START),
            Head("track", TRACK, 1, 0, chain.START),
        ]
        bench = make_bench(heads, rows)
        bench.grow("track", 2)
        said = [(head.log, head.oldest, head.last, head.h) for head in bench.delivery.heads()]
        assert said == [
            (OLD, 1, 3, rows.hs[OLD][3].hex()),
            (EVENT, 1, 0, "0" * 64),
            (TRACK, 1, 2, rows.hs[TRACK][2].hex()),
        ]

    def test_it_never_names_more_logs_than_the_contract_allows(self, make_bench):
        old = [Head("event", f"{n:016x}", 1, 5, chain.START, next=6) for n in range(80)]
        old[3] = Head("event", f"{3:016x}", 1, 5, chain.START, next=2)
        heads = [
            *old,
            Head("event", EVENT, 1, 0, chain.START),
            Head("track", TRACK, 1, 0, chain.START),
        ]
        said = [head.log for head in make_bench(heads).delivery.heads()]
        assert len(said) == MAX_LOGS
        assert said[0] == f"{3:016x}"
        assert said[-3:] == [f"{79:016x}", EVENT, TRACK]

    def test_an_acknowledged_old_log_that_is_not_answered_keeps_nobody_greeting(self, make_bench):
        heads = [
            Head("event", OLD, 6, 5, chain.START, next=6),
            Head("event", EVENT, 1, 0, chain.START),
            Head("track", TRACK, 1, 0, chain.START),
        ]
        bench = make_bench(heads).greeted()
        assert len(hellos(bench, HELLO_EVERY_MS)) == 1


class TestWindow:
    def test_sixteen_batches_await_their_acknowledgement(self, connected):
        connected.grow(records=40)
        assert connected.send(0) == [(EVENT, n, n) for n in range(1, WINDOW + 1)]
        assert connected.send(1_000) == []
        connected.ack(4)
        assert connected.send(1_000) == [(EVENT, n, n) for n in range(17, 20)]

    def test_that_the_broker_took_them_opens_nothing(self, connected):
        connected.grow(records=17)
        assert len(connected.send(0, take=True)) == WINDOW
        assert connected.send(0) == []

    def test_half_a_batch_acknowledged_still_awaits_its_end(self, connected):
        connected.per = 10
        connected.grow(records=200)
        connected.send(0)
        connected.ack(5)
        assert connected.send(0) == []
        connected.ack(11)
        assert connected.send(0) == [(EVENT, 161, 170)]

    def test_each_stream_has_its_own(self, connected):
        connected.grow(records=17)
        connected.grow("track", 1)
        assert connected.send(0)[-1] == (TRACK, 1, 1)

    def test_one_question_at_a_time_per_log(self, connected):
        connected.grow(records=2)
        (asked,) = connected.delivery.due(0)
        assert (asked.first, asked.max_count, asked.max_bytes) == (1, MAX_COUNT, MAX_BATCH_BYTES)
        assert asked.room_bytes == START_BYTES_S
        assert connected.delivery.due(0) == []
        connected.delivery.dispatched(asked.token, 1, 1, 100, 0)
        assert connected.delivery.due(0)[0].first == 2

    def test_an_answer_to_no_question_changes_nothing(self, connected):
        connected.grow(records=2)
        connected.delivery.dispatched(999, 2, 1, 100, 0)
        assert connected.delivery.due(0)[0].first == 1

    def test_only_what_is_on_the_medium_is_asked_for(self, connected):
        connected.rows.append(EVENT)
        assert connected.delivery.due(0) == []
        connected.delivery.grew("event", EVENT, 1)
        assert connected.delivery.due(0)[0].first == 1

    def test_nothing_to_send_is_not_asked_again_until_there_is_more(self, connected):
        connected.grow(records=3)
        (asked,) = connected.delivery.due(0)
        connected.delivery.dispatched(asked.token, None, 1, 0, 0)
        assert connected.delivery.due(0) == []
        connected.grow()
        assert connected.delivery.due(0)[0].first == 4


class TestOneSecondOfLink:
    def test_no_more_is_handed_over_than_a_second_holds(self, connected):
        connected.size = START_BYTES_S // 2 + 1
        connected.grow(records=9)
        assert len(connected.send(0, take=False)) == 2
        assert connected.delivery.due(0) == []

    def test_the_last_batch_is_cut_to_the_room(self, connected):
        connected.grow(records=9)
        (first,) = connected.delivery.due(0)
        connected.delivery.dispatched(first.token, 1, 1, START_BYTES_S - 1, 0)
        assert connected.delivery.due(0)[0].room_bytes == 1

    def test_positions_wait_until_a_batch_is_worth_its_signature(self, connected):
        connected.grow("track", 9)
        connected.delivery.counted(500, START_BYTES_S - LEAST_ROOM_BYTES + 1, 0)
        assert connected.delivery.due(0) == []
        connected.grow("event")
        assert connected.delivery.due(0)[0].room_bytes == LEAST_ROOM_BYTES - 1
        connected.delivery.taken(500, 1)
        assert connected.delivery.due(1)[0].stream == "track"

    def test_other_messages_take_their_share(self, connected):
        connected.grow()
        connected.delivery.counted(500, START_BYTES_S, 0)
        assert connected.delivery.due(0) == []
        connected.delivery.taken(500, 1_000)
        assert len(connected.delivery.due(1_000)) == 1

    def test_a_slow_link_gets_small_batches(self, connected):
        connected.size = MAX_BATCH_BYTES
        connected.grow(records=60)
        for n in range(30):
            (asked,) = connected.delivery.due(n * 20_000)
            size = min(asked.room_bytes, MAX_BATCH_BYTES)
            connected.delivery.dispatched(asked.token, n + 1, n + 1, size, n * 20_000)
            connected.delivery.taken(asked.token, (n + 1) * 20_000)
            connected.ack(n + 2)
        assert connected.delivery.due(DAY_MS)[0].room_bytes == FLOOR_BYTES


class TestResend:
    def test_what_the_broker_did_not_take_is_left_to_it(self, connected):
        connected.grow()
        connected.send(0, take=False)
        assert connected.send(DAY_MS) == []

    def test_unacknowledged_it_goes_again_with_doubling_waits(self, connected):
        connected.jitter = 0
        connected.grow(records=2)
        moments = [t for t in range(0, 300_000, 50) if connected.send(t)]
        waits = [b - a for a, b in pairwise(moments)]
        doubling = [RESEND_MS * 2**n for n in range(4)] + [RESEND_MAX_MS] * 3
        assert waits == [wait + 50 for wait in doubling]

    def test_the_moment_is_spread(self, connected):
        connected.jitter = 1
        connected.grow()
        connected.send(0)
        moments = [t for t in range(0, 10_000, 50) if connected.send(t)]
        assert moments == [2 * RESEND_MS + 50]

    def test_all_from_the_acknowledged_on_goes_again_in_order(self, connected):
        connected.jitter = 0
        connected.grow(records=5)
        connected.send(0)
        connected.ack(3)
        assert connected.send(RESEND_MS + 1) == [(EVENT, 3, 3), (EVENT, 4, 4), (EVENT, 5, 5)]

    def test_progress_starts_the_waiting_anew(self, connected):
        connected.jitter = 0
        connected.grow(records=2)
        connected.send(0)
        connected.send(RESEND_MS + 1)
        connected.ack(2)
        up_ms = 2 * RESEND_MS + 2
        assert connected.send(up_ms) == [(EVENT, 2, 2)]

    def test_acknowledged_nothing_goes_again(self, connected):
        connected.grow(records=3)
        connected.send(0)
        assert connected.ack(4) == [Acknowledge("event", EVENT, 4, "store-1")]
        assert connected.send(DAY_MS) == []
        assert connected.delivery.queue() == {"event": 0, "track": 0}

    def test_a_broken_link_rewinds(self, connected):
        connected.grow(records=20)
        connected.send(0)
        connected.ack(3)
        connected.delivery.disconnected()
        assert connected.send(1_000) == []
        assert not connected.delivery.hello_due(1_000)
        connected.delivery.connected(2_000)
        assert connected.send(2_000) == []
        connected.ack(3)
        assert connected.send(2_000)[0] == (EVENT, 3, 3)

    def test_a_gateway_that_has_more_than_was_known_spares_the_rest(self, connected):
        connected.grow(records=5)
        connected.ack(5)
        assert connected.send(0) == [(EVENT, 5, 5)]

    def test_refused_backs_off_and_tries_again(self, connected):
        connected.grow(records=2)
        connected.grow("track")
        connected.send(0)
        connected.delivery.refused("event", 100)
        assert connected.send(100 + RESEND_MS // 2 - 1) == []
        assert connected.send(100 + RESEND_MS // 2) == [(EVENT, 1, 1), (EVENT, 2, 2)]
        connected.delivery.refused("event", 10_000)
        assert connected.send(10_000 + RESEND_MS - 1) == []
        assert (EVENT, 1, 1) in connected.send(10_000 + RESEND_MS)

    def test_refused_holds_only_its_stream(self, connected):
        connected.grow(records=2)
        connected.send(0)
        connected.delivery.refused("event", 0)
        connected.grow("track")
        assert connected.send(0) == [(TRACK, 1, 1)]


class TestOrder:
    def test_events_go_before_tracks(self, connected):
        connected.grow("track", 2)
        connected.grow("event", 2)
        assert connected.send(0) == [(EVENT, 1, 1), (EVENT, 2, 2), (TRACK, 1, 1), (TRACK, 2, 2)]

    def test_a_new_event_overtakes_a_backlog_of_tracks(self, connected):
        connected.grow("track", 100)
        (asked,) = connected.delivery.due(0)
        connected.delivery.dispatched(asked.token, 1, 1, 100, 0)
        connected.grow("event")
        assert connected.delivery.due(0)[0].log == EVENT

    def test_old_logs_go_before_the_current(self, make_bench, rows_class):
        rows = rows_class()
        for _ in range(2):
            rows.append(OLD)
        heads = [
            Head("event", OLD, 1, 2, rows.hs[OLD][2]),
            Head("event", EVENT, 1, 0, chain.START),
            Head("track", TRACK, 1, 0, chain.START),
        ]
        bench = make_bench(heads, rows).greeted()
        bench.ack(1, log=OLD)
        bench.grow()
        assert bench.send(0) == [(OLD, 1, 1), (OLD, 2, 2), (EVENT, 1, 1)]

    def test_what_was_acknowledged_in_an_earlier_run_is_not_sent_again(
        self, make_bench, rows_class
    ):
        rows = rows_class()
        for _ in range(4):
            rows.append(EVENT)
        head = Head("event", EVENT, 1, 4, rows.hs[EVENT][4], next=4, store="store-1")
        bench = make_bench([head, Head("track", TRACK, 1, 0, chain.START)], rows)
        assert bench.delivery.queue() == {"event": 1, "track": 0}
        bench.delivery.connected(0)
        bench.ack(4)
        assert bench.send(0) == [(EVENT, 4, 4)]


class TestBranches:
    def test_an_acknowledgement_of_another_branch_counts_for_nothing(self, connected):
        connected.grow(records=3)
        connected.send(0)
        assert connected.ack(3, h="ab" * 32) == []
        assert connected.delivery.queue()["event"] == 3

    def test_a_branch_the_gateway_does_not_know_is_sent_to_become_known(self, bench):
        bench.grow(records=3)
        bench.delivery.connected(0)
        assert bench.ack(3, h="ab" * 32) == []
        assert bench.send(0) == [(EVENT, 1, 1), (EVENT, 2, 2), (EVENT, 3, 3)]

    def test_a_fork_is_acknowledged_under_its_own_name(self, connected):
        connected.grow(records=3)
        connected.send(0)
        fork = EVENT + "~0a1b2c3d"
        assert connected.ack(4, log=fork, h=connected.rows.hs[EVENT][3].hex()) == [
            Acknowledge("event", EVENT, 4, "store-1")
        ]
        assert connected.ack(4, log=EVENT + "~ffffffff", h="ab" * 32) == []

    def test_an_acknowledgement_beyond_the_tail_begins_a_new_log_once(self, connected):
        connected.grow(records=2)
        assert connected.ack(9, h="ab" * 32) == [BeginLog("event")]
        assert connected.ack(9, h="ab" * 32) == []
        assert connected.delivery.queue()["event"] == 2

    def test_nothing_of_the_log_before_is_lost(self, connected):
        connected.grow(records=2)
        connected.ack(9, h="ab" * 32)
        new = "d" * 16
        connected.delivery.began("event", new)
        connected.grow(log=new)
        assert connected.send(0) == [(EVENT, 1, 1), (EVENT, 2, 2), (new, 1, 1)]
        assert connected.delivery.queue()["event"] == 3
        connected.ack(3, log=EVENT + "~0a1b2c3d", h=connected.rows.hs[EVENT][2].hex())
        connected.ack(2, log=new)
        assert connected.delivery.queue()["event"] == 0

    def test_the_tail_itself_is_not_beyond(self, connected):
        connected.grow(records=2)
        assert connected.ack(3) == [Acknowledge("event", EVENT, 3, "store-1")]

    def test_an_old_log_that_the_gateway_has_more_of_begins_nothing(self, make_bench, rows_class):
        rows = rows_class()
        rows.append(OLD)
        heads = [
            Head("event", OLD, 1, 1, rows.hs[OLD][1]),
            Head("event", EVENT, 1, 0, chain.START),
            Head("track", TRACK, 1, 0, chain.START),
        ]
        bench = make_bench(heads, rows).greeted()
        assert bench.ack(9, log=OLD, h="ab" * 32) == []
        assert bench.send(0) == [(OLD, 1, 1)]

    def test_a_log_begun_without_a_link_waits_for_the_greeting(self, bench):
        new = "d" * 16
        bench.delivery.began("event", new)
        bench.grow(log=new)
        bench.delivery.connected(0)
        bench.ack(1)
        assert bench.send(0) == []
        bench.ack(1, log=new)
        assert bench.send(0) == [(new, 1, 1)]


class TestStores:
    def test_within_a_store_a_lower_word_is_an_old_one(self, connected):
        connected.grow(records=3)
        connected.send(0)
        connected.ack(4)
        assert connected.ack(2) == []
        assert connected.send(DAY_MS) == []

    def test_a_store_put_back_from_a_copy_says_less_to_a_greeting_and_is_believed_once(
        self, connected
    ):
        connected.grow(records=4)
        connected.send(0)
        connected.ack(5)
        connected.delivery.disconnected()
        connected.delivery.connected(0)
        assert connected.ack(3) == [Acknowledge("event", EVENT, 3, "store-1")]
        assert connected.send(0) == [(EVENT, 3, 3), (EVENT, 4, 4)]
        assert connected.ack(2) == []

    def test_the_same_word_twice_is_told_once(self, connected):
        connected.grow(records=3)
        connected.send(0)
        assert len(connected.ack(4)) == 1
        assert connected.ack(4) == []

    def test_a_restored_store_gets_again_what_it_lacks(self, connected):
        connected.grow(records=4)
        connected.send(0)
        connected.ack(5)
        assert connected.ack(3, store="store-2") == [Acknowledge("event", EVENT, 3, "store-2")]
        assert connected.delivery.queue()["event"] == 2
        assert connected.send(0) == [(EVENT, 3, 3), (EVENT, 4, 4)]

    def test_a_restored_store_that_knows_another_branch_alone_gets_all_of_ours(self, connected):
        connected.grow(records=4)
        connected.send(0)
        connected.ack(5)
        connected.delivery.connected(10_000)
        connected.online()
        assert connected.ack(3, store="store-2", h="ab" * 32) == []
        assert connected.send(10_000) == []
        assert connected.send(10_000 + ANSWERS_MS) == [(EVENT, n, n) for n in range(1, 5)]
        assert connected.ack(5, store="store-2") == [Acknowledge("event", EVENT, 5, "store-2")]

    def test_a_store_that_knows_ours_too_gets_nothing_twice(self, connected):
        connected.grow(records=4)
        connected.send(0)
        connected.ack(5)
        connected.delivery.connected(10_000)
        connected.online()
        assert connected.ack(3, h="ab" * 32) == []
        assert connected.ack(5) == []
        assert connected.send(10_000) == connected.send(10_000 + 2 * ANSWERS_MS) == []

    def test_a_new_store_that_has_all_is_noted(self, connected):
        connected.grow()
        connected.send(0)
        connected.ack(2)
        assert connected.ack(2, store="store-2") == [Acknowledge("event", EVENT, 2, "store-2")]
        assert connected.send(0) == []

    def test_a_restored_store_that_lacks_pruned_rows_gets_what_is_left(self, connected):
        connected.grow(records=9)
        connected.send(0)
        connected.ack(10)
        connected.rows.oldest[EVENT] = 6
        lost = connected.rows.hs[EVENT][2].hex()
        assert connected.ack(3, store="store-2", h=lost) == [
            Acknowledge("event", EVENT, 3, "store-2")
        ]
        (asked,) = connected.delivery.due(0)
        connected.delivery.dispatched(asked.token, 9, 6, 100, 0)
        assert connected.delivery.heads()[0].oldest == 6
        assert connected.ack(10, store="store-2") == [Acknowledge("event", EVENT, 10, "store-2")]

    def test_a_row_that_cannot_be_checked_acknowledges_nothing_new(self, connected):
        connected.grow(records=9)
        connected.rows.oldest[EVENT] = 6
        assert connected.ack(4, h="ab" * 32) == []
        assert connected.delivery.queue()["event"] == 9


class TestGatewayGone:
    def test_while_all_workers_are_offline_the_backlog_is_held(self, connected):
        connected.online("w1")
        connected.grow(records=3)
        connected.online("w1", online=False)
        assert not connected.delivery.gateway_here
        assert connected.send(DAY_MS) == []
        assert connected.delivery.queue()["event"] == 3

    def test_one_worker_left_is_enough(self, connected):
        connected.online("w1")
        connected.online("w2")
        connected.online("w1", online=False)
        connected.grow()
        assert connected.send(0) == [(EVENT, 1, 1)]

    def test_back_again_it_is_greeted_with_jitter_before_anything_is_sent(self, connected):
        connected.online("w1")
        connected.online("w1", online=False)
        connected.grow()
        connected.online("w1", up_ms=50_000)
        spread_ms = 50_000 + RETURN_JITTER_MS // 2
        assert not connected.delivery.hello_due(spread_ms - 1)
        assert connected.send(spread_ms - 1) == []
        assert connected.delivery.hello_due(spread_ms)
        connected.ack(1)
        assert connected.send(spread_ms) == [(EVENT, 1, 1)]

    def test_another_store_is_greeted(self, connected):
        connected.online("w1")
        connected.online("w1", store="store-2", up_ms=9_000)
        assert connected.delivery.hello_due(9_000 + RETURN_JITTER_MS)

    def test_saying_the_same_again_is_no_return(self, connected):
        connected.online("w1")
        connected.grow(records=2)
        assert connected.delivery.hello_due(HELLO_EVERY_MS)
        connected.online("w1", up_ms=HELLO_EVERY_MS)
        assert not connected.delivery.hello_due(HELLO_EVERY_MS + RETURN_JITTER_MS)
        assert connected.send(0) == [(EVENT, 1, 1), (EVENT, 2, 2)]

    def test_a_worker_first_heard_of_after_unheard_hellos_is_greeted_at_once(self, bench):
        bench.jitter = 0
        bench.delivery.connected(0)
        assert [bench.delivery.hello_due(t) for t in (0, 1_500, 4_500)] == [True] * 3
        bench.online("w1", up_ms=5_000)
        assert bench.delivery.hello_due(5_000)

    def test_a_worker_that_comes_to_an_empty_broker_after_the_hello_is_greeted_with_jitter(
        self, bench
    ):
        bench.jitter = 0.5
        bench.delivery.connected(0)
        assert bench.delivery.hello_due(0)
        bench.delivery.worker("w1", WorkerState(1, True, "store-1"), 100, retained=False)
        assert not bench.delivery.hello_due(99 + RETURN_JITTER_MS // 2)
        assert bench.delivery.hello_due(100 + RETURN_JITTER_MS // 2)

    def test_a_worker_that_has_answered_already_is_not_greeted_again(self, connected):
        connected.delivery.worker("w1", WorkerState(1, True, "store-1"), 100, retained=False)
        assert not connected.delivery.hello_due(100 + RETURN_JITTER_MS)


@pytest.mark.parametrize("records", [1, 7, 40])
def test_the_queue_counts_what_is_not_acknowledged(connected, records):
    connected.grow(records=records)
    connected.grow("track", 2)
    assert connected.delivery.queue() == {"event": records, "track": 2}
    connected.send(0)
    connected.ack(2)
    assert connected.delivery.queue() == {"event": records - 1, "track": 2}


class TestWhatIsNoRecord:
    def test_gets_what_room_there_is_when_no_record_waits(self, connected):
        connected.online()
        assert connected.delivery.spare() == START_BYTES_S

    def test_gets_nothing_while_a_record_of_either_stream_is_not_acknowledged(self, connected):
        for stream in ("event", "track"):
            connected.grow(stream)
            assert connected.delivery.spare() == 0
            connected.send(0)
            assert connected.delivery.spare() == 0
            connected.ack(2, stream)
            assert connected.delivery.spare() > 0

    def test_gets_no_more_than_is_left_of_the_second(self, connected):
        connected.delivery.counted(99, START_BYTES_S - 1_000, 0)
        assert connected.delivery.spare() == 1_000

    def test_gets_nothing_before_the_greeting_is_answered_or_without_a_link(self, bench):
        assert bench.delivery.spare() == 0
        bench.delivery.connected(0)
        bench.online()
        bench.ack(1, "event")
        assert bench.delivery.spare() == 0
        bench.ack(1, "track")
        assert bench.delivery.spare() > 0
        bench.delivery.disconnected()
        assert bench.delivery.spare() == 0
