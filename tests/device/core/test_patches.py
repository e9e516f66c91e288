"""Patches of the operating system from the order to its answer; what is waited for, and what is said when it fails."""

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.patches import PATCH_MS, RESTART_MS
from device.core.update import ASK_MS, NOTE
from tests.device.core.test_update import (
    BODY,
    CALM,
    QUIET_MS,
    SHA256,
    SLOTS,
    asked,
    has_all,
    linked,
    order,
    serve,
    wishes,
)
from wire.records import Order
from wire.release import Named

NAMED = Named("2026.11.28", SHA256, len(BODY))
NONE = ev.PatchesSaid("0.0")
WHY = "openssl 3.0.15-1 to 3.0.17-1"
IN = ev.PatchesSaid("2026.11.28", True, "o-1", "installed", WHY)


@pytest.fixture
def box(make_unit):
    unit = make_unit(slots=SLOTS["a"])
    unit.happen(CALM)
    unit.happen(NONE)
    return linked(unit)


def answers(unit):
    return [(r.outcome, r.why) for r in unit.kept(Order) if r.outcome != "received"]


def restarts(unit):
    return [effect for effect in unit.effects if effect == ef.PowerOff(again=True)]


def patch(unit, number=1, named=NAMED):
    order(unit, str(named), "patch", number)


def asked_for(unit):
    """Fetched, and a quiet moment found."""
    patch(unit)
    serve(unit)
    has_all(unit)
    unit.wait(QUIET_MS + 1_000)
    return unit


def quiet(unit, ms):
    """Time passes, and the gateway has all that is kept."""
    for _ in range(ms // 5_000):
        has_all(unit)
        unit.wait(5_000, 1_000)


def after(make_unit, said, stage="proof", parts=("nfc",)):
    """The next start."""
    job = {"order": "o-1", "stage": stage, "release": str(NAMED), "parts": parts, "patches": True}
    unit = make_unit(slots=SLOTS["a"], saved={NOTE: {"job": job}})
    unit.happen(CALM)
    unit.happen(said)
    return unit


class TestPutIn:
    def test_at_a_quiet_moment_they_are_wished_for_whole(self, box):
        patch(box)
        serve(box)
        assert box.releases[SHA256] == BODY
        box.wait(QUIET_MS // 2)
        box.tap()
        has_all(box)
        box.wait(QUIET_MS // 2 + 1_000)
        assert wishes(box) == []
        box.wait(QUIET_MS)
        (wish,) = wishes(box)
        assert (wish.do, wish.order, wish.release) == ("patch", "o-1", NAMED)

    def test_then_the_machine_starts_anew_at_a_quiet_moment(self, box):
        asked_for(box)
        box.tap()
        box.happen(IN)
        quiet(box, QUIET_MS // 2)
        assert restarts(box) == []
        assert box.states()[-1].patches == "2026.11.28"
        quiet(box, QUIET_MS)
        assert len(restarts(box)) == 1
        assert "powering_off" in box.signals
        assert answers(box) == []

    @pytest.mark.parametrize("outcome", ["refused", "failed"])
    def test_what_the_patcher_could_not_do_is_the_answer(self, box, outcome):
        asked_for(box)
        box.happen(ev.PatchesSaid("0.0", False, "o-1", outcome, "dpkg: no"))
        assert answers(box) == [("failed", "dpkg: no")]
        assert restarts(box) == []
        assert box.journal.saved[NOTE] == {"job": None}

    def test_a_patcher_that_says_nothing_is_asked_again_and_told_of(self, box):
        asked_for(box)
        quiet(box, 2 * ASK_MS)
        assert [wish.do for wish in wishes(box)] == ["patch"] * 3
        quiet(box, PATCH_MS)
        assert answers(box) == [("failed", "the patcher did not answer")]

    def test_a_machine_that_does_not_start_anew_is_asked_again_and_told_of(self, box):
        asked_for(box)
        box.happen(IN)
        quiet(box, RESTART_MS // 2)
        assert len(restarts(box)) > 10
        quiet(box, RESTART_MS)
        assert answers(box) == [("failed", "the machine did not start anew")]

    def test_before_that_another_order_takes_its_place(self, box):
        patch(box)
        order(box, str(Named("0.5.0", "cd" * 32, 9)), number=2)
        assert answers(box) == [("failed", "another order took its place")]

    def test_meanwhile_no_other_order_is_taken(self, make_unit):
        unit = linked(after(make_unit, NONE, stage="patch"))
        order(unit, str(Named("0.5.0", SHA256, 9)), number=2)
        assert answers(unit) == [("failed", "patches are being put in")]


class TestProof:
    def test_with_the_gateway_and_all_parts_it_is_done(self, make_unit):
        unit = after(make_unit, ev.PatchesSaid("2026.11.28", False, "o-1", "installed", WHY))
        unit.happen(ev.PartSpoke("nfc", "ok"))
        assert answers(unit) == []
        linked(unit)
        assert answers(unit) == [("done", WHY)]
        assert restarts(unit) == []

    def test_a_part_that_worked_before_and_not_now_is_a_failure(self, make_unit):
        unit = after(make_unit, ev.PatchesSaid("2026.11.28", False, "o-1", "installed", WHY))
        unit.happen(ev.PartSpoke("nfc", "silent"))
        linked(unit)
        unit.wait(80_000)
        assert answers(unit) == []
        unit.wait(15_000)
        why = "after the patches: part nfc, which worked before: silent"
        assert answers(unit) == [("failed", why)]

    def test_started_anew_by_a_power_cut_in_the_middle_it_is_gone_on_with(self, make_unit):
        unit = linked(after(make_unit, NONE, stage="patch", parts=()))
        assert [wish.do for wish in wishes(unit)] == ["patch"]
        unit.happen(ev.PatchesSaid("2026.11.28", False, "o-1", "installed", WHY))
        assert answers(unit) == [("done", WHY)]

    def test_those_that_are_in_are_not_fetched_and_proven_at_once(self, box):
        box.happen(ev.PatchesSaid("2026.11.28", False, "o-0", "installed", WHY))
        patch(box)
        assert asked(box) == []
        assert answers(box) == [("done", None)]


def test_a_unit_without_a_patcher_says_so(make_unit):
    unit = make_unit(slots=SLOTS["a"])
    unit.happen(CALM)
    linked(unit)
    patch(unit)
    assert answers(unit) == [("failed", "this unit was not provisioned for patches")]
    assert unit.states()[-1].patches is None
