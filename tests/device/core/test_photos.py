"""The desk of photos: of what, when, and what is written down of each; a tap never waits for any of it."""

import msgspec
import pytest

from device.core import effects as ef
from device.core import events as ev
from wire.orders import PhotoAck
from wire.records import Alarm, Checkin, Order, Photo, Ref

SHA = "ab" * 32


def of(unit, kind):
    return [effect for effect in unit.effects if isinstance(effect, kind)]


@pytest.fixture
def box(make_unit):
    """A checkpoint with a camera, a roster and the time."""
    unit = make_unit(camera=True)
    unit.clock("ntp")
    unit.configure(place="pl-1", badges=[{"uid": "04a1b2c3", "person": "p-1"}])
    return unit


def taken(ref, sha=SHA, up_ms=2_000, reason="checkin"):
    return ev.PhotoTaken(sha, 1_000, 64, 48, reason, ref, up_ms)


def shot(unit):
    """The photo that was asked for last, as if it had been taken."""
    wanted = of(unit, ef.TakePhoto)[-1]
    unit.happen(taken(wanted.ref, reason=wanted.reason))


class TestOfWhat:
    def test_a_checkin_once_it_stands_in_the_journal(self, box):
        box.tap()
        (wanted,) = of(box, ef.TakePhoto)
        (record,) = box.kept(Checkin)
        assert (wanted.reason, wanted.record) == ("checkin", record)
        raw = box.journal.raws[wanted.ref.log][wanted.ref.seq - 1]
        assert msgspec.json.decode(raw)["badge"] == "04a1b2c3"

    def test_the_beep_comes_before_the_camera_is_asked(self, box):
        box.tap()
        kinds = [type(effect) for effect in box.effects]
        assert kinds.index(ef.Signal) < kinds.index(ef.TakePhoto)

    def test_an_sos_while_it_is_raised_not_when_it_ends(self, box):
        box.button("sos", True)
        box.wait(2_000)
        assert [wanted.reason for wanted in of(box, ef.TakePhoto)] == ["sos"]
        box.link()
        box.order(what="sos-over")
        assert any(not alarm.active for alarm in box.kept(Alarm))
        assert len(of(box, ef.TakePhoto)) == 1

    def test_an_order_is_answered_done_when_the_photo_is_there(self, box):
        box.link()
        box.order(what="photo")
        shot(box)
        assert [(o.outcome, o.what) for o in box.kept(Order)] == [
            ("received", "photo"),
            ("done", "photo"),
        ]

    def test_an_order_is_answered_failed_with_the_reason(self, box):
        box.link()
        box.order(what="photo")
        (wanted,) = of(box, ef.TakePhoto)
        box.happen(ev.PhotoFailed(wanted.ref, "order", "no frame within 5 s"))
        assert box.kept(Order)[-1].outcome == "failed"
        assert box.kept(Order)[-1].why == "no frame within 5 s"

    def test_an_order_that_is_for_no_photo_takes_none(self, box):
        box.link()
        box.order(what="go")
        assert of(box, ef.TakePhoto) == []

    def test_a_unit_without_a_camera_says_so_to_an_order_and_does_nothing_else(self, checkpoint):
        checkpoint.tap()
        checkpoint.link()
        checkpoint.order(what="photo")
        assert not [effect for effect in checkpoint.effects if isinstance(effect, ef.PhotoEffect)]
        answer = checkpoint.kept(Order)[-1]
        assert (answer.outcome, answer.why) == ("failed", "this unit has no camera")

    @pytest.mark.parametrize("on", [[], ["sos"], ["order"], ["checkin"]])
    def test_only_what_the_city_wants(self, box, on):
        box.configure(version=2, photo_on=on)
        box.link()
        box.tap()
        box.button("sos", True)
        box.wait(2_000)
        box.order(what="photo")
        assert [wanted.reason for wanted in of(box, ef.TakePhoto)] == on
        failed = [o.why for o in box.kept(Order) if o.outcome == "failed"]
        assert bool(failed) == ("order" not in on)

    def test_a_checkin_that_could_not_be_kept_takes_none(self, box):
        box.journal.broken = "full"
        box.tap()
        assert of(box, ef.TakePhoto) == []


class TestTheRecord:
    def test_comes_only_when_the_file_is_on_the_medium(self, box):
        box.tap()
        assert box.kept(Photo) == []
        wanted = of(box, ef.TakePhoto)[0]
        box.happen(taken(wanted.ref, up_ms=box.up_ms))
        (photo,) = box.kept(Photo)
        assert (photo.sha256, photo.bytes, photo.width, photo.height) == (SHA, 1_000, 64, 48)
        assert (photo.reason, photo.ref, photo.lost) == ("checkin", wanted.ref, None)
        assert photo.at_ms is not None

    def test_lets_the_file_wait_for_the_gateway(self, box):
        box.tap()
        shot(box)
        assert of(box, ef.AnnouncePhoto) == [ef.AnnouncePhoto(SHA)]
        box.link()
        box.wait(500)
        assert box.states()[-1].queue["photo"] == 1

    def test_while_the_journal_takes_nothing_the_file_stays_without_one(self, box):
        box.tap()
        box.journal.broken = "full"
        shot(box)
        assert of(box, ef.AnnouncePhoto) == []

    def test_of_a_photo_from_a_run_before_is_written_now(self, box):
        box.happen(taken(Ref("event", "a" * 16, 7), up_ms=None), at_ms=9_000)
        assert [photo.up_ms for photo in box.kept(Photo)] == [9_000]

    def test_is_not_written_twice_for_one_that_stands_in_the_journal(self, make_unit):
        unit = make_unit(camera=True, photo_stands=lambda digest: digest == SHA)
        unit.happen(taken(None, up_ms=None))
        assert unit.kept(Photo) == []
        assert of(unit, ef.AnnouncePhoto) == [ef.AnnouncePhoto(SHA)]

    def test_a_loss_is_told_before_what_is_left_goes(self, box):
        lost = ev.PhotoLost(SHA, 1_000, 0, 0, "checkin", None, "no room")
        box.journal.broken = "full"
        box.happen(lost)
        assert of(box, ef.ForgetPhoto) == []
        box.journal.broken = None
        box.happen(lost)
        assert [(photo.sha256, photo.lost) for photo in box.kept(Photo)] == [(SHA, "no room")]
        assert of(box, ef.ForgetPhoto) == [ef.ForgetPhoto(SHA)]


class TestLosses:
    """From the first photo that was given up until nothing waits any more there is an alarm."""

    LOST = ev.PhotoLost(SHA, 1_000, 0, 0, "checkin", None, "no room")

    def alarms(self, unit):
        found = [alarm for alarm in unit.kept(Alarm) if alarm.part == "photos"]
        return [(alarm.what, alarm.active) for alarm in found]

    def test_raise_it_once_with_the_reason(self, box):
        box.happen(ev.PhotosFound((("cd" * 32, 1_000),)))
        box.happen(self.LOST)
        box.happen(msgspec.structs.replace(self.LOST, sha256="ef" * 32))
        assert self.alarms(box) == [("photos lost: no room", True)]
        assert [photo.lost for photo in box.kept(Photo)] == ["no room", "no room"]
        box.link()
        box.wait(500)
        assert "photos lost: no room" in box.states()[-1].alarms
        assert box.lights[-1] is True

    def test_it_ends_when_nothing_waits_any_more(self, box):
        box.link()
        box.happen(ev.PhotosFound((("cd" * 32, 1_000),)))
        box.happen(self.LOST)
        box.wait(1_000)
        box.hear(
            "xk/v1/v-1/down/ack/photo", PhotoAck(1, "cd" * 32, 1_000, "store-1", 0, True, box.nonce)
        )
        assert self.alarms(box) == [
            ("photos lost: no room", True),
            ("photos lost: no room", False),
        ]
        assert box.lights[-1] is False

    def test_it_outlasts_a_restart(self, box, make_unit):
        box.happen(ev.PhotosFound((("cd" * 32, 1_000),)))
        box.happen(self.LOST)
        again = make_unit(camera=True, journal=box.journal)
        again.link()
        again.wait(500)
        assert "photos lost: no room" in again.states()[-1].alarms
        again.happen(self.LOST)
        assert self.alarms(again) == [("photos lost: no room", True)]
        again.happen(ev.PhotosFound(()))
        assert self.alarms(again)[-1] == ("photos lost: no room", False)


def test_the_folder_is_asked_at_the_start_and_tidied_now_and_then(make_unit):
    unit = make_unit(camera=True)
    unit.wait(1_200_000, 60_000)
    assert len(of(unit, ef.ListPhotos)) == 1
    assert len(of(unit, ef.TidyPhotos)) == 3
    assert of(unit, ef.TidyPhotos)[0].utc_ms is None


def test_a_failure_is_the_parts_alarm_once(box):
    for word in ("ok", "silent", "silent"):
        box.happen(ev.PartSpoke("camera", word))
    box.happen(ev.PhotoFailed(Ref("event", "e" * 16, 1), "checkin", "no frame"))
    alarms = [alarm for alarm in box.kept(Alarm) if alarm.part == "camera"]
    assert [(alarm.alarm, alarm.what, alarm.active) for alarm in alarms] == [
        ("part", "silent", True)
    ]
