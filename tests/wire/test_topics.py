"""Topic names: built and parsed again; whatever the broker sends is ours or None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import topics
from wire.topics import Down, Up, Worker

units = st.from_regex(topics.UNIT, fullmatch=True).filter(lambda name: name != "gw")
SHA = "ab" * 32


@given(units, st.integers(0, 10**12 - 1))
def test_what_a_unit_says_is_parsed_as_it_was_built(unit, offset):
    assert topics.parse(topics.hello(unit)) == Up(unit, "hello")
    assert topics.parse(topics.state(unit)) == Up(unit, "state")
    assert topics.parse(topics.pos(unit)) == Up(unit, "pos")
    for stream in ("event", "track"):
        assert topics.parse(topics.log(unit, stream)) == Up(unit, "log", stream=stream)
    photo = Up(unit, "photo", sha256=SHA, offset=offset)
    assert topics.parse(topics.photo(unit, SHA, offset)) == photo


@given(units)
def test_what_a_unit_is_told_is_parsed_as_it_was_built(unit):
    assert topics.parse(topics.config(unit)) == Down(unit, "config")
    assert topics.parse(topics.order(unit)) == Down(unit, "order")
    for about in ("event", "track", "photo"):
        assert topics.parse(topics.ack(unit, about)) == Down(unit, "ack", about)


@given(units)
def test_a_worker_is_no_unit(name):
    assert topics.parse(topics.worker_state(name)) == Worker(name)


def test_names_are_those_of_the_contract():
    assert topics.log("v-1", "event") == "xk/v1/v-1/up/log/event"
    assert topics.photo("v-1", SHA, 65536) == f"xk/v1/v-1/up/photo/{SHA}/65536"
    assert topics.ack("v-1", "track") == "xk/v1/v-1/down/ack/track"
    assert topics.worker_state("w1") == "xk/v1/gw/w1/state"
    assert (topics.ALL_UP, topics.ALL_WORKERS) == ("xk/v1/+/up/#", "xk/v1/gw/+/state")
    assert topics.all_down("v-1") == "xk/v1/v-1/down/#"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "xk/v1",
        "xk/v1/v-1/up",
        "xk/v1//up/hello",
        "xk/v2/v-1/up/hello",
        "XK/v1/v-1/up/hello",
        "/xk/v1/v-1/up/hello",
        "xk/v1/v-1/up/hello/",
        "xk/v1/v-1/up/hello/more",
        "xk/v1/v-1/up/config",
        "xk/v1/v-1/down/hello",
        "xk/v1/v-1/sideways/hello",
        "xk/v1/V-1/up/hello",
        "xk/v1/-v/up/hello",
        "xk/v1/v-1\n/up/hello",
        "xk/v1/v\0/up/hello",
        "xk/v1/村/up/hello",
        f"xk/v1/{'v' * 33}/up/hello",
        "xk/v1/gw/up/hello",
        "xk/v1/gw/w1/state/more",
        "xk/v1/gw/W1/state",
        "xk/v1/v-1/up/log",
        "xk/v1/v-1/up/log/photo",
        "xk/v1/v-1/up/log/event/",
        "xk/v1/v-1/down/ack",
        "xk/v1/v-1/down/ack/state",
        f"xk/v1/v-1/up/photo/{SHA}",
        f"xk/v1/v-1/up/photo/{SHA}/",
        f"xk/v1/v-1/up/photo/{SHA}/-1",
        f"xk/v1/v-1/up/photo/{SHA}/01",
        f"xk/v1/v-1/up/photo/{SHA}/1.0",
        f"xk/v1/v-1/up/photo/{SHA}/1e3",
        f"xk/v1/v-1/up/photo/{SHA}/٣",
        f"xk/v1/v-1/up/photo/{SHA}/{'9' * 13}",
        f"xk/v1/v-1/up/photo/{SHA.upper()}/0",
        f"xk/v1/v-1/up/photo/{SHA[:-1]}/0",
    ],
)
def test_none_of_ours(topic):
    assert topics.parse(topic) is None


PIECES = ["xk", "v1", "gw", "v-1", "up", "down", "log", "event", "ack", "photo", SHA, "0", "state"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=9).map("/".join))
def test_any_topic_is_ours_or_none(topic):
    match topics.parse(topic):
        case None:
            return
        case Worker(name):
            assert topics.worker_state(name) == topic
        case Up(unit, "log", stream):
            assert topics.log(unit, stream) == topic
        case Up(unit, "photo", None, sha256, offset):
            assert topics.photo(unit, sha256, offset) == topic
        case Down(unit, "ack", about):
            assert topics.ack(unit, about) == topic
        case Up(unit, kind):
            assert topic == f"xk/v1/{unit}/up/{kind}"
        case Down(unit, kind):
            assert topic == f"xk/v1/{unit}/down/{kind}"


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("v-03-2", True),
        ("0", True),
        ("a" * 32, True),
        ("a" * 33, False),
        ("", False),
        ("-a", False),
        ("gw", False),
        ("gw2", True),
        ("A", False),
        ("a\n", False),
        ("a b", False),
        ("村", False),
    ],
)
def test_who_may_be_a_unit(name, good):
    assert topics.is_unit(name) is good


def test_a_topic_too_long_to_be_ours_is_not_remembered():
    """Each may have 65,535 characters, and what was parsed is kept by the thousand."""
    longest = topics.photo("u" * 32, "a" * 64, 10**12 - 1)
    assert topics.parse(longest) is not None
    before = topics._parse.cache_info().currsize
    for number in range(100):
        assert topics.parse(f"xk/v1/cp-01/up/{number}/" + "x" * 60_000) is None
    assert topics._parse.cache_info().currsize == before
