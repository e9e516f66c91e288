"""What the gateway says: configuration whole or not at all, orders, acknowledgements, and nonsense."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core import effects as ef
from wire import topics
from wire.live import WorkerState
from wire.orders import ConfigMessage, Refused, UnitConfig
from wire.records import Checkin, Config, Order

GOOD = {"place": "pl-9", "badges": [{"uid": "04a1b2c3", "person": "p-1"}]}


def outcomes(unit):
    return [(record.version, record.outcome) for record in unit.kept(Config)]


class TestConfiguration:
    def test_is_applied_whole_kept_recorded_and_shown(self, bare):
        bare.link()
        bare.configure(7, **GOOD)
        bare.tap()
        bare.wait(1_000)
        assert outcomes(bare) == [(7, "applied")]
        assert bare.journal.saved["config"]["version"] == 7
        assert [(r.place, r.result) for r in bare.kept(Checkin)] == [("pl-9", "accepted")]
        assert bare.states()[-1].config == 7

    def test_is_in_force_only_when_it_stands_on_the_medium(self, bare):
        bare.journal.broken = "full"
        bare.configure(7, **GOOD)
        bare.journal.broken = None
        bare.tap()
        assert outcomes(bare) == []
        assert bare.kept(Checkin)[0].result == "unknown"

    def test_the_same_version_again_changes_nothing(self, checkpoint):
        checkpoint.configure(1)
        assert outcomes(checkpoint) == [(1, "applied")]
        checkpoint.tap()
        assert checkpoint.kept(Checkin)[0].result == "accepted"

    def test_a_higher_version_takes_its_place_whole(self, checkpoint):
        checkpoint.configure(2, place="pl-2")
        checkpoint.tap()
        assert outcomes(checkpoint) == [(1, "applied"), (2, "applied")]
        assert [(r.place, r.result) for r in checkpoint.kept(Checkin)] == [("pl-2", "unknown")]

    def test_a_lower_version_is_refused_and_the_good_one_held(self, checkpoint):
        checkpoint.configure(5, **GOOD)
        checkpoint.configure(4, place="pl-4")
        checkpoint.tap()
        assert outcomes(checkpoint)[-1] == (4, "refused")
        assert "older than 5" in checkpoint.kept(Config)[-1].why
        assert checkpoint.kept(Checkin)[0].place == "pl-9"

    def test_another_units_configuration_is_refused(self, checkpoint):
        checkpoint.configure(9, unit="v-2", place="pl-4")
        assert outcomes(checkpoint)[-1] == (9, "refused")
        assert "v-2" in checkpoint.kept(Config)[-1].why
        checkpoint.tap()
        assert checkpoint.kept(Checkin)[0].place == "pl-1"

    @pytest.mark.parametrize(
        "change",
        [
            {"config": {"plase": "x"}},
            {"config": {"repeat_s": -1}},
            {"config": None},
            {"version": 0},
            {"version": 2.0},
            {"v": 2},
        ],
    )
    def test_one_wrong_field_refuses_it_whole(self, checkpoint, change):
        message = {"v": 1, "unit": "v-1", "version": 2, "config": {"place": "pl-2"}} | change
        checkpoint.hear(topics.config("v-1"), json.dumps(message).encode())
        assert outcomes(checkpoint)[1:] == [(0, "refused")]
        checkpoint.tap()
        assert [(r.place, r.result) for r in checkpoint.kept(Checkin)] == [("pl-1", "accepted")]

    def test_a_refusal_is_recorded_once_however_often_it_is_repeated(self, checkpoint):
        for _ in range(5):
            checkpoint.hear(topics.config("v-1"), b"{nonsense", retained=True)
        assert outcomes(checkpoint) == [(1, "applied"), (0, "refused")]

    def test_the_state_shows_a_refusal_until_a_good_one_comes(self, checkpoint):
        checkpoint.link()
        checkpoint.configure(9, unit="v-2")
        checkpoint.wait(1_000)
        assert any("refused" in line for line in checkpoint.states()[-1].alarms)
        assert checkpoint.states()[-1].config == 1
        checkpoint.configure(2)
        checkpoint.wait(1_000)
        assert checkpoint.states()[-1].alarms == []
        assert checkpoint.states()[-1].config == 2

    def test_after_a_restart_the_one_held_is_in_force(self, make_unit):
        config = UnitConfig(place="pl-9")
        unit = make_unit(config=ConfigMessage(1, "v-1", 6, config))
        unit.tap()
        assert unit.kept(Checkin)[0].place == "pl-9"
        unit.configure(5)
        assert outcomes(unit) == [(5, "refused")]

    def test_without_one_the_state_names_no_version(self, bare):
        bare.link()
        bare.wait(1_000)
        assert bare.states()[-1].config is None


class TestOrders:
    @pytest.fixture
    def linked(self, checkpoint):
        checkpoint.link()
        return checkpoint

    def test_is_received_sounded_recorded_and_answered_at_once(self, linked):
        linked.order()
        linked.wait(1_000)
        assert [(r.id, r.outcome) for r in linked.kept(Order)] == [("o-1", "received")]
        assert linked.signals == ["order_received"]
        state = linked.states()[-1]
        assert state.order == "o-1"
        assert [(r.id, r.outcome) for r in state.urgent] == [("o-1", "received")]

    @pytest.mark.parametrize(
        ("change", "outcome", "why"),
        [
            ({"nonce": "f" * 32}, "refused", "nonce"),
            ({"unit": "v-2"}, "refused", "v-2"),
            ({"expires_ms": 1}, "expired", ""),
        ],
    )
    def test_what_is_wrong_is_answered_and_not_carried_out(self, linked, change, outcome, why):
        linked.order(**change)
        (record,) = linked.kept(Order)
        assert record.outcome == outcome
        assert why in (record.why or "")
        assert linked.signals == []
        linked.wait(1_000)
        assert linked.states()[-1].order is None
        assert [r.outcome for r in linked.states()[-1].urgent] == [outcome]

    def test_repeated_by_the_broker_it_counts_once(self, linked):
        linked.order()
        linked.order()
        assert len(linked.kept(Order)) == 1
        assert linked.signals == ["order_received"]

    def test_sent_again_after_a_restart_it_is_not_carried_out_again(self, linked, make_unit):
        linked.order()
        again = make_unit(saved=linked.journal.saved)
        again.link()
        again.order()
        assert again.kept(Order) == []
        assert again.signals == []
        again.order(id="o-2")
        assert [r.id for r in again.kept(Order)] == ["o-2"]

    def test_refused_for_an_old_nonce_it_may_come_again_with_a_fresh_one(self, linked):
        linked.order(nonce="f" * 32)
        linked.order(nonce="f" * 32)
        linked.order()
        assert [r.outcome for r in linked.kept(Order)] == ["refused", "received"]

    def test_a_retained_order_is_none(self, linked):
        linked.order(retained=True)
        assert linked.kept(Order) == []
        linked.order()
        assert len(linked.kept(Order)) == 1

    def test_is_judged_by_the_trusted_clock_and_not_the_wall(self, linked):
        linked.wall_ms = 2**42
        linked.order()
        assert [r.outcome for r in linked.kept(Order)] == ["received"]

    def test_the_button_acknowledges_it_once(self, linked):
        linked.order()
        linked.button("ack", True)
        linked.wait(1_000)
        linked.button("ack", False)
        linked.wait(1_000)
        linked.button("ack", True)
        linked.wait(1_000)
        assert [r.outcome for r in linked.kept(Order)] == ["received", "acknowledged"]
        assert linked.states()[-1].order is None
        assert [r.outcome for r in linked.states()[-1].urgent] == ["received", "acknowledged"]

    def test_without_an_order_the_button_says_nothing(self, linked):
        linked.button("ack", True)
        assert linked.kept(Order) == []


class TestAnswers:
    def test_an_acknowledgement_reaches_the_journal(self, bare):
        bare.link()
        bare.gateway_has("event", 2)
        assert bare.journal.acked == {"e" * 16: (2, "store-1")}

    def test_a_refusal_is_shown_until_the_gateway_takes_something(self, bare):
        bare.link()
        bare.gateway_has("event", 1)
        refused = Refused(1, "badly signed", "ab" * 32, "store-1", 1)
        bare.hear(topics.ack("v-1", "event"), refused)
        bare.wait(1_000)
        assert any("badly signed" in line for line in bare.states()[-1].alarms)
        bare.gateway_has("event", 2)
        bare.wait(1_000)
        assert bare.states()[-1].alarms == []


TOPICS = [
    topics.config("v-1"),
    topics.order("v-1"),
    topics.ack("v-1", "event"),
    topics.ack("v-1", "photo"),
    topics.config("v-2"),
    topics.worker_state("w1"),
    topics.hello("v-1"),
    "nonsense",
]


@given(st.sampled_from(TOPICS), st.binary(max_size=60), st.sampled_from([b"", b"{", b'{"v":1,']))
def test_whatever_comes_down_changes_nothing(make_unit, topic, junk, start):
    unit = make_unit()
    unit.configure(1, **GOOD)
    unit.hear(topic, start + junk)
    unit.tap()
    assert [(r.place, r.result) for r in unit.kept(Checkin)] == [("pl-9", "accepted")]
    assert unit.journal.acked == {}
    assert unit.kept(Order) == []


def test_an_unreadable_message_is_shown_until_a_readable_one_comes(bare):
    bare.link()
    bare.hear(topics.worker_state("w1"), b"{")
    bare.wait(1_000)
    assert any("unreadable message" in line for line in bare.states()[-1].alarms)
    bare.hear(topics.worker_state("w1"), WorkerState(1, True, "s" * 16, 1))
    bare.wait(1_000)
    assert bare.states()[-1].alarms == []


def test_while_the_gateway_is_offline_no_batch_leaves(bare):
    bare.link()
    bare.gateway_has("event", 2)
    bare.hear(topics.worker_state("w1"), WorkerState(1, False))
    bare.effects.clear()
    bare.tap()
    bare.wait(60_000)
    assert not any(isinstance(effect, ef.SendBatch) for effect in bare.effects)
    assert bare.states()[-1].queue["event"] == len(bare.journal.raws["e" * 16]) - 1
