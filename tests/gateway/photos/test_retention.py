"""Old photos go by the site's policy, each with its record; evidence stays; a kill leaves nothing half done."""

import json
from hashlib import sha256

import pytest

from gateway.ingest.intake import Intake, Message
from gateway.photos.files import whole
from gateway.photos.holds import hold, release
from gateway.photos.retention import AT_ONCE, DAY_MS, retain_photos
from gateway.photos.rows import photo_rows
from gateway.store.own_log import OwnLog
from gateway.store.schema import photo_files, records
from tests.keys import SIGNER, Believing
from wire import codec, topics
from wire.orders import PhotoAck
from wire.records import Photo

NOW_MS = 1_763_890_000_000
LATE_MS = NOW_MS + 181 * DAY_MS
DATA = [bytes([number]) * 100 for number in range(3)]
SHA = [sha256(data).hexdigest() for data in DATA]
LOG = "e" * 16


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def intake(any_store, folder):
    return Intake(any_store, Believing(), SIGNER, lambda point: None, folder)


@pytest.fixture
def kept(any_store, intake, unit_log):
    """Photos 0 and 1 came 181 days ago, 2 now; 0 of two units."""
    for unit, some in (("cp-01", (0, 1, 2)), ("cp-02", (0,))):
        log = unit_log(unit)
        for number in some:
            log.add(Photo, sha256=SHA[number], bytes=100, width=8, height=6, reason="checkin")
        intake.take([log.message()], NOW_MS)
    for number, at_ms in ((0, NOW_MS), (1, NOW_MS), (2, LATE_MS)):
        intake.take([Message(topics.photo("cp-01", SHA[number], 0), DATA[number])], at_ms)
    return any_store


def retain(store, folder, keep_days=180.0, reached=lambda point: None):
    return retain_photos(store, folder, keep_days, OwnLog(SIGNER), LATE_MS, reached)


def told(store, rows):
    """What the gateway's own log says of photos: hash, and why it is gone."""
    found = [json.loads(r["raw"]) for r in rows(store, "records") if r["unit"] == "gw"]
    return [(SHA.index(one["sha256"]), one["lost"]) for one in found]


def there(folder):
    return [number for number in range(3) if whole(folder, SHA[number]).exists()]


def test_the_old_go_each_with_its_record(kept, folder, rows):
    done = retain(kept, folder)
    assert (done.removed, done.removed_bytes, done.held, done.missing) == (2, 200, 0, 0)
    assert there(folder) == [2]
    why = "removed after [photos] keep_days = 180"
    assert sorted(told(kept, rows)) == [
        (0, f"{why}: cp-01/event/{LOG}/1, cp-02/event/{LOG}/1"),
        (1, f"{why}: cp-01/event/{LOG}/2"),
    ]
    (row, *_) = [json.loads(r["raw"]) for r in rows(kept, "records") if r["unit"] == "gw"]
    assert (row["kind"], row["bytes"], row["width"], row["reason"]) == ("photo", 100, 8, "checkin")


def test_again_removes_nothing_more(kept, folder, rows):
    retain(kept, folder)
    assert retain(kept, folder).removed == 0
    assert len(told(kept, rows)) == 2


def test_what_is_removed_is_neither_asked_for_nor_taken_again(kept, folder, intake, rows):
    retain(kept, folder)
    assert not any(row["wanted"] for row in rows(kept, "photos"))
    (answer,) = intake.take([Message(topics.photo("cp-01", SHA[0], 0), DATA[0])], LATE_MS)
    assert codec.decode(answer.payload, PhotoAck).done
    assert there(folder) == [2]


def test_it_shows_in_the_list(kept, folder):
    retain(kept, folder)
    found = [(row["unit"], row["state"], row.get("why")) for row in photo_rows(kept, folder)]
    why = "removed after [photos] keep_days = 180"
    assert found == [
        ("cp-01", "removed", why),
        ("cp-01", "removed", why),
        ("cp-01", "kept", None),
        ("cp-02", "removed", why),
    ]


def test_evidence_stays_until_it_is_released(kept, folder, rows):
    assert hold(kept, "i-7", [SHA[0][:12]], NOW_MS) == [SHA[0]]
    done = retain(kept, folder)
    assert (done.removed, done.held) == (1, 1)
    assert there(folder) == [0, 2]
    assert next(photo_rows(kept, folder))["held"] == ["i-7"]
    release(kept, "i-7", [])
    assert retain(kept, folder).removed == 1
    assert there(folder) == [2]


def test_one_whose_record_is_not_kept_any_more_goes_all_the_same(kept, folder, rows):
    with kept.changing() as connection:
        connection.execute(records.delete().where(records.c.unit != "gw"))
    assert retain(kept, folder).removed == 2
    assert all("its record is not kept any more" in why for _, why in told(kept, rows))


@pytest.mark.parametrize("point", ["retain.after_commit", "retain.after_unlink"])
def test_a_kill_in_the_middle_leaves_a_file_for_the_next_run_and_no_second_record(
    kept, folder, rows, point
):
    def reached(name):
        if name == point:
            raise Killed(name)

    with pytest.raises(Killed):
        retain(kept, folder, reached=reached)
    assert len(there(folder)) == 3 - (point == "retain.after_unlink")
    assert retain(kept, folder).removed == 0
    assert there(folder) == [2]
    assert len(told(kept, rows)) == 2


def test_many_go_a_few_in_a_transaction(kept, folder, rows):
    with kept.changing() as connection:
        for number in range(2 * AT_ONCE):
            digest = f"{number:064x}"
            path = whole(folder, digest)
            path.parent.mkdir(exist_ok=True)
            path.touch()
            row = {"sha256": digest, "bytes": 1, "kept_ms": NOW_MS}
            connection.execute(photo_files.insert().values(**row))
    commits = []
    done = retain(kept, folder, reached=commits.append)
    assert done.removed == 2 * AT_ONCE + 2
    assert commits.count("retain.after_commit") == 3


def test_a_file_found_missing_is_counted_not_removed(kept, folder):
    whole(folder, SHA[0]).unlink()
    done = retain(kept, folder)
    assert (done.removed, done.missing) == (1, 1)
