"""The copy of a journal: whole, also of a card that cannot give all of itself any more."""

import errno
import os

import pytest

from device.journal.aside import CHUNK, SPOT, copied, copy_file
from device.journal.errors import JournalMissing


def copy(path, to, **how):
    return sum(copy_file(path, to, **how))


def test_a_file_is_copied_as_it_is(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert copy(tmp_path / "a", tmp_path / "b") == len(data)
    assert (tmp_path / "b").read_bytes() == data


def test_spots_that_cannot_be_read_become_zeros_and_no_more_than_these(tmp_path):
    bad = range(CHUNK + 2 * SPOT, CHUNK + 3 * SPOT)

    def pread(fd, count, at):
        if at < bad.stop and at + count > bad.start:
            raise OSError(errno.EIO, "bad spot")
        return os.pread(fd, count, at)

    data = b"x" * (2 * CHUNK + 100)
    (tmp_path / "a").write_bytes(data)
    assert copy(tmp_path / "a", tmp_path / "b", pread=pread) == len(data)
    found = (tmp_path / "b").read_bytes()
    assert len(found) == len(data)
    assert [n for n, byte in enumerate(found) if byte == 0] == [*bad]


def test_another_error_ends_it(tmp_path):
    def pread(fd, count, at):
        raise OSError(errno.ENXIO, "gone")

    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(OSError, match="gone"):
        copy(tmp_path / "a", tmp_path / "b", pread=pread)


def test_nothing_to_copy(tmp_path):
    """A lock alone is no journal."""
    (tmp_path / "none.db.lock").touch()
    with pytest.raises(JournalMissing), copied(tmp_path / "none.db", tmp_path):
        pass
    assert [*tmp_path.iterdir()] == [tmp_path / "none.db.lock"]


def test_a_salvage_that_was_cut_off_is_taken_along(tmp_path):
    """Its file has all; the journal's own place is empty for a moment."""
    (tmp_path / "journal.db.salvaging").write_bytes(b"whole")
    with copied(tmp_path / "journal.db", tmp_path) as there:
        assert there.with_name("journal.db.salvaging").read_bytes() == b"whole"
