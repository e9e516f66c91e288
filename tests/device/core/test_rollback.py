"""An order to leave a version: before it runs, on trial, and when it does."""

import pytest

from device.core import events as ev
from device.core.update import ASK_MS, NOTE
from tests.device.core.updating import (
    ON_TRIAL,
    QUIET_MS,
    RUNS,
    SLOTS,
    after_switch,
    answers,
    asked,
    has_all,
    left,
    linked,
    order,
    serve,
    wishes,
)


def back(unit, version):
    """An order to leave that version."""
    order(unit, what="rollback", text=version, number=9)


class TestRollback:
    def test_it_is_a_trial_of_the_other_slot(self, box):
        order(box, text=None, what="rollback")
        box.wait(QUIET_MS + 1_000)
        assert [wish.do for wish in wishes(box)] == ["switch"]
        assert asked(box) == []

    @pytest.mark.parametrize("far", ["fetch", "install", "quiet"])
    def test_an_update_in_hand_is_let_go_before_the_switch(self, box, far):
        order(box)
        if far != "fetch":
            serve(box)
        if far == "quiet":
            box.happen(ev.SlotsSaid("a", None, True, "o-1", "installed"))
        back(box, "0.5.0")
        assert answers(box)[-2:] == [
            ("failed", "an order to go back came"),
            ("done", f"version {RUNS} runs"),
        ]
        done = len(wishes(box))
        box.wait(QUIET_MS + ASK_MS)
        assert len(wishes(box)) == done and not left(box)

    def test_on_trial_it_is_taken_back_at_once_and_both_are_answered_by_the_old(self, make_unit):
        unit = linked(after_switch(make_unit, parts=("nfc",)))
        back(unit, "0.5.0")
        unit.wait(1_000)
        assert [wish.do for wish in wishes(unit)] == ["back"]
        said = ev.SlotsSaid("a", None, True, "o-1", "back", "an order to go back came")
        old = make_unit(slots=SLOTS["a"], saved={NOTE: unit.journal.saved[NOTE]})
        old.happen(said)
        linked(old).wait(1_000)
        assert answers(old) == [
            ("failed", "an order to go back came"),
            ("done", f"version {RUNS} runs"),
        ]

    def test_of_one_that_proved_itself_meanwhile_the_way_back_is_a_trial(self, make_unit):
        unit = linked(after_switch(make_unit, parts=("nfc",)))
        back(unit, "0.5.0")
        unit.happen(ev.SlotsSaid("b", None, True, "o-1", "passed"))
        has_all(unit)
        unit.wait(QUIET_MS + 2_000)
        assert answers(unit)[-1] == ("done", f"version {RUNS} runs")
        assert (wishes(unit)[-1].do, wishes(unit)[-1].order) == ("switch", "o-9")

    def test_who_does_not_run_it_stays_as_it_is(self, box):
        back(box, "0.5.0")
        box.wait(QUIET_MS + 1_000)
        assert answers(box)[1:] == [("done", f"version {RUNS} runs")]
        assert wishes(box) == []

    def test_who_is_on_the_way_back_has_not_left_it_yet(self, make_unit):
        """What is tried may still prove to be no good, and the version that is to be left run again."""
        job = {"order": "o-1", "stage": "trial", "release": None, "parts": []}
        unit = make_unit(slots=SLOTS["b"], saved={NOTE: {"job": job}})
        unit.happen(ON_TRIAL)
        back(linked(unit), "0.5.0")
        assert answers(unit)[-1] == ("failed", "another software is on trial")

    def test_an_update_to_another_version_goes_on(self, box):
        order(box)
        back(box, "0.3.0")
        serve(box)
        assert [wish.do for wish in wishes(box)] == ["install"]

    def test_who_runs_it_goes_back(self, box):
        back(box, RUNS)
        box.wait(QUIET_MS + 1_000)
        assert [wish.do for wish in wishes(box)] == ["switch"]

    def test_with_nothing_there_it_fails(self, box):
        box.happen(ev.SlotsSaid("a", None, idle=False))
        order(box, text=None, what="rollback")
        assert answers(box)[-1] == ("failed", "there is no other software to go back to")
