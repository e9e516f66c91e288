"""The release key is made once, and used only while nobody else can read it."""

import pytest

from gateway.releases import keys
from wire.keys import kid_of
from wire.release import PUBLIC, public_key
from wire.words import Fault


def test_both_halves_belong_together(tmp_path):
    signer = keys.make(tmp_path)
    secret = tmp_path / keys.SECRET
    assert secret.stat().st_mode & 0o777 == 0o600
    assert keys.read(secret).kid == signer.kid == kid_of(public_key(tmp_path / PUBLIC))


@pytest.mark.parametrize("there", [keys.SECRET, PUBLIC])
def test_none_is_overwritten(tmp_path, there):
    (tmp_path / there).write_text("held")
    with pytest.raises(Fault, match="nothing was changed"):
        keys.make(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["held"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_one_that_others_can_read_is_not_used(tmp_path, mode):
    keys.make(tmp_path)
    (tmp_path / keys.SECRET).chmod(mode)
    with pytest.raises(Fault, match="chmod 600"):
        keys.read(tmp_path / keys.SECRET)


def test_neither_is_another_kind_of_file(tmp_path):
    keys.make(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(keys.SECRET)
    with pytest.raises(Fault, match="cannot read the release key"):
        keys.read(link)
    secret = tmp_path / keys.SECRET
    secret.write_bytes(b"a key\n")
    with pytest.raises(Fault, match="cannot be used"):
        keys.read(secret)


def test_the_public_half_is_not_taken_for_the_other(tmp_path):
    """Others may read it: that is not what is wrong."""
    keys.make(tmp_path)
    said = r"release\.pub is the release key's public half; what signs is release\.key"
    with pytest.raises(Fault, match=said):
        keys.read(tmp_path / PUBLIC)
