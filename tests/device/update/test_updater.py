"""The updater believes no wish: what it reports, what it leaves alone, what it tidies."""

import os

import pytest

from device.core.wish import Wish
from device.update.guard import Content, Place, State
from device.update.inbox import WISH, Inbox
from device.update.updater import Updater
from gateway.releases import keys
from gateway.releases.build import look
from tests.releases import make_release
from wire.release import PUBLIC, Named

HERE = "x86_64-bookworm"


class Bench:
    """A box with one slot filled; the other is filled by noting it."""

    def __init__(self, folder):
        self.key = keys.make(folder / "safe")
        self.place, self.inbox = Place(folder / "opt", folder / "keep"), Inbox(folder / "inbox")
        for path in (self.place.root, self.place.keep, self.inbox.path):
            path.mkdir()
        self.place.write(State("a", {"a": Content("0.1.0"), "b": None}))
        self.filled = []
        fill = lambda file, head, slot: self.filled.append((head.manifest.version, slot.name))  # noqa: E731
        public = folder / "safe" / PUBLIC
        self.updater = Updater(self.place, self.inbox, public, "0.1.0", HERE, fill)

    def lay(self, path):
        """The release as it was fetched."""
        head, digest = look(path, None)
        self.inbox.add(digest, 0, path.read_bytes())
        return Named(head.manifest.version, digest, head.size)

    def wish(self, do, order="o-1", release=None, why=None):
        self.inbox.ask(Wish(do, order, release, why))
        self.updater.serve()
        assert self.inbox.taken() is None
        return self.place.read()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_release_goes_into_the_idle_slot_and_its_file_goes(bench, tmp_path):
    state = bench.wish("install", release=bench.lay(make_release(tmp_path, bench.key)))
    assert (state.said.outcome, state.slots["b"].version) == ("installed", "0.2.0")
    assert bench.filled == [("0.2.0", "b")]
    assert state.chosen == "a"
    assert list(bench.inbox.path.iterdir()) == []


def test_what_is_there_already_is_not_installed_again(bench, tmp_path):
    named = bench.lay(make_release(tmp_path, bench.key))
    bench.wish("install", release=named)
    state = bench.wish("install", "o-2", named)
    assert (state.said.order, state.said.outcome) == ("o-2", "installed")
    assert len(bench.filled) == 1


def test_a_refusal_leaves_the_slots_as_they_were(bench, tmp_path):
    state = bench.wish("install", release=bench.lay(make_release(tmp_path)))
    assert (state.said.order, state.said.outcome) == ("o-1", "refused")
    assert "not signed" in state.said.why
    assert (state.chosen, state.slots["b"], bench.filled) == ("a", None, [])


@pytest.mark.parametrize("release", [None, Named("0.2.0", "0" * 64, 5)])
def test_a_release_that_is_not_there_is_refused(bench, release):
    assert bench.wish("install", release=release).said.outcome == "refused"


def test_a_pipe_or_a_link_in_the_inbox_is_not_waited_for(bench, tmp_path):
    named = Named("0.2.0", "0" * 64, 5)
    os.mkfifo(bench.inbox.release(named.sha256))
    assert bench.wish("install", release=named).said.outcome == "refused"
    assert list(bench.inbox.path.iterdir()) == []
    bench.inbox.release(named.sha256).symlink_to("/dev/zero")
    assert bench.wish("install", release=named).said.outcome == "refused"


def test_from_trial_to_good_and_the_way_back(bench, tmp_path):
    assert bench.wish("switch").said.outcome == "refused"
    bench.wish("install", release=bench.lay(make_release(tmp_path, bench.key)))
    assert bench.wish("switch").chosen == "b"
    state = bench.wish("pass")
    assert (state.good, state.said.outcome) == ("b", "passed")
    assert bench.wish("switch", "o-2").chosen == "a"
    state = bench.wish("back", "o-2", why="part nfc: silent")
    assert (state.chosen, state.said.why) == ("b", "part nfc: silent")


def test_an_order_is_tried_once(bench, tmp_path):
    bench.wish("install", release=bench.lay(make_release(tmp_path, bench.key)))
    tried = bench.wish("switch")
    assert bench.wish("switch") == tried
    gone = bench.wish("back")
    assert bench.wish("switch") == gone


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"do":"dance","order":"o-1"}', "null", '{"do":"patch","order":"o-1"}'],
)
def test_a_wish_that_cannot_be_read_is_removed(bench, text):
    (bench.inbox.path / WISH).write_text(text)
    before = bench.place.read()
    bench.updater.serve()
    assert list(bench.inbox.path.iterdir()) == []
    assert bench.place.read() == before


def test_a_piece_is_taken_where_it_joins_and_nowhere_else(bench):
    inbox = bench.inbox
    assert inbox.add("aa", 0, b"12") == 2
    assert inbox.add("aa", 1, b"xx") == 2
    assert inbox.add("aa", 3, b"xx") == 2
    assert inbox.add("aa", 2, b"34") == 4
    assert inbox.held("aa") == 4
    assert inbox.add("bb", 0, b"56") == 2
    assert inbox.held("aa") == 0


def test_where_the_state_cannot_be_written_the_wish_goes_and_comes_again_from_the_unit(bench):
    """A wish that stayed would have it started at once, again and again."""
    bench.inbox.ask(Wish("switch", "o-1"))
    bench.place.keep.rename(bench.place.keep.with_name("gone"))
    with pytest.raises(OSError, match="No such file"):
        bench.updater.serve()
    assert bench.inbox.taken() is None
