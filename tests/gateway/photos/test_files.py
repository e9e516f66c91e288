"""The store and the folder of photos brought to agree: what is lost is asked for again, what is found is taken."""

import json
from hashlib import sha256

import pytest

from gateway.ingest.intake import Intake, Message
from gateway.photos import files as photo_files
from gateway.photos.files import MARKER, Survey, look_over, look_over_strange, note_kept, whole
from gateway.store.own_log import OwnLog
from tests.keys import SIGNER, Believing
from wire import topics
from wire.records import Photo

NOW_MS = 1_763_890_000_000
DATA = [bytes([number]) * 100 for number in range(3)]
SHA = [sha256(data).hexdigest() for data in DATA]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def kept(any_store, folder, unit_log):
    """A store and its folder with three photos of `cp-01`, the first of `cp-02` too."""
    intake = Intake(any_store, Believing(), SIGNER, lambda point: None, folder)
    for unit, some in (("cp-01", (0, 1, 2)), ("cp-02", (0,))):
        log = unit_log(unit)
        for number in some:
            log.add(Photo, sha256=SHA[number], bytes=100, width=8, height=6, reason="checkin")
        intake.take([log.message()], NOW_MS)
    for number in (0, 1, 2):
        intake.take([Message(topics.photo("cp-01", SHA[number], 0), DATA[number])], NOW_MS)
    return any_store


def wanted(store, rows):
    return [
        (row["unit"], SHA.index(row["sha256"])) for row in rows(store, "photos") if row["wanted"]
    ]


def own_words(store, rows):
    found = [row["raw"] for row in rows(store, "records") if row["unit"] == "gw"]
    return [json.loads(raw)["what"] for raw in found]


def test_a_folder_as_the_store_knows_it_changes_nothing(kept, folder, rows):
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey()
    assert (wanted(kept, rows), own_words(kept, rows)) == ([], [])


def test_what_is_gone_is_asked_of_every_unit_that_had_it_and_told(kept, folder, rows):
    whole(folder, SHA[0]).unlink()
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey(missing=1)
    assert wanted(kept, rows) == [("cp-01", 0), ("cp-02", 0)]
    assert own_words(kept, rows) == [
        f"1 photos are gone from {folder}; their units are asked again"
    ]
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey()


def test_one_that_its_unit_has_lost_is_not_asked_for(kept, folder, unit_log, rows):
    intake = Intake(kept, Believing(), SIGNER, lambda point: None, folder)
    log = unit_log("cp-02", log="d" * 16)
    log.add(
        Photo, sha256=SHA[0], bytes=0, width=0, height=0, reason="unknown", lost="not kept any more"
    )
    intake.take([log.message()], NOW_MS)
    whole(folder, SHA[0]).unlink()
    look_over(kept, folder, OwnLog(SIGNER), NOW_MS)
    assert wanted(kept, rows) == [("cp-01", 0)]


def test_a_file_of_an_older_store_is_taken_where_a_unit_announced_it(kept, folder, rows):
    with kept.changing() as connection:
        connection.execute(photo_files.photo_files.delete())
        connection.execute(photo_files.photos.update().values(wanted=True))
    whole(folder, SHA[2]).write_bytes(b"of another size")
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey(adopted=2)
    assert wanted(kept, rows) == [("cp-01", 2)]


def test_what_policy_removed_and_a_kill_left_lying_goes(kept, folder, rows):
    with kept.changing() as connection:
        gone = photo_files.photo_files.c.sha256 == SHA[1]
        table = photo_files.photo_files
        connection.execute(table.update().where(gone).values(removed_ms=NOW_MS, why="old"))
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey(swept=1)
    assert not whole(folder, SHA[1]).exists()
    assert wanted(kept, rows) == []


def test_a_foreign_file_is_let_be(kept, folder):
    other = folder / SHA[0][:2] / "holiday.jpg"
    other.write_bytes(b"x")
    assert look_over(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey()
    assert other.exists()


class TestAStrangeFolder:
    def test_is_looked_over_once(self, kept, folder):
        assert look_over_strange(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey()
        assert look_over_strange(kept, folder, OwnLog(SIGNER), NOW_MS) is None

    def test_that_is_not_there_at_all_has_lost_everything(self, kept, folder, rows, tmp_path):
        look_over_strange(kept, folder, OwnLog(SIGNER), NOW_MS)
        folder.rename(tmp_path / "away")
        assert look_over_strange(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey(missing=3)
        assert not folder.exists()
        assert len(wanted(kept, rows)) == 4

    def test_that_was_another_stores_is_looked_over(self, kept, folder):
        (folder / MARKER).write_text("0123456789abcdef\n")
        assert look_over_strange(kept, folder, OwnLog(SIGNER), NOW_MS) == Survey()
        assert (folder / MARKER).read_text().strip() == kept.identity


def test_a_lost_photo_comes_again_and_counts_from_then_on(kept, folder, rows):
    whole(folder, SHA[0]).unlink()
    look_over(kept, folder, OwnLog(SIGNER), NOW_MS)
    intake = Intake(kept, Believing(), SIGNER, lambda point: None, folder)
    later_ms = NOW_MS + 1_000
    intake.take([Message(topics.photo("cp-02", SHA[0], 0), DATA[0])], later_ms)
    assert wanted(kept, rows) == []
    (row,) = [row for row in rows(kept, "photo_files") if row["sha256"] == SHA[0]]
    assert row["kept_ms"] == later_ms


def test_kept_twice_is_kept_since_the_first_time(kept, rows):
    note_kept(kept, SHA[0], 100, NOW_MS + 1)
    assert {row["kept_ms"] for row in rows(kept, "photo_files")} == {NOW_MS}
