"""The photos' folder: whole or not there, whatever happens in between; and what goes when there is no room."""

import errno
import os
import stat
from hashlib import sha256

import pytest

from device.photos import folder as folder_module
from device.photos.folder import DAY_MS, PhotoFault, PhotoFolder, Rotten

NOW_MS = 1_763_890_000_000


def opened(path, most_count=100, most_bytes=10**7, **more):
    return PhotoFolder(path, most_count, most_bytes, **more)


def digest(data):
    return sha256(data).hexdigest()


def files(path):
    """What lies where, temporary files too."""
    return sorted(f"{one.parent.name}/{one.name[:10]}{one.suffix}" for one in path.glob("*/*"))


def states(folder):
    return {
        state: [entry.number for entry in folder.list(state)]
        for state in ("new", "waiting", "done", "lost")
        if folder.list(state)
    }


class TestKeeping:
    def test_a_photo_is_there_byte_for_byte(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        entry = folder.keep(jpeg())
        assert (entry.sha256, entry.size_bytes, entry.state) == (
            digest(jpeg()),
            len(jpeg()),
            "new",
        )
        assert folder.file(entry.sha256).read_bytes() == jpeg()
        assert folder.read(entry.sha256, 10, 5) == jpeg()[10:15]
        assert files(tmp_path) == ["new/0000000001.jpg"]

    def test_a_truncated_one_is_refused_and_leaves_nothing(self, tmp_path, jpeg):
        with pytest.raises(PhotoFault, match="not whole: truncated"):
            opened(tmp_path).keep(jpeg()[:-2])
        assert files(tmp_path) == []

    def test_file_and_folder_are_fsynced_before_and_after_the_rename(self, tmp_path, jpeg):
        seen = []

        def fsync(fd):
            seen.append((stat.S_ISDIR(os.fstat(fd).st_mode), files(tmp_path)))

        opened(tmp_path, fsync=fsync).keep(jpeg())
        assert seen == [(False, ["new/0000000001.part"]), (True, ["new/0000000001.jpg"])]

    @pytest.mark.parametrize("where", ["write", "fsync"])
    def test_a_full_disk_is_told_and_leaves_no_half_file(self, tmp_path, jpeg, where, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        folder = opened(tmp_path, fsync=full if where == "fsync" else os.fsync)
        if where == "write":
            monkeypatch.setattr(folder_module.Path, "open", full)
        with pytest.raises(PhotoFault, match="No space left on device; check room"):
            folder.keep(jpeg())
        assert files(tmp_path) == []
        assert states(folder) == {}

    def test_a_kill_in_mid_write_leaves_nothing_to_the_next_run(self, tmp_path, jpeg):
        opened(tmp_path)
        (tmp_path / "new" / f"0000000001-{digest(jpeg())}.part").write_bytes(jpeg()[:99])
        assert states(opened(tmp_path)) == {}
        assert files(tmp_path) == []

    def test_the_same_picture_again_is_the_same_file(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        assert folder.keep(jpeg()) is folder.keep(jpeg())

    def test_a_folder_that_cannot_be_made_says_so(self, tmp_path):
        (tmp_path / "photos").write_text("a file")
        with pytest.raises(PhotoFault, match="check room, permissions and the card"):
            opened(tmp_path / "photos")


class TestStates:
    def test_are_kept_over_a_restart_with_their_order(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        kept = [folder.keep(jpeg(number)).sha256 for number in range(4)]
        folder.move(kept[0], "done")
        folder.move(kept[1], "waiting")
        folder.move(kept[2], "waiting")
        again = opened(tmp_path)
        assert states(again) == {"new": [4], "waiting": [2, 3], "done": [1]}
        assert again.keep(jpeg(9)).number == 5

    def test_of_a_photo_that_is_not_here_do_not_change(self, tmp_path):
        assert opened(tmp_path).move("0" * 64, "done") is False

    def test_a_foreign_file_is_let_be(self, tmp_path):
        opened(tmp_path)
        (tmp_path / "waiting" / "holiday.jpg").write_bytes(b"x")
        assert states(opened(tmp_path)) == {}
        assert files(tmp_path) == ["waiting/holiday.jp.jpg"]


class TestReading:
    def test_a_rotten_file_is_found_before_its_first_byte_leaves(self, tmp_path, jpeg):
        held = opened(tmp_path).keep(jpeg())
        again = opened(tmp_path)
        path = again.file(held.sha256)
        path.write_bytes(jpeg()[:-9] + b"rotten" + b"\xff\xd9\0"[:2] + b"x")
        with pytest.raises(Rotten, match="not what was written"):
            again.read(held.sha256, 0, 10)

    def test_one_that_somebody_removed_is_told(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        held = folder.keep(jpeg())
        folder.file(held.sha256).unlink()
        with pytest.raises(Rotten, match="removed"):
            folder.read(held.sha256, 0, 10)
        with pytest.raises(Rotten, match="not there"):
            folder.read("0" * 64, 0, 10)


class TestRoom:
    def full(self, path, jpeg, done=(), waiting=()):
        folder = opened(path, most_count=4)
        kept = {number: folder.keep(jpeg(number)).sha256 for number in (1, 2, 3, 4)}
        for number in done:
            folder.move(kept[number], "done")
        for number in waiting:
            folder.move(kept[number], "waiting")
        return folder

    def test_the_oldest_acknowledged_goes_before_any_that_waits(self, tmp_path, jpeg):
        folder = self.full(tmp_path, jpeg, done=(2, 3), waiting=(1, 4))
        folder.keep(jpeg(5))
        assert states(folder) == {"new": [5], "waiting": [1, 4], "done": [3]}

    def test_the_oldest_that_waits_is_given_up_only_when_none_is_acknowledged(self, tmp_path, jpeg):
        folder = self.full(tmp_path, jpeg, done=(4,), waiting=(1, 2, 3))
        folder.keep(jpeg(5))
        folder.keep(jpeg(6))
        assert states(folder) == {"new": [5, 6], "waiting": [2, 3], "lost": [1]}

    def test_what_was_given_up_stays_to_be_told_over_a_restart(self, tmp_path, jpeg):
        self.full(tmp_path, jpeg, waiting=(1, 2, 3, 4)).keep(jpeg(5))
        again = opened(tmp_path, most_count=4)
        assert states(again) == {"new": [5], "waiting": [2, 3, 4], "lost": [1]}
        again.forget(again.list("lost")[0].sha256)
        assert "lost" not in states(again)

    def test_one_without_a_record_yet_is_never_given_up(self, tmp_path, jpeg):
        folder = self.full(tmp_path, jpeg, waiting=())
        folder.keep(jpeg(5))
        assert states(folder) == {"new": [1, 2, 3, 4, 5]}

    def test_bytes_are_bounded_as_well(self, tmp_path, jpeg):
        size = len(jpeg(1))
        folder = opened(tmp_path, most_bytes=int(size * 2.5))
        for number in (1, 2, 3):
            folder.move(folder.keep(jpeg(number)).sha256, "done")
        assert states(folder) == {"done": [2, 3]}

    def test_a_photo_larger_than_all_may_be_is_refused(self, tmp_path, jpeg):
        folder = opened(tmp_path, most_bytes=100)
        with pytest.raises(PhotoFault, match="raise \\[camera\\] max_mb"):
            folder.keep(jpeg())


class TestTheMedium:
    """What else fills it costs acknowledged photos, then new ones; never one that waits, and never a record."""

    def filled(self, path, jpeg, left):
        """Photos 1 and 2 are acknowledged, 3 waits; `left` is what the medium has free, a photo's room each."""
        folder = opened(path, keep_free_bytes=5, free=lambda _: 10**9)
        for number, state in ((1, "done"), (2, "done"), (3, "waiting")):
            folder.move(folder.keep(jpeg(number)).sha256, state)
        size = len(jpeg(4))
        folder._free = lambda _: left + size * (2 - len(folder.list("done"))) + 5
        return folder

    def test_the_acknowledged_go_first_and_only_as_many_as_must(self, tmp_path, jpeg):
        folder = self.filled(tmp_path, jpeg, left=1)
        folder.keep(jpeg(4))
        assert states(folder) == {"new": [4], "waiting": [3], "done": [2]}

    def test_then_none_is_taken_and_what_waits_stays(self, tmp_path, jpeg):
        folder = self.filled(tmp_path, jpeg, left=-2 * len(jpeg(4)))
        with pytest.raises(PhotoFault, match="keep_free_mb"):
            folder.keep(jpeg(4))
        assert states(folder) == {"waiting": [3]}

    def test_room_is_made_without_a_new_photo_too(self, tmp_path, jpeg):
        folder = self.filled(tmp_path, jpeg, left=-1)
        folder.tidy(NOW_MS, 7.0)
        assert states(folder) == {"waiting": [3], "done": [2]}

    def test_that_of_this_machine_is_asked(self, tmp_path, jpeg):
        with pytest.raises(PhotoFault, match="keep_free_mb"):
            opened(tmp_path, keep_free_bytes=2**60).keep(jpeg())

    def test_what_was_given_up_and_is_not_on_record_yet_is_bounded(self, tmp_path, jpeg):
        size = max(len(jpeg(number)) for number in range(1, 9))
        folder = opened(tmp_path, most_bytes=4 * size)
        with pytest.raises(PhotoFault, match="not on record yet"):
            for number in range(1, 9):
                folder.move(folder.keep(jpeg(number)).sha256, "waiting")
        lost = folder.list("lost")
        assert len(lost) == 2
        folder.forget(lost[0].sha256)
        folder.keep(jpeg(9))


class TestUrgency:
    def test_is_kept_over_moves_and_restarts(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        sos, other = folder.keep(jpeg(1), urgent=True), folder.keep(jpeg(2))
        for one in (sos, other):
            folder.move(one.sha256, "waiting")
        again = opened(tmp_path)
        assert [entry.urgent for entry in again.list("waiting")] == [True, False]
        assert again.read(sos.sha256, 0, 10) == jpeg(1)[:10]


class Killed(BaseException):
    """The process is gone."""


class TestKills:
    """At each named point a photo is whole in one state, or not there; the next run goes on with it."""

    def until(self, point):
        def reached(name):
            if name == point:
                raise Killed(name)

        return reached

    def test_before_a_file_has_its_name_it_was_never_there(self, tmp_path, jpeg):
        with pytest.raises(Killed):
            opened(tmp_path, reached=self.until("photos.before_rename")).keep(jpeg())
        again = opened(tmp_path)
        assert states(again) == {}
        assert again.keep(jpeg()).number == 1

    def test_once_it_has_it_it_is_found(self, tmp_path, jpeg):
        with pytest.raises(Killed):
            opened(tmp_path, reached=self.until("photos.after_keep")).keep(jpeg())
        again = opened(tmp_path)
        assert again.read(digest(jpeg()), 0, 10**6) == jpeg()
        assert files(tmp_path) == ["new/0000000001.jpg"]

    @pytest.mark.parametrize("state", ["waiting", "done", "lost"])
    def test_a_move_is_done_or_not(self, tmp_path, jpeg, state):
        folder = opened(tmp_path, reached=self.until("photos.after_move"))
        folder.keep(jpeg())
        with pytest.raises(Killed):
            folder.move(digest(jpeg()), state)
        again = opened(tmp_path)
        assert states(again) == {state: [1]}
        assert again.move(digest(jpeg()), state)

    def test_what_is_forgotten_stays_so(self, tmp_path, jpeg):
        folder = opened(tmp_path, reached=self.until("photos.after_forget"))
        folder.keep(jpeg())
        with pytest.raises(Killed):
            folder.forget(digest(jpeg()))
        assert states(opened(tmp_path)) == {}


class TestTidying:
    def test_the_acknowledged_go_after_their_days(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        old, fresh = (folder.keep(jpeg(number)).sha256 for number in (1, 2))
        for one, age_days in ((old, 8), (fresh, 6)):
            folder.move(one, "done")
            folder.mark(one, NOW_MS - age_days * DAY_MS)
        assert folder.tidy(NOW_MS, 7.0) == 1
        assert states(folder) == {"done": [2]}

    def test_one_acknowledged_at_an_unknown_time_is_dated_when_the_time_is_known(
        self, tmp_path, jpeg
    ):
        folder = opened(tmp_path)
        held = folder.keep(jpeg()).sha256
        folder.move(held, "done")
        folder.mark(held, None)
        assert folder.tidy(NOW_MS, 7.0) == 0
        assert folder.tidy(NOW_MS + 8 * DAY_MS, 7.0) == 1

    def test_what_waits_is_never_too_old(self, tmp_path, jpeg):
        folder = opened(tmp_path)
        folder.move(folder.keep(jpeg()).sha256, "waiting")
        assert folder.tidy(NOW_MS * 2, 0.0) == 0
