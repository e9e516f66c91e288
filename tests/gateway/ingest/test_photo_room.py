"""Records have room first; and when room is scarce, whoever has far more photos than the others waits."""

import errno
import shutil

import pytest

from gateway.ingest.photo_room import COUNT_MS, PhotoRoom
from gateway.photos.files import part
from gateway.store.schema import photo_files, photos

GIB, MIB = 2**30, 2**20
NOW_MS = 1_763_890_000_000


@pytest.fixture
def free(monkeypatch):
    """Sets how much of a disk of 100 GiB is free."""

    def set_free(gib):
        usage = type(shutil.disk_usage("/"))(100 * GIB, int((100 - gib) * GIB), int(gib * GIB))
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)

    return set_free


@pytest.fixture
def room(any_store, tmp_path):
    return PhotoRoom(any_store, tmp_path)


def has(store, unit, *sizes_mib, **more):
    """`unit` announced photos of these sizes, and they are kept."""
    with store.changing() as connection:
        for number, size in enumerate(sizes_mib):
            digest = f"{unit}-{number}".ljust(64, "0")
            row = {"unit": unit, "sha256": digest, "bytes": size * MIB, "pos": number}
            connection.execute(photos.insert().values(**row))
            row = {"sha256": digest, "bytes": size * MIB, "kept_ms": NOW_MS}
            connection.execute(photo_files.insert().values(**row, **more))


def waits(room, unit, now_ms=NOW_MS):
    try:
        room.check(unit, now_ms)
    except OSError as exc:
        assert exc.errno == errno.ENOSPC
        return exc.strerror
    return None


def test_the_last_of_the_disk_is_for_records(room, free):
    free(0.5)
    assert "spared for records" in waits(room, "cp-01")


def test_with_plenty_of_room_nobody_is_counted(room, any_store, free):
    has(any_store, "greedy", 9_000)
    has(any_store, "modest", 10)
    free(20)
    assert waits(room, "greedy") is None


def test_when_it_is_scarce_who_has_far_more_waits_and_the_others_do_not(room, any_store, free):
    has(any_store, "greedy", 900, 800)
    for number in range(3):
        has(any_store, f"cp-{number}", 100)
    free(10)
    assert "greedy has 1700 MiB" in waits(room, "greedy")
    assert [waits(room, unit) for unit in ("cp-0", "cp-1", "new")] == [None] * 3


def test_a_single_unit_may_have_it_all(room, any_store, free):
    has(any_store, "cp-0", 9_000)
    free(10)
    assert waits(room, "cp-0") is None


def test_what_is_not_whole_yet_counts(room, any_store, free, tmp_path):
    has(any_store, "cp-0", 1)
    unfinished = part(tmp_path, "greedy", "a" * 64)
    unfinished.parent.mkdir(parents=True)
    with unfinished.open("wb") as file:
        file.truncate(257 * MIB)
    free(10)
    assert waits(room, "greedy") and waits(room, "cp-0") is None


def test_what_was_removed_counts_no_more(room, any_store, free):
    has(any_store, "greedy", 900, removed_ms=NOW_MS, why="old")
    has(any_store, "cp-0", 10)
    free(10)
    assert waits(room, "greedy") is None


def test_it_is_counted_anew_after_a_while(room, any_store, free):
    free(10)
    has(any_store, "cp-0", 10)
    assert waits(room, "greedy") is None
    has(any_store, "greedy", 900)
    assert waits(room, "greedy", NOW_MS + COUNT_MS - 1) is None
    assert waits(room, "greedy", NOW_MS + COUNT_MS)
