"""Chunks of photos: only what a record announced, put together in any order of arrival, whole or not there."""

import errno
import multiprocessing
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.ingest import photos as photos_module
from gateway.ingest.intake import Intake, Message
from gateway.ingest.photos import Chunk, keep
from gateway.photos.files import part, whole
from gateway.store.open import open_store
from tests.keys import SIGNER, Believing
from wire import codec, topics
from wire.limits import MAX_CHUNK_BYTES, MAX_PHOTO_BYTES
from wire.live import Hello
from wire.orders import PhotoAck, Refused
from wire.records import Photo

DATA = b"\xff\xd8" + bytes(range(256)) * 600 + b"\xff\xd9"
SHA = sha256(DATA).hexdigest()
SIZE = len(DATA)
NOW_MS = 1_763_890_000_000
STEP = 40_000


class Site:
    """An intake whose units' photos lie in `folder`."""

    def __init__(self, store, folder):
        self.store, self.folder = store, folder
        self.intake = Intake(store, Believing(), SIGNER, lambda point: None, folder)

    def take(self, *messages):
        """What is answered about photos."""
        answers = self.intake.take(messages, NOW_MS)
        return [
            codec.decode_photo_answer(answer.payload, answer.topic).message
            for answer in answers
            if answer.topic.endswith("/down/ack/photo")
        ]

    def chunk(self, offset, data=None, unit="cp-01", sha=SHA, **more):
        data = DATA[offset : offset + STEP] if data is None else data
        return Message(topics.photo(unit, sha, offset), data, **more)

    def whole(self):
        """What there is of whole photos, whichever unit's."""
        return [path.read_bytes() for path in self.folder.glob("*/*.jpg")]

    def parts(self):
        return sorted(path.parent.name for path in self.folder.glob("parts/*/*.part"))


@pytest.fixture
def site(any_store, tmp_path):
    return Site(any_store, tmp_path / "photos")


@pytest.fixture
def announced(site, unit_log):
    """A site to which `cp-01` has announced the photo."""
    site.take(announce(unit_log()).message())
    return site


def announce(log, size=SIZE, sha=SHA, **more):
    return log.add(Photo, sha256=sha, bytes=size, width=64, height=48, reason="checkin", **more)


def test_a_photo_chunk_by_chunk_is_kept_byte_for_byte(announced):
    acks = [announced.take(announced.chunk(at))[0] for at in range(0, len(DATA), STEP)]
    ends = [*range(STEP, len(DATA), STEP), len(DATA)]
    assert [(ack.next, ack.done) for ack in acks] == [(end, end == len(DATA)) for end in ends]
    assert {(ack.sha256, ack.store) for ack in acks} == {(SHA, announced.store.identity)}
    assert announced.whole() == [DATA]
    assert announced.parts() == []


def test_chunks_of_one_group_get_one_answer(announced):
    (ack,) = announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
    assert ack.done


def test_the_record_and_its_chunk_may_come_in_one_group(site, unit_log):
    (ack,) = site.take(site.chunk(0), announce(unit_log()).message())
    assert ack.next == STEP


def test_repeated_overlapping_and_early_chunks_change_nothing_that_is_right(announced):
    for offset, after in ((0, STEP), (0, STEP), (100, STEP + 100), (90_000, STEP + 100)):
        (ack,) = announced.take(announced.chunk(offset))
        assert ack.next == after
    for offset in range(STEP, len(DATA), STEP // 2):
        announced.take(announced.chunk(offset))
    assert announced.whole() == [DATA]


def test_after_it_is_whole_every_chunk_is_answered_done(announced):
    announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
    (ack,) = announced.take(announced.chunk(STEP))
    assert (ack.done, ack.next) == (True, len(DATA))
    assert announced.whole() == [DATA]


def test_what_no_record_announced_is_refused_and_quarantined(site, unit_log, rows):
    site.take(announce(unit_log()).message())
    (answer,) = site.take(site.chunk(0, unit="cp-02"))
    assert isinstance(answer, Refused)
    assert answer.refused == "no photo record of this unit announced this hash"
    assert answer.sha256 == sha256(DATA[:STEP]).hexdigest()
    (row,) = rows(site.store, "quarantine")
    assert (row["unit"], row["payload"]) == ("cp-02", DATA[:STEP])
    assert not (site.folder / "cp-02").exists()


@pytest.mark.parametrize(
    ("offset", "data"),
    [
        (len(DATA) - 10, b"x" * 11),
        (len(DATA) + 1, b""),
        (0, bytes(MAX_CHUNK_BYTES + 1)),
        (999_999_999_999, b"x"),
    ],
)
def test_more_than_was_announced_or_may_be_is_refused(announced, offset, data):
    (answer,) = announced.take(announced.chunk(offset, data))
    assert isinstance(answer, Refused)
    assert f"of a photo of {len(DATA)}" in answer.refused
    assert announced.whole() == []


def test_an_announcement_beyond_all_measure_takes_nothing(site, unit_log):
    site.take(announce(unit_log(), size=MAX_PHOTO_BYTES + 1).message())
    (answer,) = site.take(site.chunk(0))
    assert "more than" in answer.refused


def test_another_hash_than_the_records_is_thrown_away_and_begun_anew(announced):
    wrong = DATA[: STEP - 1] + b"x"
    announced.take(announced.chunk(0, wrong))
    answers = [announced.take(announced.chunk(at))[0] for at in range(STEP, len(DATA), STEP)]
    assert "another hash" in answers[-1].refused
    assert announced.whole() == []
    announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
    assert announced.whole() == [DATA]


def test_a_photo_of_two_units_is_one_file_and_needs_to_come_once(announced, unit_log, rows):
    announced.take(announce(unit_log("cp-02")).message())
    announced.take(announced.chunk(0, unit="cp-02"))
    announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
    (ack,) = announced.take(announced.chunk(STEP, unit="cp-02"))
    assert (ack.done, ack.next) == (True, SIZE)
    assert announced.whole() == [DATA]
    assert announced.parts() == []
    assert [(row["unit"], row["wanted"]) for row in rows(announced.store, "photos")] == [
        ("cp-01", False),
        ("cp-02", False),
    ]
    assert len(rows(announced.store, "photo_files")) == 1


def test_one_that_is_announced_again_is_not_wanted_again(announced, unit_log, rows):
    announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
    announced.take(announce(unit_log(log="d" * 16)).message())
    announced.take(announce(unit_log("cp-02")).message())
    assert [row["wanted"] for row in rows(announced.store, "photos")] == [False, False]


def test_a_units_false_bytes_spoil_no_other_units_photo(announced, unit_log):
    announced.take(announce(unit_log("cp-02")).message())
    announced.take(announced.chunk(0))
    announced.take(announced.chunk(0, bytes(STEP), unit="cp-02"))
    for at in range(STEP, len(DATA), STEP):
        (answer,) = announced.take(announced.chunk(at, unit="cp-02"))
    assert isinstance(answer, Refused)
    announced.take(*(announced.chunk(at) for at in range(STEP, len(DATA), STEP)))
    assert announced.whole() == [DATA]


class TestQuestions:
    """A chunk without bytes asks how much is here."""

    def test_leave_no_trace_where_nothing_is(self, announced):
        (ack,) = announced.take(announced.chunk(0, b""))
        assert (ack.next, ack.done) == (0, False)
        assert not announced.folder.exists()

    def test_tell_where_to_go_on(self, announced):
        announced.take(announced.chunk(0))
        (ack,) = announced.take(announced.chunk(0, b""))
        assert (ack.next, ack.done) == (STEP, False)

    def test_tell_of_the_whole(self, announced):
        announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
        (ack,) = announced.take(announced.chunk(0, b""))
        assert (ack.next, ack.done) == (SIZE, True)

    def test_of_what_no_record_announced_are_refused(self, site):
        (answer,) = site.take(site.chunk(0, b""))
        assert isinstance(answer, Refused)

    def test_of_nothing_are_refused(self, site, unit_log):
        site.take(announce(unit_log(), size=0).message())
        (answer,) = site.take(site.chunk(0, b""))
        assert "announced 0 bytes" in answer.refused


class TestGreetings:
    """To a unit that greets the gateway says which photos it lacks."""

    def greet(self, site, unit="cp-01"):
        hello = Hello(1, "0" * 32, "9c1b22f0", [])
        return site.take(Message(topics.hello(unit), codec.encode(hello)))

    def test_what_is_lacking_is_named_with_what_there_is(self, announced):
        announced.take(announced.chunk(0))
        (ack,) = self.greet(announced)
        assert (ack.sha256, ack.next, ack.done) == (SHA, STEP, False)
        assert self.greet(announced, "cp-02") == []

    def test_nothing_that_is_here_or_lost(self, announced, unit_log):
        announced.take(*(announced.chunk(at) for at in range(0, len(DATA), STEP)))
        assert self.greet(announced) == []
        other = announce(announce(unit_log("cp-02"), sha="ab" * 32), sha="ab" * 32, lost="no room")
        announced.take(other.message())
        assert self.greet(announced, "cp-02") == []

    def test_of_many_some_at_a_time_and_each_in_its_turn(self, site, unit_log):
        log, shas = unit_log(), [f"{number:064x}" for number in range(40)]
        for sha in shas:
            announce(log, sha=sha)
        site.take(log.message())
        rounds = [[ack.sha256 for ack in self.greet(site)] for _ in range(4)]
        assert [len(one) for one in rounds] == [16, 16, 8, 16]
        assert [sha for one in rounds[:3] for sha in one] == shas


class Killed(BaseException):
    """The process is gone."""


class TestKills:
    """At each named point the process ends; what comes afterwards is whole, once, and answered once."""

    @pytest.mark.parametrize(
        "point",
        [
            "photos.after_chunk",
            "photos.before_rename",
            "photos.after_rename",
            "photos.after_note",
        ],
    )
    @pytest.mark.parametrize("nth", [1, 2])
    def test_lose_nothing_and_double_nothing(self, any_store, tmp_path, unit_log, rows, point, nth):
        met = []

        def reached(name):
            met.append(name)
            if name == point and met.count(name) == nth:
                raise Killed(name)

        def begin():
            intake = Intake(any_store, Believing(), SIGNER, reached, tmp_path / "photos")
            site = Site(any_store, tmp_path / "photos")
            site.intake = intake
            return site

        site, done, offset = begin(), False, 0
        site.take(announce(unit_log()).message())
        while not done:
            try:
                (ack,) = site.take(site.chunk(offset))
            except Killed:
                site = begin()
                (ack,) = site.take(site.chunk(0, b""))
            offset, done = ack.next, ack.done
        assert site.whole() == [DATA]
        assert len(rows(any_store, "photo_files")) == 1
        assert [row["wanted"] for row in rows(any_store, "photos")] == [False]


def test_a_retained_chunk_is_passed_over(announced):
    assert announced.take(announced.chunk(0, retained=True)) == []


def test_a_full_disk_is_not_answered_and_leaves_no_half_chunk(announced, monkeypatch):
    announced.take(announced.chunk(0))

    def half(fd, data, offset):
        if len(data) > STEP // 2:
            return os.write(fd, data[: STEP // 2]) if os.lseek(fd, offset, 0) >= 0 else 0
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(photos_module.os, "pwrite", half)
        assert announced.take(announced.chunk(STEP)) == []
    (ack,) = announced.take(announced.chunk(STEP))
    assert ack.next == 2 * STEP
    announced.take(*(announced.chunk(at) for at in range(2 * STEP, len(DATA), STEP)))
    assert announced.whole() == [DATA]


def test_without_room_photos_wait_and_then_go_on(announced, monkeypatch):
    announced.take(announced.chunk(0))
    with monkeypatch.context() as disk:
        usage = type(shutil.disk_usage("/"))(100 * 2**30, 99.5 * 2**30, 2**29)
        disk.setattr(shutil, "disk_usage", lambda folder: usage)
        assert announced.take(announced.chunk(STEP)) == []
    (ack,) = announced.take(announced.chunk(STEP))
    assert ack.next == 2 * STEP


def test_a_tail_lost_with_the_power_is_asked_for_again(announced):
    announced.take(announced.chunk(0), announced.chunk(STEP))
    (part,) = announced.folder.glob("parts/*/*.part")
    os.truncate(part, 50_000)
    (ack,) = announced.take(announced.chunk(2 * STEP))
    assert ack.next == 50_000


def test_only_a_whole_file_on_the_medium_gets_its_name(tmp_path, monkeypatch):
    def cut(fd):
        raise InterruptedError

    monkeypatch.setattr(photos_module.os, "fsync", cut)
    with pytest.raises(InterruptedError):
        keep(tmp_path, Chunk("cp-01", SHA, 0, DATA, 0), len(DATA))
    assert not whole(tmp_path, SHA).exists()
    monkeypatch.undo()
    assert keep(tmp_path, Chunk("cp-01", SHA, 0, DATA[:10], 0), len(DATA)) == (len(DATA), True)


def test_a_part_that_another_worker_removed_meanwhile_is_begun_anew(tmp_path, monkeypatch):
    path, real, met = part(tmp_path, "cp-01", SHA), photos_module.fcntl.flock, []

    def flock(fd, how):
        real(fd, how)
        if not met:
            met.append(fd)
            path.unlink()

    monkeypatch.setattr(photos_module.fcntl, "flock", flock)
    assert keep(tmp_path, Chunk("cp-01", SHA, 0, DATA[:10], 0), len(DATA)) == (10, False)
    assert path.read_bytes() == DATA[:10]


def _work(folder, barrier, answers):
    barrier.wait(30)
    for offset in range(0, len(DATA), 1_000):
        chunk = Chunk("cp-01", SHA, offset, DATA[offset : offset + 1_000], 0)
        answers.put(keep(Path(folder), chunk, len(DATA)))


def test_workers_that_share_the_folder_agree(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier, answers = spawn.Barrier(3), spawn.Queue()
    work = [spawn.Process(target=_work, args=(str(tmp_path), barrier, answers)) for _ in range(3)]
    for one in work:
        one.start()
    count = 3 * len(range(0, len(DATA), 1_000))
    found = [answers.get(timeout=60) for _ in range(count)]
    for one in work:
        one.join(30)
    assert [one.exitcode for one in work] == [0, 0, 0]
    assert found.count((len(DATA), True)) >= 3
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{SHA}.jpg"]
    assert whole(tmp_path, SHA).read_bytes() == DATA


def test_an_intake_without_a_folder_passes_chunks_over(bench, unit_log):
    bench.take(announce(unit_log()).message())
    assert bench.intake.take([Message(topics.photo("cp-01", SHA, 0), DATA[:10])], NOW_MS) == []


def test_a_store_of_the_version_before_gets_the_tables_and_wants_what_it_had(any_url, opened):
    store = opened(any_url)
    with store.changing() as connection:
        for table in ("photos", "photo_files", "photo_holds"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql(
            "CREATE TABLE photos (unit VARCHAR(32), sha256 VARCHAR(64), bytes BIGINT NOT NULL, "
            "pos BIGINT NOT NULL, PRIMARY KEY (unit, sha256))"
        )
        connection.exec_driver_sql("INSERT INTO photos VALUES ('cp-01', 'ab', 10, 1)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    store.close()
    again = open_store(any_url)
    with again.reading() as connection:
        row = connection.exec_driver_sql("SELECT * FROM photos").mappings().one()
        assert (row["bytes"], bool(row["wanted"]), row["lost"]) == (10, True, None)
        assert connection.exec_driver_sql("SELECT * FROM photo_files").all() == []
    again.close()


def test_the_answer_is_signed_like_the_others(any_store, tmp_path, unit_log):
    intake = Intake(any_store, Believing(), SIGNER, lambda point: None, tmp_path)
    intake.take([announce(unit_log()).message()], NOW_MS)
    (answer,) = intake.take([Message(topics.photo("cp-01", SHA, 0), DATA[:10])], NOW_MS)
    ack = codec.decode_signed(answer.payload, topics.ack("cp-01", "photo"), PhotoAck)
    assert (ack.kid, ack.sig) == (SIGNER.kid, SIGNER.sign(ack.text))
