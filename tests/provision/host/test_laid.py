"""Files are laid where they differ, whole, with their rights; pyinfra runs it on this very machine."""

import getpass
import grp
import os

import pytest

from provision.host.laid import Laid, differing
from provision.host.machine import Machine
from tests.provision.conftest import faulty

OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


@pytest.fixture
def machine():
    with Machine(None) as made:
        yield made


def laid(path, content=b"one\n\xff", mode="640"):
    return Laid(str(path), content, mode, **OWN)


def test_a_file_is_laid_once_and_again_when_it_differs(machine, tmp_path):
    path = tmp_path / "new folder" / "it's.conf"
    assert machine.lay([laid(path)])
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one\n\xff", 0o640)
    assert not machine.lay([laid(path)])
    path.chmod(0o644)
    assert machine.lay([laid(path)])
    path.write_bytes(b"other")
    assert machine.lay([laid(path)])
    assert path.read_bytes() == b"one\n\xff"
    assert [one.name for one in path.parent.iterdir()] == ["it's.conf"]


def test_a_link_is_replaced_and_what_it_pointed_to_stays(machine, tmp_path):
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"one\n\xff")
    target.chmod(0o640)
    path.symlink_to(target)
    assert machine.lay([laid(path, b"two")])
    assert not path.is_symlink()
    assert (path.read_bytes(), target.read_bytes()) == (b"two", b"one\n\xff")


def test_a_file_whose_rights_are_not_ours_is_judged_by_its_content(machine, tmp_path):
    path = tmp_path / "config.txt"
    path.write_bytes(b"a")
    path.chmod(0o755)
    assert not machine.lay([laid(path, b"a", None)])
    assert machine.lay([laid(path, b"b", None)])


def test_a_dry_run_says_so_and_lays_nothing(tmp_path):
    path = tmp_path / "x"
    with Machine(None, dry=True) as machine:
        assert machine.lay([laid(path)])
        assert not path.exists()
        path.write_bytes(b"one\n\xff")
        path.chmod(0o640)
        assert not machine.lay([laid(path)])


def test_what_must_follow_is_marked_before_the_first_file(machine, tmp_path):
    due, path = tmp_path / "due" / "x", tmp_path / "x"
    machine.lay([laid(path)], str(due))
    assert due.exists()
    due.unlink()
    machine.lay([laid(path)], str(due))
    assert not due.exists()


def test_a_place_that_cannot_be_is_a_fault(machine, tmp_path):
    (tmp_path / "file").touch()
    assert "failed (lay)" in faulty(machine.lay, [laid(tmp_path / "file" / "x")])


def test_which_differ():
    one, two = Laid("/a", b"a"), Laid("/b", b"b", None)
    there = {"/a": f"{one.shown}", "/b": f"{two.shown} 755 root root"}
    assert differing([one, two], there) == []
    assert differing([one, two], {"/a": one.shown.replace("644", "600")}) == [one, two]
