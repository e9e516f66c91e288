"""The unit's own key: made once, kept, and readable by nobody else."""

import pytest

from device.own_key import key_path, own_key
from wire.words import Fault


@pytest.fixture
def path(tmp_path):
    return key_path(tmp_path / "journal.db")


def test_it_is_made_once_and_stays(path):
    made = own_key(path)
    assert len(made) == 32
    assert own_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["unit.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_one_that_is_open_to_others_is_refused(path, mode):
    own_key(path)
    path.chmod(mode)
    with pytest.raises(Fault, match="open to others"):
        own_key(path)


@pytest.mark.parametrize("held", [b"", b"k" * 31, b"k" * 33])
def test_one_that_is_damaged_is_refused_and_left(path, held):
    path.write_bytes(held)
    path.chmod(0o600)
    with pytest.raises(Fault, match="damaged"):
        own_key(path)
    assert path.read_bytes() == held


def test_a_link_is_not_followed(path, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"k" * 32)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Fault, match="plain file"):
        own_key(path)


def test_where_it_cannot_be_made_it_is_said(tmp_path):
    with pytest.raises(Fault, match="cannot make the unit's key") as caught:
        own_key(tmp_path / "nowhere" / "unit.key")
    assert "无法新建单元密钥" in caught.value.words.zh


def test_no_part_of_it_stands_in_what_is_said(path):
    key = own_key(path)
    path.chmod(0o644)
    with pytest.raises(Fault) as caught:
        own_key(path)
    assert key.hex() not in str(caught.value)
