"""What an adversary between unit and gateway may try with what comes down: each attempt fails, and is told of."""

import msgspec
import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.downlink import GATEWAY_CERT
from device.trust import GatewayTrust
from tests.keys import Site
from wire import codec, topics
from wire.live import Hello, WorkerState
from wire.orders import Ack, ConfigMessage, OrderMessage, PhotoAck, UnitConfig
from wire.records import Config, Order

SITE = Site()
GATEWAY = SITE.signing
STRANGER = Site().signing
RENEWED = SITE.bearer("gw", "sign", serial=2**130)


@pytest.fixture
def unit(make_unit):
    """A unit that believes in `SITE` and has heard of its gateway."""
    made = make_unit(trust=GatewayTrust(lambda: SITE.authority, None))
    made.link()
    made.hear(topics.worker_state("w1"), WorkerState(1, True, "store-1", cert=GATEWAY.text))
    made.clock("ntp")
    return made


def say(unit, topic, message, key=GATEWAY, signed_for=None, retained=False):
    unit.hear(topic, codec.encode_signed(message, signed_for or topic, key), retained)


def config(unit, version=1, key=GATEWAY, whose="v-1", **more):
    message = ConfigMessage(1, whose, version, UnitConfig(repeat_s=float(version)))
    say(unit, topics.config("v-1"), message, key, **more)


def order(box, key=GATEWAY, signed_for=None, **changes):
    nonce = box.said(topics.hello("v-1"), Hello)[-1][1].nonce
    message = OrderMessage(1, "v-1", "o-1", nonce, 0, 2**41, "go")
    say(box, topics.order("v-1"), msgspec.structs.replace(message, **changes), key, signed_for)


def ack(unit, key=GATEWAY, below=2, **more):
    h = unit.journal.chain_at("event", "e" * 16, below - 1).hex()
    message = Ack(1, "e" * 16, below, h, "store-1", 1, unit.nonce)
    say(unit, topics.ack("v-1", "event"), message, key, **more)


def alarms(unit):
    unit.wait(1_000)
    return " ".join(unit.states()[-1].alarms)


def outcomes(unit):
    return [(r.outcome, r.why) for r in unit.kept(Order)]


def test_what_the_gateway_signed_is_done(unit):
    config(unit)
    ack(unit)
    order(unit)
    assert [record.outcome for record in unit.kept(Config)] == ["applied"]
    assert unit.journal.acked == {"e" * 16: (2, "store-1")}
    assert outcomes(unit) == [("received", None)]


def test_the_gateways_certificate_is_kept_over_restarts(unit, make_unit):
    held = unit.journal.saved[GATEWAY_CERT]["cert"]
    again = make_unit(
        journal=unit.journal, trust=GatewayTrust(lambda: SITE.authority, held), config=None
    )
    again.link(2)
    config(again, 3)
    assert [record.outcome for record in again.kept(Config)] == ["applied"]


def test_a_hello_is_signed_for_its_topic(unit):
    payload = [data for _, topic, data in unit.published if topic == topics.hello("v-1")][-1]
    hello = codec.decode_signed(payload, topics.hello("v-1"), Hello)
    assert len(hello.sig) == 86
    assert hello.text.startswith(b"xk1|xk/v1/v-1/up/hello|{")


class TestConfiguration:
    @pytest.mark.parametrize(
        ("attempt", "why"),
        [
            ({"key": STRANGER}, "is not the gateway's"),
            ({"whose": "v-2"}, "for unit v-2"),
            ({"signed_for": topics.config("v-2")}, "signature does not hold"),
        ],
        ids=["forged", "another unit's", "another topic's"],
    )
    def test_refused(self, unit, attempt, why):
        config(unit, **attempt)
        (record,) = unit.kept(Config)
        assert (record.outcome, why in record.why) == ("refused", True)
        assert "config" not in unit.journal.saved
        assert why in alarms(unit)

    def test_unsigned(self, unit):
        unit.configure(5)
        assert [(r.outcome, r.why) for r in unit.kept(Config)] == [("refused", "it is not signed")]

    def test_older_than_the_one_in_use(self, unit):
        config(unit, 4)
        config(unit, 3)
        assert [record.outcome for record in unit.kept(Config)] == ["applied", "refused"]
        assert unit.journal.saved["config"]["version"] == 4

    def test_signed_with_a_key_that_was_replaced(self, unit):
        renewed = WorkerState(1, True, "store-1", cert=RENEWED.text)
        unit.hear(topics.worker_state("w1"), renewed)
        config(unit, 2)
        config(unit, 3, RENEWED)
        assert [record.outcome for record in unit.kept(Config)] == ["refused", "applied"]

    def test_that_came_before_the_certificate_counts_once_that_is_there(self, make_unit):
        unit = make_unit(trust=GatewayTrust(lambda: SITE.authority, None))
        unit.link()
        config(unit, 2)
        unit.hear(topics.worker_state("w1"), WorkerState(1, True, "store-1", cert=GATEWAY.text))
        assert [record.outcome for record in unit.kept(Config)] == ["refused", "applied"]


class TestOrders:
    @pytest.mark.parametrize(
        ("attempt", "outcome", "why"),
        [
            ({"key": STRANGER}, "refused", "is not the gateway's"),
            ({"signed_for": topics.order("v-2")}, "refused", "signature does not hold"),
            ({"unit": "v-2"}, "refused", "for unit v-2"),
            ({"nonce": "0" * 32}, "refused", "nonce"),
            ({"expires_ms": 1}, "expired", None),
        ],
        ids=["forged", "another topic's", "another unit's", "replayed", "expired"],
    )
    def test_not_carried_out(self, unit, attempt, outcome, why):
        order(unit, **attempt)
        ((found, said),) = outcomes(unit)
        assert found == outcome
        assert why is None or why in said

    def test_unsigned(self, unit):
        unit.order()
        assert outcomes(unit) == [("refused", "it is not signed")]

    def test_given_again_it_is_not_done_again(self, unit):
        order(unit)
        order(unit)
        assert outcomes(unit) == [("received", None)]


class TestAcknowledgements:
    @pytest.mark.parametrize(
        "attempt",
        [{"key": STRANGER}, {"signed_for": topics.ack("v-2", "event")}],
        ids=["forged", "another unit's"],
    )
    def test_nothing_is_acknowledged(self, unit, attempt):
        ack(unit, **attempt)
        assert unit.journal.acked == {}
        assert "not believed" in alarms(unit)

    def test_unsigned(self, unit):
        unit.gateway_has("event", 2)
        assert unit.journal.acked == {}

    @pytest.mark.parametrize(("store", "below"), [("store-0", 3), ("store-1", 1)])
    def test_an_old_one_that_was_held_back(self, unit, store, below):
        """As a bad broker may after a restore: signed by the gateway, for this unit, before its last greeting."""
        h = unit.journal.chain_at("event", "e" * 16, below - 1).hex()
        old = Ack(1, "e" * 16, below, h, store, 1, "0" * 32)
        ack(unit)
        say(unit, topics.ack("v-1", "event"), old)
        assert unit.journal.acked == {"e" * 16: (2, "store-1")}

    def test_what_goes_on_in_the_same_store_needs_no_greeting(self, unit):
        unit.tap()
        ack(unit)
        h = unit.journal.chain_at("event", "e" * 16, 2).hex()
        say(unit, topics.ack("v-1", "event"), Ack(1, "e" * 16, 3, h, "store-1", 1))
        assert unit.journal.acked["e" * 16] == (3, "store-1")

    def test_an_old_done_that_was_held_back_gives_no_photo_up(self, make_unit):
        unit = make_unit(camera=True, trust=GatewayTrust(lambda: SITE.authority, GATEWAY.text))
        unit.link()
        unit.happen(ev.PhotosFound((("aa" * 32, 9),)))
        for nonce, given_up in (("0" * 32, 0), (None, 0), (unit.nonce, 1)):
            done = PhotoAck(1, "aa" * 32, 9, "store-1", 0, done=True, nonce=nonce)
            say(unit, topics.ack("v-1", "photo"), done)
            assert sum(isinstance(effect, ef.PhotoDone) for effect in unit.effects) == given_up

    @pytest.mark.parametrize("key", [STRANGER, None], ids=["forged", "unsigned"])
    def test_a_photo_is_not_given_up(self, make_unit, key):
        unit = make_unit(camera=True, trust=GatewayTrust(lambda: SITE.authority, GATEWAY.text))
        topic, done = topics.ack("v-1", "photo"), PhotoAck(1, "aa" * 32, 9, "store-1", 0, done=True)
        if key:
            say(unit, topic, done, key)
        else:
            unit.hear(topic, done)
        unit.link()
        assert not [effect for effect in unit.effects if "Acknowledged" in type(effect).__name__]
        assert "answer about a photo not believed" in alarms(unit)


class TestWorkers:
    @pytest.mark.parametrize(
        "cert",
        [STRANGER.text, SITE.bearer("gw").text, SITE.bearer("v-2", "sign").text],
        ids=["another site's", "a log-in's", "a unit's"],
    )
    def test_a_certificate_that_is_none_of_the_gateways(self, unit, cert):
        unit.hear(topics.worker_state("w1"), WorkerState(1, True, "store-1", cert=cert))
        assert "certificate" in alarms(unit)
        config(unit)
        assert [record.outcome for record in unit.kept(Config)] == ["applied"]


class TestFloods:
    def test_of_bad_orders_never_makes_a_good_one_count_twice(self, unit):
        order(unit)
        for number in range(100):
            order(unit, STRANGER, id=f"forged-{number}")
            order(unit, id=f"old-{number}", nonce="0" * 32)
        order(unit)
        assert [one for one in outcomes(unit) if one[0] == "received"] == [("received", None)]

    def test_a_forged_copy_does_not_stand_in_for_the_order(self, unit):
        order(unit, STRANGER)
        order(unit)
        assert [one for one, _ in outcomes(unit)] == ["refused", "received"]

    def test_of_refusals_are_not_all_written_down(self, unit):
        for number in range(200):
            order(unit, STRANGER, id=f"forged-{number}")
            config(unit, 1 + number, STRANGER)
        assert len(unit.kept(Order)) + len(unit.kept(Config)) == 30
        assert "within an hour, no more are recorded" in alarms(unit)
        config(unit, 2)
        assert unit.kept(Config)[-1].outcome == "applied"
        unit.wait(3_600_000, step_ms=300_000)
        order(unit, STRANGER, id="forged-later")
        assert unit.kept(Order)[-1].id == "forged-later"

    def test_of_workers_takes_bounded_room(self, unit):
        for number in range(500):
            unit.hear(topics.worker_state(f"w-{number}"), WorkerState(1, True, f"s-{number}"))
        assert len(unit.agent._downlink._delivery._workers) == 64
        ack(unit)
        assert unit.journal.acked == {"e" * 16: (2, "store-1")}
