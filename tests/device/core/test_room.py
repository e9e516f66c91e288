"""The desk of room: how often it asks, and what people hear of what it cost."""

from device.core import effects as ef
from device.core import events as ev
from wire.records import Alarm, Dropped

HOUR_MS = 3_600_000


def asked(unit):
    return [effect for effect in unit.effects if isinstance(effect, ef.MakeRoom)]


def told(unit):
    return [(a.what.split(": ")[1].split(",")[0], a.active) for a in unit.kept(Alarm)]


def test_it_looks_every_ten_seconds_with_a_declaration_to_be_filled_in(bare):
    before = len(asked(bare))
    bare.wait(30_000)
    assert len(asked(bare)) - before == 3
    assert isinstance(asked(bare)[-1].head, Dropped)
    assert asked(bare)[-1].head.up_ms == bare.up_ms


def test_while_there_is_more_to_do_it_takes_a_step_every_quarter_of_a_second(bare):
    bare.happen(ev.RoomMade("acknowledged", more=True))
    before = len(asked(bare))
    bare.wait(250)
    assert len(asked(bare)) == before + 1
    bare.wait(5_000)
    assert len(asked(bare)) == before + 1, "the last step said that there was no more"


def test_what_the_gateway_has_may_go_without_a_word(bare):
    bare.happen(ev.RoomMade("acknowledged", more=True))
    bare.happen(ev.RoomMade("nothing", more=False))
    assert bare.kept(Alarm) == []


def test_each_worse_thing_is_told_once_and_its_end_after_an_hour(bare):
    for how in ("thinned", "thinned", "tracks", "thinned", "events", "tracks"):
        bare.happen(ev.RoomMade(how, more=True))
    assert told(bare) == [
        ("positions that the gateway does not have are thinned", True),
        ("the oldest positions are removed", True),
        ("the oldest events are removed", True),
    ]
    assert bare.lights[-1] is True
    bare.wait(HOUR_MS - 1_000, step_ms=1_000)
    assert len(told(bare)) == 3
    bare.wait(2_000)
    assert told(bare)[3:] == [("the oldest events are removed", False)]
    assert bare.lights[-1] is False


def test_the_delivery_knows_what_is_not_kept_any_more(bare):
    bare.link()
    bare.gateway_has("event", 1)
    last = len(bare.journal.raws["e" * 16])
    bare.happen(ev.Shortened("event", "e" * 16, last + 1))
    bare.wait(40_000)
    assert bare.states()[-1].queue["event"] == 0
