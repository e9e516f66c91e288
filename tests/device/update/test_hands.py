"""The unit's side: what is a slot, what is kept, and how the slots are told of."""

from pathlib import Path

import pytest

from device.config import UpdateSection
from device.core.effects import KeepPiece
from device.core.events import PatchesSaid, ReleaseHeld, SlotsSaid
from device.core.station import Slots
from device.core.wish import Wish
from device.patching import place as patching
from device.update import guard
from device.update.guard import Content, Place, State
from device.update.hands import UpdateHands
from device.update.inbox import WISH, Inbox
from wire.release import Named

CALM = State("a", {"a": Content("0.1.0"), "b": None})


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "opt", tmp_path / "keep")
    for path in (made.root, made.keep / "inbox"):
        path.mkdir(parents=True)
    made.write(CALM)
    return made


@pytest.fixture
def hands(place):
    folders = (place.keep / "patches", place.keep / "run")
    return UpdateHands(place.root, place.keep, Slots("a", "aarch64-bookworm"), *folders)


def test_only_software_in_a_slot_is_updated(tmp_path):
    section = UpdateSection(str(tmp_path), link_pct=40, quiet_s=5, trial_s=60)
    found = UpdateHands.of_this(section, Path("/opt/xunkong/slots/b"))
    assert (found.slots.own, found.slots.share) == ("b", 0.4)
    assert (found.slots.quiet_ms, found.slots.trial_ms) == (5_000, 60_000)
    assert UpdateHands.of_this(section, Path("/opt/xunkong")) is None
    assert UpdateHands.of_this(None, Path("/opt/xunkong/slots/b")) is None


def test_the_slots_are_told_of_once_each_time_they_change(place, hands):
    assert list(hands.news()) == [SlotsSaid("a", None, idle=False)]
    assert list(hands.news()) == []
    state = guard.tried(guard.filled(CALM, Content("0.2.0")), "o-1")
    place.write(state)
    assert list(hands.news()) == [SlotsSaid("a", "b", idle=True)]
    place.write(guard.back(state, "why"))
    back = SlotsSaid("a", None, True, "o-1", "back", "why")
    assert list(hands.news()) == [back]
    hands.forget()
    assert list(hands.news()) == [back]


def test_the_patches_are_told_of_where_the_unit_takes_them(place, hands):
    list(hands.news())
    box = patching.Place(place.keep, place.keep / "patches", Path(), place.keep / "run")
    box.keep.mkdir()
    assert list(hands.news()) == [PatchesSaid("0.0")]
    box.run.mkdir()
    box.due.touch()
    said = patching.Said("o-1", "installed", "lamp 1.0 to 1.1")
    patching.write(box, patching.State("2026.11.28", None, said))
    assert list(hands.news()) == [
        PatchesSaid("2026.11.28", True, "o-1", "installed", "lamp 1.0 to 1.1")
    ]
    (box.keep / "state.json").write_text('{"version": "2026.11.28", "said": null, "more": 1}')
    assert list(hands.news()) == [PatchesSaid("2026.11.28", True)]
    (box.keep / "state.json").write_text('{"version": "x; rm", "said": 5')
    assert list(hands.news()) == [PatchesSaid("0.0", True)]


def test_pieces_and_wishes_lie_where_the_updater_looks(place, hands):
    inbox = Inbox(place.keep / "inbox")
    assert hands.held("ab") == ReleaseHeld("ab", 0)
    assert hands.add(KeepPiece("ab", 0, b"123")) == ReleaseHeld("ab", 3)
    assert inbox.release("ab").read_bytes() == b"123"
    hands.ask(Wish("pass", "o-1"))
    assert inbox.taken() == Wish("pass", "o-1")
    named = Named("2026.11.28", "ab" * 32, 3)
    hands.ask(Wish("patch", "o-2", named))
    assert inbox.taken() == Wish("pass", "o-1")
    box = patching.Place(inbox.path, place.keep, Path())
    assert patching.wished(box) == patching.Job("o-2", "2026.11.28", "ab" * 32, 3)


def test_a_folder_that_takes_nothing_is_told_of(place, hands, caplog):
    (place.keep / "inbox").rmdir()
    said = hands.add(KeepPiece("ab", 0, b"123"))
    assert (said.size, "No such file" in said.why) == (0, True)
    hands.ask(Wish("pass", "o-1"))
    assert WISH not in [path.name for path in place.keep.iterdir()]
    assert "cannot ask the updater" in caplog.text
