"""An update from the order to its answer: what is fetched, wished, waited for; and what is said when it fails."""

import pytest

from device.core import events as ev
from device.core.fetch import AWAY_MS, FIRST_BYTES
from device.core.update import ASK_MS, NOTE
from tests.device.core.updating import (
    BODY,
    CALM,
    NAMED,
    ON_TRIAL,
    QUIET_MS,
    SHA256,
    SLOTS,
    after_switch,
    answers,
    asked,
    fetched,
    has_all,
    left,
    linked,
    order,
    serve,
    wishes,
)
from wire import topics
from wire.limits import MAX_CHUNK_BYTES
from wire.records import Order
from wire.release import Named


class TestFetch:
    def test_a_release_comes_in_growing_pieces_in_order(self, box):
        fetched(box)
        assert box.releases[SHA256] == BODY
        counts = [count for _, count in asked(box)]
        assert counts[:3] == [FIRST_BYTES, 2 * FIRST_BYTES, 4 * FIRST_BYTES]
        assert max(counts) <= MAX_CHUNK_BYTES
        assert [wish.do for wish in wishes(box)] == ["install"]
        assert wishes(box)[0].release == NAMED

    def test_it_goes_on_with_where_the_file_ends(self, box):
        box.releases[SHA256] = BODY[:1000]
        order(box)
        assert asked(box)[0][0] == 1000
        serve(box)
        assert box.releases[SHA256] == BODY

    def test_after_a_restart_too(self, box, make_unit):
        order(box)
        saved = {NOTE: box.journal.saved[NOTE]}
        again = make_unit(slots=SLOTS["a"], saved=saved)
        again.releases[SHA256] = BODY[:70_000]
        again.happen(CALM)
        linked(again)
        again.wait(500)
        assert asked(again)[0][0] == 70_000
        serve(again)
        assert [wish.do for wish in wishes(again)] == ["install"]

    def test_while_a_record_waits_nothing_is_asked_for(self, box):
        order(box)
        count = len(asked(box))
        box.tap()
        box.hear(topics.release("v-1", SHA256, 0), BODY[:FIRST_BYTES])
        box.wait(3_000)
        assert len(asked(box)) == count
        has_all(box)
        box.wait(500)
        assert len(asked(box)) == count + 1

    def test_it_takes_its_share_of_the_link_and_no_more(self, box):
        """Half of the link: as long as a piece was on its way, the link is left alone."""
        order(box)
        box.up_ms += 3_000
        box.hear(topics.release("v-1", SHA256, 0), BODY[:FIRST_BYTES])
        has_all(box)
        heard_ms = box.up_ms
        while len(asked(box)) == 1:
            box.wait(250)
        assert box.up_ms - heard_ms >= 2_500
        assert asked(box)[1] == (FIRST_BYTES, FIRST_BYTES * 1_000 // 3_000)

    def test_a_piece_that_does_not_come_is_asked_for_again_more_seldom(self, box):
        order(box)
        box.wait(60_000)
        assert 4 <= len(asked(box)) <= 6
        assert {offset for offset, _ in asked(box)} == {0}

    def test_what_nobody_asked_for_is_passed_over(self, box):
        order(box)
        box.hear(topics.release("v-1", SHA256, 512), b"x")
        box.hear(topics.release("v-1", "cd" * 32, 0), b"x")
        assert box.releases == {}

    def test_a_gateway_that_lacks_it_is_asked_later(self, box):
        order(box)
        box.hear(topics.release("v-1", SHA256, 0), b"")
        assert any(
            "does not have release 0.5.0" in line for line in box.agent._picture.alarms.values()
        )
        box.wait(60_000)
        assert len(asked(box)) == 1
        box.wait(AWAY_MS)
        assert len(asked(box)) >= 2


class TestOrder:
    @pytest.mark.parametrize(
        ("text", "what", "why"),
        [
            (None, "update", "names no release"),
            ("latest", "update", "names no release"),
            (str(Named("0.3.9", SHA256, 5)), "update", "below 0.4.0"),
        ],
    )
    def test_what_cannot_be_done_is_told_at_once(self, box, text, what, why):
        order(box, text, what)
        assert answers(box)[-1][0] == "failed"
        assert why in answers(box)[-1][1]
        box.wait(QUIET_MS * 2)
        assert wishes(box) == []
        assert asked(box) == []

    def test_the_version_that_runs_is_done(self, box):
        order(box, str(Named("0.4.0", SHA256, 5)))
        assert answers(box)[-1] == ("done", "version 0.4.0 runs already")

    def test_a_unit_without_slots_says_so(self, bare):
        linked(bare)
        order(bare)
        assert answers(bare)[-1] == ("failed", "this unit was not provisioned for updates")
        assert bare.states()[-1].machine is None

    def test_what_was_ordered_stands_on_record(self, box):
        order(box)
        assert box.kept(Order)[0].text == str(NAMED)
        assert box.states()[-1].machine == "aarch64-bookworm"

    def test_another_order_takes_the_place_of_the_first(self, box):
        order(box)
        order(box, str(Named("0.6.0", "cd" * 32, 9)), number=2)
        assert ("failed", "another order took its place") in answers(box)
        assert "/".join(("release", "cd" * 32, "0")) in box.published[-1][1]


class TestSwitch:
    def installed(self, box):
        fetched(box)
        box.happen(ev.SlotsSaid("a", None, True, "o-1", "installed"))
        has_all(box)
        return box

    def test_a_minute_without_hands_then_the_switch_then_the_start_from_there(self, box):
        self.installed(box)
        box.wait(QUIET_MS + 1_000)
        assert [wish.do for wish in wishes(box)] == ["install", "switch"]
        assert wishes(box)[-1].within_ms == 100_000
        assert not left(box)
        box.happen(ON_TRIAL)
        assert left(box)

    @pytest.mark.parametrize("hand", ["tap", "button"])
    def test_whoever_is_at_the_box_is_waited_for(self, box, hand):
        self.installed(box)
        for _ in range(6):
            box.wait(QUIET_MS // 2)
            box.tap() if hand == "tap" else box.button("ack", True)
            has_all(box)
        assert "switch" not in [wish.do for wish in wishes(box)]
        box.wait(QUIET_MS + 1_000)
        assert wishes(box)[-1].do == "switch"

    def test_an_order_that_waits_for_a_hand_holds_it_up(self, box):
        self.installed(box)
        box.order(what="go", id="o-9")
        has_all(box)
        box.wait(QUIET_MS * 3)
        assert wishes(box)[-1].do == "install"
        box.button("ack", True)
        box.button("ack", False)
        has_all(box)
        box.wait(QUIET_MS + 1_000)
        has_all(box)
        box.wait(QUIET_MS + 1_000)
        assert wishes(box)[-1].do == "switch"

    def test_a_tap_after_the_switch_is_waited_for_too(self, box):
        self.installed(box)
        box.wait(QUIET_MS + 1_000)
        box.tap()
        box.happen(ON_TRIAL)
        assert not left(box)
        box.wait(QUIET_MS)
        assert left(box)

    def test_a_refusal_is_the_answer(self, box):
        fetched(box)
        box.happen(ev.SlotsSaid("a", None, True, "o-1", "refused", "update refused: not signed"))
        assert answers(box)[-1] == ("failed", "update refused: not signed")
        box.wait(QUIET_MS * 2)
        assert [wish.do for wish in wishes(box)] == ["install"]

    def test_a_wish_that_nothing_came_of_is_left_again(self, box):
        fetched(box)
        box.wait(2 * ASK_MS + 1_000)
        assert [wish.do for wish in wishes(box)] == ["install"] * 3


class TestTrial:
    def test_with_the_gateway_and_all_parts_it_is_passed_and_done(self, make_unit):
        unit = after_switch(make_unit)
        unit.happen(ev.PartSpoke("nfc", "ok"))
        assert wishes(unit) == []
        linked(unit)
        assert [wish.do for wish in wishes(unit)] == ["pass"]
        unit.happen(ev.SlotsSaid("b", None, True, "o-1", "passed"))
        assert answers(unit)[-1] == ("done", "version 0.4.0 runs")
        assert unit.journal.saved[NOTE] == {"job": None}

    def test_a_part_that_worked_before_and_not_now_fails_it(self, make_unit):
        unit = linked(after_switch(make_unit))
        unit.happen(ev.PartSpoke("nfc", "silent"))
        unit.wait(80_000)
        assert wishes(unit) == []
        unit.wait(15_000)
        (wish,) = wishes(unit)
        assert (wish.do, wish.why) == ("back", "part nfc, which worked before: silent")

    def test_a_part_that_was_broken_before_does_not(self, make_unit):
        unit = linked(after_switch(make_unit, parts=()))
        unit.happen(ev.PartSpoke("camera", "silent"))
        assert [wish.do for wish in wishes(unit)] == ["pass"]

    def test_a_receiver_without_sky_and_a_journal_in_order_are_no_reason(self, make_unit):
        unit = linked(after_switch(make_unit, parts=("gps",)))
        unit.happen(ev.PartSpoke("gps", "no fix"))
        assert [wish.do for wish in wishes(unit)] == ["pass"]

    def test_a_journal_that_it_found_damaged_is(self, make_unit):
        unit = after_switch(make_unit, parts=())
        unit.happen(ev.PartSpoke("journal", "damaged; set aside as x"))
        linked(unit)
        unit.wait(95_000)
        (wish,) = wishes(unit)
        assert (wish.do, wish.why[:12]) == ("back", "part journal")

    def test_without_the_gateway_it_says_so_and_goes_back(self, make_unit):
        unit = after_switch(make_unit, parts=())
        unit.wait(95_000)
        (wish,) = wishes(unit)
        assert (wish.do, wish.why) == ("back", "the gateway was not reached")
        unit.happen(ev.SlotsSaid("a", None, True, "o-1", "back", wish.why))
        assert left(unit)

    def test_the_old_software_answers_for_what_went_back(self, make_unit):
        said = ev.SlotsSaid(
            "a", None, True, "o-1", "back", "started 2 times without proving itself"
        )
        unit = linked(after_switch(make_unit, "a", said))
        assert answers(unit) == [("failed", "started 2 times without proving itself")]
        assert wishes(unit) == []

    def test_killed_before_the_switch_it_is_wished_again(self, make_unit):
        said = ev.SlotsSaid("a", None, True, "o-1", "installed")
        unit = linked(after_switch(make_unit, "a", said))
        assert [wish.do for wish in wishes(unit)] == ["switch"]

    def test_meanwhile_no_other_order_is_taken(self, make_unit):
        unit = linked(after_switch(make_unit, parts=("nfc",)))
        order(unit, what="rollback", text=None, number=5)
        assert answers(unit)[-1] == ("failed", "another software is on trial")
