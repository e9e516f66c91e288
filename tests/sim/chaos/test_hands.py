"""An old card image goes back only after the gateway had something that is not on it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from sim.chaos.hands import CHECKIN, Hands, NotYet
from sim.chaos.officer import Answer
from sim.chaos.schedule import Fault
from sim.tapper import Tap

OLD_CARD = "old card image"


class Box:
    """A box, and what was done to it; each tap is told to the platform at once."""

    def __init__(self, world):
        self.world, self.did = world, []
        self.officer = SimpleNamespace(answers=[])
        self.card = SimpleNamespace(
            copy=lambda _: self.did.append("copy"), put_back=lambda _: self.did.append("put back")
        )

    def kill(self):
        self.did.append("kill")

    def start(self):
        self.did.append("start")

    def beeps(self, uid, presented_ns, beep_ns):
        self.officer.answers.append(Answer(Tap("cp-1", uid, presented_ns, presented_ns, beep_ns)))
        event = {"type": CHECKIN, "source": "/units/cp-1", "data": {"badge": uid}}
        self.world.arrived.append((beep_ns, event))


@pytest.fixture
def world():
    made = SimpleNamespace(boxes={}, arrived=[], folder=Path("/nowhere"))
    made.arrivals = SimpleNamespace(read=lambda: made.arrived)
    made.boxes["cp-1"] = Box(made)
    return made


@pytest.fixture
def hands(world, monkeypatch):
    clock = iter(range(1000, 10_000, 1000))
    monkeypatch.setattr("sim.chaos.hands.time.monotonic_ns", lambda: next(clock))
    return Hands(world)


FAULT = Fault(0.0, OLD_CARD, "cp-1", 1.0, 1)


def test_a_badge_that_was_held_before_the_copy_may_be_on_it(hands, world):
    box = world.boxes["cp-1"]
    hands.begin(FAULT)
    box.beeps("held", presented_ns=999, beep_ns=1001)
    with pytest.raises(NotYet):
        hands.end(FAULT)
    assert "put back" not in box.did and hands.wounds == []


def test_what_was_tapped_after_the_copy_is_not_on_it(hands, world):
    box = world.boxes["cp-1"]
    hands.begin(FAULT)
    box.beeps("newer", presented_ns=1001, beep_ns=1002)
    hands.end(FAULT)
    assert box.did == ["kill", "copy", "start", "kill", "put back", "start"]
    assert [(wound.from_ns, wound.to_ns) for wound in hands.wounds] == [(1000, 2000)]
