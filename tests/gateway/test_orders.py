"""Orders: what goes out to which greeting, what is refused before it is kept, what a unit's word ends."""

import time

import msgspec
import pytest

from gateway.orders import Desk, give, listed
from tests.keys import SIGNER
from wire import codec, topics
from wire.orders import OrderMessage
from wire.words import Fault

NONCE, OTHER = "a" * 32, "b" * 32


def now_ms():
    return time.time_ns() // 1_000_000


@pytest.fixture
def desk(store):
    return Desk(store, SIGNER)


def sent(desk, nonces, at_ms=None):
    due = desk.due(nonces, at_ms or now_ms())
    return [(topic, codec.decode(payload, OrderMessage)) for topic, payload in due]


def test_it_waits_for_the_units_greeting_and_bears_its_nonce(store, desk):
    order = give(store, "cp-1", "photo", None, 60)
    assert sent(desk, {}) == []
    ((topic, message),) = sent(desk, {"cp-1": NONCE, "cp-2": OTHER})
    assert topic == topics.order("cp-1")
    assert (message.id, message.what, message.nonce) == (order, "photo", NONCE)
    assert message.expires_ms - message.issued_ms == 60_000


def test_it_goes_out_once_to_each_greeting(store, desk):
    give(store, "cp-1", "photo", None, 60)
    counts = [len(sent(desk, {"cp-1": nonce})) for nonce in (NONCE, NONCE, OTHER, OTHER)]
    assert counts == [1, 0, 1, 0]


def test_after_a_broker_came_back_it_goes_out_again(store, desk):
    give(store, "cp-1", "photo", None, 60)
    sent(desk, {"cp-1": NONCE})
    desk.forget()
    assert len(sent(desk, {"cp-1": NONCE})) == 1


def test_expired_it_goes_nowhere(store, desk):
    give(store, "cp-1", "photo", None, 60)
    assert sent(desk, {"cp-1": NONCE}, now_ms() + 61_000) == []


@pytest.mark.parametrize(
    ("unit", "what", "text", "valid_s", "said"),
    [
        ("CP 1", "photo", None, 60, "no unit's name"),
        ("gw", "photo", None, 60, "no unit's name"),
        ("cp-1", "", None, 60, "must not be empty"),
        ("cp-1", "photo", "x" * 100_000, 60, "would refuse"),
        ("cp-1", "photo", None, 0, "--valid-s 0"),
        ("cp-1", "photo", None, float("nan"), "--valid-s nan"),
        ("cp-1", "photo", None, 10**9, "--valid-s"),
    ],
)
def test_what_no_unit_would_take_is_not_kept(store, unit, what, text, valid_s, said):
    with pytest.raises(Fault, match=said) as caught:
        give(store, unit, what, text, valid_s)
    assert caught.value.words.zh
    assert listed(store) == []


def test_listed_oldest_first_without_a_word_yet(store):
    first = give(store, "cp-1", "photo", "门口", 60)
    second = give(store, "cp-2", "sos-over", None, 60)
    rows = [msgspec.structs.asdict(order) for order in listed(store)]
    assert [(row["id"], row["text"], row["outcome"]) for row in rows] == [
        (first, "门口", None),
        (second, None, None),
    ]
    assert [order.id for order in listed(store, "cp-2")] == [second]
