"""What a running unit puts up: whole or not at all, not for everybody, and gone in the end."""

import logging

from device.bulletin import NAME, Bulletin, read
from device.core.present import Present, Way
from wire.live import State

PRESENT = Present(7, None, Way(why="no"), State(1, "cp-1", True, "9c1b22f0", 1))


def test_it_is_read_as_it_was_posted_and_taken_down(tmp_path):
    board = Bulletin.of({"RUNTIME_DIRECTORY": f"{tmp_path}:/other"})
    assert read(tmp_path) is None
    board.post(PRESENT)
    board.post(PRESENT)
    assert read(tmp_path) == PRESENT
    assert (tmp_path / NAME).stat().st_mode & 0o007 == 0
    board.take_down()
    assert [*tmp_path.iterdir()] == []


def test_what_is_no_word_of_a_unit_s_is_none(tmp_path):
    (tmp_path / NAME).write_bytes(b"\xff{")
    assert read(tmp_path) is None


def test_where_nobody_looks_nothing_is_put_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Bulletin.of({}).post(PRESENT)
    Bulletin.of({}).take_down()
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_takes_nothing_is_told_of_once(tmp_path, caplog):
    board = Bulletin(tmp_path / "none")
    with caplog.at_level(logging.ERROR):
        board.post(PRESENT)
        board.post(PRESENT)
    assert len(caplog.records) == 1
