"""A roll-out carried out on a store: orders are given, answers read, and it goes on or stops."""

import msgspec
import pytest

from gateway.orders import LONGEST_S, listed
from gateway.releases.shelf import Published
from gateway.rollout import book
from gateway.rollout.conductor import LOST, look
from gateway.rollout.plan import SILENT_MS
from gateway.store.schema import releases
from tests.gateway.conftest import NOW_MS
from wire.records import Order
from wire.release import named
from wire.words import Fault

SHA256 = "ab" * 32
MACHINE = "aarch64-bookworm"


class Town:
    """Units on a store that say how they are and answer orders."""

    def __init__(self, bench, state, unit_log):
        self.bench, self.store, self._state = bench, bench.store, state
        self._unit_log, self._logs = unit_log, {}
        self.publish("0.2.0")

    def publish(self, version, machine=MACHINE, least="0.0", sha256=SHA256, kind="software"):
        row = Published(sha256, version, machine, 1000, least, 1, NOW_MS, kind)
        with self.store.changing() as connection:
            connection.execute(releases.insert().values(**msgspec.structs.asdict(row)))

    def here(self, *units, version="0.1.0", machine=MACHINE, online=True, patches=None):
        known = {"version": version, "machine": machine, "patches": patches}
        for unit in units:
            fields = known if online else {}
            self.bench.take(self._state(unit, online=online, **fields))
        self.bench.now_ms += 2_000  # the live picture is written once a second
        self.bench.take()

    def answer(self, unit, outcome, why=None, what="update"):
        order = listed(self.store, unit)[-1]
        log = self._logs.setdefault(unit, self._unit_log(unit))
        log.add(Order, id=order.id, outcome=outcome, what=what, why=why)
        self.bench.take(log.message(log.last))

    def begin(self, limit=0, only=()):
        chosen = book.choose(self.store, "0.2.0", only, NOW_MS)
        return book.begin(self.store, "0.2.0", chosen, limit, NOW_MS)

    def look(self, at_ms=NOW_MS):
        look(self.store, at_ms)
        return [order.unit for order in listed(self.store)]

    def stages(self):
        with self.store.reading() as connection:
            held = book.newest(self.store)
            return {part.unit: part.stage for part in book.parts_of(connection, held.id)}


@pytest.fixture
def town(any_bench, state, unit_log):
    return Town(any_bench, state, unit_log)


def test_one_then_the_others_and_then_it_is_done(town):
    town.here("u-1", "u-2", "u-3")
    town.begin()
    assert town.look() == ["u-1"]
    assert named(listed(town.store)[0].text).sha256 == SHA256
    assert town.look() == ["u-1"]
    town.answer("u-1", "received")
    assert town.look() == ["u-1"]
    assert town.stages()["u-1"] == "under-way"
    town.answer("u-1", "done")
    assert sorted(town.look()) == ["u-1", "u-2", "u-3"]
    for unit in ("u-2", "u-3"):
        town.answer(unit, "done")
    town.look()
    assert book.newest(town.store).state == "done"
    assert set(town.stages().values()) == {"done"}


def test_too_many_failures_stop_it_and_it_can_be_gone_on_with(town):
    town.here("u-1", "u-2", "u-3")
    town.begin(limit=0)
    town.look()
    town.answer("u-1", "failed", "part nfc, which worked before: silent")
    town.look()
    held = book.newest(town.store)
    assert (held.state, held.why) == ("stopped", "1 failed, more than 0: u-1")
    assert town.look() == ["u-1"]
    book.resume(town.store, 1, NOW_MS)
    assert town.look() == ["u-1", "u-1"]


def test_paused_nobody_is_asked(town):
    town.here("u-1", "u-2")
    town.begin()
    book.pause(town.store)
    assert town.look() == []
    book.resume(town.store, None, NOW_MS)
    assert town.look() == ["u-1"]


def test_an_order_whose_time_ran_out_is_given_again(town):
    town.here("u-1")
    town.begin()
    town.look()
    assert len(town.look(NOW_MS + 2 * 86_400_000)) == 2


def test_who_took_it_and_fell_silent_has_failed(town):
    town.here("u-1")
    town.begin()
    town.look()
    town.answer("u-1", "received")
    town.look()
    town.here("u-1", online=False)
    town.look(NOW_MS + SILENT_MS + 60_000)
    assert book.newest(town.store).state == "stopped"
    with town.store.reading() as connection:
        (part,) = book.parts_of(connection, book.newest(town.store).id)
    assert (part.stage, part.why) == ("failed", LOST)


def test_only_units_that_it_is_for_are_in_it(town):
    town.here("u-1", "u-2")
    town.here("new", version="0.2.0")
    town.here("other-box", machine="x86_64-trixie")
    town.here("bare", machine=None)
    chosen = book.choose(town.store, "0.2.0", (), NOW_MS)
    assert sorted(chosen.units) == ["u-1", "u-2"]
    assert chosen.left_out["new"] == "runs 0.2.0"
    assert "not published for x86_64-trixie" in chosen.left_out["other-box"]
    assert "takes no updates" in chosen.left_out["bare"]
    assert sorted(book.choose(town.store, "0.2.0", ["u-2"], NOW_MS).units) == ["u-2"]


def test_a_unit_below_the_least_version_is_left_out(town):
    town.publish("0.3.0", least="0.2", sha256="cd" * 32)
    town.here("u-1")
    assert "follows 0.2" in book.choose(town.store, "0.3.0", (), NOW_MS).left_out["u-1"]


def test_patches_go_to_units_that_take_them_and_lack_them(town):
    town.publish("2026.11.28", sha256="cd" * 32, kind="patches")
    town.here("u-1", patches="0.0")
    town.here("u-2", patches="2026.9.30", version="0.2.0")
    town.here("u-3", patches="2026.11.28")
    town.here("u-4", patches="2027.1")
    town.here("u-5", patches="sid")
    town.here("u-6")
    chosen = book.choose(town.store, "2026.11.28", (), NOW_MS)
    assert sorted(chosen.units) == ["u-1", "u-2"]
    assert chosen.left_out == {
        "u-3": "has patches 2026.11.28",
        "u-4": "has patches 2027.1",
        "u-5": "has patches sid, which is no version",
        "u-6": "takes no patches: run xunkong provision on it again",
    }
    book.begin(town.store, "2026.11.28", chosen, 0, NOW_MS)
    town.look()
    (order,) = listed(town.store)
    assert (order.what, order.text) == ("patch", f"2026.11.28 {'cd' * 32} 1000")
    assert book.newest(town.store).kind == "patches"


def test_what_cannot_be_begun_is_told(town):
    town.here("u-1", "bare")
    with pytest.raises(Fault, match=r"0\.9\.0 was not published"):
        book.choose(town.store, "0.9.0", (), NOW_MS)
    with pytest.raises(Fault, match="no unit nobody"):
        book.choose(town.store, "0.2.0", ["nobody"], NOW_MS)
    with pytest.raises(Fault, match="no roll-out to change"):
        book.pause(town.store)
    town.begin()
    with pytest.raises(Fault, match="fleet pause first"):
        town.begin()
    town.here("u-1", version="0.2.0")
    book.pause(town.store)
    with pytest.raises(Fault, match="no unit is to be updated"):
        town.begin(only=["u-1"])


class TestTheWayBack:
    @pytest.fixture
    def asked(self, town):
        """Of three units the first has the version, the second is under way, the third was never asked."""
        town.here("u-1", "u-2")
        town.begin(limit=0)
        town.here("u-3")
        town.look()
        town.answer("u-1", "done")
        town.look()
        town.answer("u-2", "received")
        town.look()
        return town

    def test_whoever_was_asked_leaves_the_version(self, asked):
        book.leave(asked.store, NOW_MS)
        asked.look()
        given = [one for one in listed(asked.store) if one.what == "rollback"]
        assert [(one.unit, one.text) for one in given] == [("u-1", "0.2.0"), ("u-2", "0.2.0")]
        asked.answer("u-1", "done", what="rollback")
        asked.answer("u-2", "failed", "why", what="rollback")
        asked.look()
        held = book.newest(asked.store)
        assert (held.state, held.why) == ("left", "1 did not go back")
        assert asked.stages() == {"u-1": "back", "u-2": "failed"}

    def test_what_was_given_and_not_taken_is_withdrawn(self, town):
        town.here("u-1", "u-2")
        town.begin()
        town.look()
        book.leave(town.store, NOW_MS + 5)
        assert listed(town.store)[0].expires_ms == NOW_MS + 5
        assert town.stages() == {"u-1": "waiting", "u-2": "untouched"}

    def test_a_second_one_asks_those_alone_that_did_not_go_back(self, asked):
        book.leave(asked.store, NOW_MS)
        asked.look()
        asked.answer("u-1", "done", what="rollback")
        asked.answer("u-2", "failed", "why", what="rollback")
        asked.look()
        before = len(asked.look())
        book.leave(asked.store, NOW_MS)
        assert asked.look()[before:] == ["u-2"]
        asked.answer("u-2", "done", what="rollback")
        asked.look()
        with pytest.raises(Fault, match="is rolled back already"):
            book.leave(asked.store, NOW_MS)
        assert book.newest(asked.store).state == "left"

    def test_one_that_is_away_is_asked_again_each_day(self, asked):
        book.leave(asked.store, NOW_MS)
        before = len(asked.look())
        assert len(asked.look(NOW_MS + LONGEST_S * 1000 + 1)) == before + 2
        assert book.newest(asked.store).state == "leaving"

    def test_another_roll_out_takes_its_place(self, asked):
        book.leave(asked.store, NOW_MS)
        chosen = book.choose(asked.store, "0.2.0", (), NOW_MS)
        book.begin(asked.store, "0.2.0", chosen, 0, NOW_MS + 1)
        before = asked.look()
        assert [one.what for one in listed(asked.store)].count("rollback") == 0
        assert (book.newest(asked.store).state, len(before)) == ("running", 3)

    def test_one_that_goes_back_by_hand_counts_as_failed(self, asked):
        book.take_out(asked.store, ["u-1"], "rolled back by hand", NOW_MS)
        asked.look()
        assert book.newest(asked.store).state == "stopped"
        assert asked.stages()["u-1"] == "failed"

    def test_there_is_none_without_a_roll_out_or_anybody_asked(self, town):
        with pytest.raises(Fault, match="there was no roll-out yet"):
            book.leave(town.store, NOW_MS)
        town.here("u-1")
        town.begin()
        with pytest.raises(Fault, match="no unit was updated"):
            book.leave(town.store, NOW_MS)
