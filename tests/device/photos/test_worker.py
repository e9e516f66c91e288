"""The photos' worker with a camera of the test's own: what becomes of each request, and what is told."""

import errno
import queue
from hashlib import sha256

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.photos import folder as folder_module
from device.photos.exif import About, about
from device.photos.worker import Budget, PhotoWorker, scene
from hardware.camera.driver import CameraStatus, NoShot, Shot
from hardware.camera.jpeg import measure
from wire.records import Ref

REF = Ref("event", "e" * 16, 42)
WAIT_S = 20


class FakeCamera:
    def __init__(self, tell):
        self.tell, self.asked = tell, queue.Queue()

    def start(self):
        self.tell(CameraStatus("ok", "it works"))

    def stop(self):
        pass

    def shoot(self, token, lines):
        self.asked.put((token, lines))

    def answer(self, jpeg):
        token, _ = self.asked.get(timeout=WAIT_S)
        self.tell(Shot(token, jpeg, measure(jpeg), 62_000, 20_000, 100))


class Stage:
    def __init__(self, path, checkin, most_count=100):
        self.heard, self.record = queue.Queue(), checkin()
        self.path = path / "photos"
        budget = Budget(self.path, most_count, 10**7)
        self.worker = PhotoWorker("cp-01", budget, self._camera, self.heard.put)

    def _camera(self, tell):
        self.camera = FakeCamera(tell)
        return self.camera

    def next(self, kind=None):
        event = self.heard.get(timeout=WAIT_S)
        while kind and not isinstance(event, kind):
            event = self.heard.get(timeout=WAIT_S)
        return event

    def shoot(self, jpeg):
        """A photo that succeeds, its record kept at once."""
        self.worker.submit(ef.TakePhoto("checkin", REF, self.record))
        self.camera.answer(jpeg)
        taken = self.next(ev.PhotoTaken)
        self.worker.submit(ef.AnnouncePhoto(taken.sha256))
        return taken

    def restarted(self, checkin, most_count=100):
        self.worker.stop()
        other = Stage(self.path.parent, checkin, most_count)
        other.worker.start()
        other.worker.submit(ef.ListPhotos())
        return other


@pytest.fixture
def stage(tmp_path, checkin):
    stage = Stage(tmp_path, checkin)
    stage.worker.start()
    yield stage
    stage.worker.stop()


def test_a_photo_is_stamped_on_the_medium_and_told(stage, jpeg):
    assert stage.next() == ev.PartSpoke("camera", "ok")
    stage.worker.submit(ef.TakePhoto("checkin", REF, stage.record))
    stage.camera.answer(jpeg())
    taken = stage.next()
    assert (taken.reason, taken.ref, taken.up_ms) == ("checkin", REF, 62_000)
    assert (taken.width, taken.height) == (64, 48)
    (path,) = (stage.path / "new").glob("*.jpg")
    data = path.read_bytes()
    assert (sha256(data).hexdigest(), len(data)) == (taken.sha256, taken.size_bytes)
    assert about(data) == About("cp-01", "checkin", REF)


def test_no_picture_is_told_with_the_reason(stage):
    stage.worker.submit(ef.TakePhoto("sos", REF, stage.record))
    token, _ = stage.camera.asked.get(timeout=WAIT_S)
    stage.camera.tell(CameraStatus("silent", "no frame"))
    stage.camera.tell(NoShot(token, "no frame"))
    assert stage.next(ev.PartSpoke) == ev.PartSpoke("camera", "ok")
    assert stage.next() == ev.PartSpoke("camera", "silent")
    assert stage.next() == ev.PhotoFailed(REF, "sos", "no frame")


def test_a_camera_that_hangs_holds_up_no_upload(stage, jpeg):
    taken = stage.shoot(jpeg())
    stage.worker.submit(ef.TakePhoto("checkin", REF, stage.record))
    stage.worker.submit(ef.ReadChunk(taken.sha256, 0, 100, 7))
    read = stage.next(ev.ChunkRead)
    assert (read.token, len(read.data), read.data[:2]) == (7, 100, b"\xff\xd8")


def test_a_full_disk_raises_the_parts_alarm_and_the_next_photo_ends_it(stage, jpeg, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert stage.next() == ev.PartSpoke("camera", "ok")
    stage.worker.submit(ef.ListPhotos())
    stage.next(ev.PhotosFound)
    with monkeypatch.context() as disk:
        disk.setattr(folder_module.Path, "open", full)
        stage.worker.submit(ef.TakePhoto("checkin", REF, stage.record))
        stage.camera.answer(jpeg())
        word = stage.next(ev.PartSpoke).word
        assert "No space left on device; check room" in word
        assert stage.next(ev.PhotoFailed).why == word
    stage.shoot(jpeg(2))
    assert list((stage.path / "new").glob("*.part")) == []


def test_the_part_is_well_again_once_a_photo_could_be_kept(stage, jpeg, monkeypatch):
    stage.next()
    (stage.path.parent / "photos").write_text("in the way")
    stage.worker.submit(ef.TakePhoto("checkin", REF, stage.record))
    stage.camera.answer(jpeg())
    assert "photos folder" in stage.next(ev.PartSpoke).word
    (stage.path.parent / "photos").unlink()
    stage.worker.submit(ef.TakePhoto("checkin", REF, stage.record))
    stage.camera.answer(jpeg())
    assert stage.next(ev.PartSpoke) == ev.PartSpoke("camera", "ok")
    assert stage.next(ev.PhotoTaken)


class TestAfterARestart:
    def test_what_waits_in_a_folder_that_could_not_be_opened_is_found_once_it_can(
        self, stage, jpeg, checkin
    ):
        taken = stage.shoot(jpeg())
        stage.worker.stop()
        away = stage.path.rename(stage.path.parent / "away")
        stage.path.write_text("in the way")
        other = stage.restarted(checkin)
        words = [other.next(ev.PartSpoke).word for _ in range(2)]
        assert words[0] == "ok"
        assert "photos folder" in words[1]
        stage.path.unlink()
        away.rename(stage.path)
        other.worker.submit(ef.TidyPhotos(None, 7.0))
        other.worker.submit(ef.TidyPhotos(1_763_890_000_000, 7.0))
        assert other.next(ev.PhotosFound).waiting == ((taken.sha256, taken.size_bytes),)
        other.worker.stop()

    def test_what_waits_is_found_oldest_first(self, stage, jpeg, checkin):
        kept = [stage.shoot(jpeg(number)) for number in (1, 2, 3)]
        stage.worker.submit(ef.PhotoDone(kept[1].sha256, 1_763_890_000_000))
        other = stage.restarted(checkin)
        found = other.next(ev.PhotosFound)
        assert found.waiting == tuple((k.sha256, k.size_bytes) for k in (kept[0], kept[2]))
        other.worker.stop()

    def test_a_file_whose_record_was_not_kept_yet_is_told_again(self, stage, jpeg, checkin):
        stage.worker.submit(ef.TakePhoto("sos", REF, stage.record))
        stage.camera.answer(jpeg())
        taken = stage.next(ev.PhotoTaken)
        other = stage.restarted(checkin)
        again = other.next(ev.PhotoTaken)
        assert (again.sha256, again.reason, again.ref, again.up_ms) == (
            taken.sha256,
            "sos",
            REF,
            None,
        )
        other.worker.stop()

    def test_a_loss_is_told_until_it_is_on_record(self, stage, jpeg, checkin):
        taken = stage.shoot(jpeg())
        other = stage.restarted(checkin, most_count=1)
        other.next(ev.PhotosFound)
        other.shoot(jpeg(2))
        lost = other.next(ev.PhotoLost)
        assert (lost.sha256, lost.ref, lost.width) == (taken.sha256, REF, 64)
        assert "max_photos" in lost.why
        third = other.restarted(checkin, most_count=1)
        assert third.next(ev.PhotoLost).sha256 == taken.sha256
        third.worker.submit(ef.ForgetPhoto(taken.sha256))
        third.worker.stop()
        assert not list((stage.path / "lost").iterdir())

    @pytest.mark.parametrize("state", ["waiting", "new"])
    def test_a_rotten_file_is_given_up_and_told(self, stage, jpeg, checkin, state):
        taken = stage.shoot(jpeg())
        stage.worker.stop()
        (path,) = (stage.path / "waiting").glob("*.jpg")
        path.write_bytes(path.read_bytes()[:-50])
        path.rename(stage.path / state / path.name)
        other = stage.restarted(checkin)
        other.worker.submit(ef.ReadChunk(taken.sha256, 0, 100, 7))
        lost = other.next(ev.PhotoLost)
        assert (lost.sha256, lost.reason, lost.width) == (taken.sha256, "checkin", 0)
        other.worker.stop()


class TestWhatTheGatewayLacks:
    """A photo that was acknowledged is asked for again."""

    def sent(self, stage, jpeg):
        taken = stage.shoot(jpeg())
        stage.worker.submit(ef.PhotoDone(taken.sha256, 1_763_890_000_000))
        return taken

    def test_waits_again_as_far_as_it_is_kept(self, stage, jpeg):
        taken = self.sent(stage, jpeg)
        stage.worker.submit(ef.ResendPhoto(taken.sha256))
        assert stage.next(ev.PhotosFound) == ev.PhotosFound(((taken.sha256, taken.size_bytes),))
        stage.worker.submit(ef.ReadChunk(taken.sha256, 0, 4, 1))
        assert stage.next(ev.ChunkRead).data[:2] == b"\xff\xd8"
        assert [path.parent.name for path in stage.path.rglob("*.jpg")] == ["waiting"]

    def test_one_that_waits_goes_out_anyway(self, stage, jpeg):
        taken = stage.shoot(jpeg())
        stage.worker.submit(ef.ResendPhoto(taken.sha256))
        stage.worker.submit(ef.ReadChunk(taken.sha256, 0, 4, 1))
        assert isinstance(stage.next(), ev.ChunkRead)

    def test_one_that_is_not_kept_any_more_is_told(self, stage, jpeg):
        taken = self.sent(stage, jpeg)
        stage.worker.submit(ef.ResendPhoto("0" * 64))
        assert stage.next(ev.PhotoGone) == ev.PhotoGone("0" * 64)
        stage.worker.submit(ef.TidyPhotos(1_763_890_000_000 + 8 * 86_400_000, 7.0))
        stage.worker.submit(ef.ResendPhoto(taken.sha256))
        assert stage.next(ev.PhotoGone) == ev.PhotoGone(taken.sha256)


def test_photos_that_somebody_waits_for_are_known_after_a_restart(stage, jpeg, checkin):
    stage.worker.submit(ef.TakePhoto("sos", REF, stage.record))
    stage.camera.answer(jpeg())
    taken = stage.next(ev.PhotoTaken)
    stage.worker.submit(ef.AnnouncePhoto(taken.sha256))
    stage.shoot(jpeg(2))
    other = stage.restarted(checkin)
    found = other.next(ev.PhotosFound)
    assert (len(found.waiting), found.urgent) == (2, (taken.sha256,))
    other.worker.stop()


def test_a_photo_that_somebody_removed_is_lost(stage, jpeg):
    taken = stage.shoot(jpeg())
    stage.worker.submit(ef.ReadChunk(taken.sha256, 0, 10, 1))
    stage.next(ev.ChunkRead)
    next((stage.path / "waiting").glob("*.jpg")).unlink()
    stage.worker.submit(ef.ReadChunk(taken.sha256, 0, 10, 2))
    assert stage.next(ev.PhotoLost).sha256 == taken.sha256


def test_the_simulated_camera_is_shown_time_place_and_unit(checkin):
    wanted = ef.TakePhoto("checkin", REF, checkin())
    assert scene("cp-01", wanted) == (
        "cp-01 checkin",
        "at 1763890123456 ms UTC",
        "east-gate 27.24180 111.47250",
    )
