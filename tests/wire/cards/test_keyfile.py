"""The key file: made once, its owner's alone, and nothing of it in any message."""

import os
import stat
import traceback

import pytest

from wire.cards.keyfile import (
    MOST_EARLIER,
    SiteKeys,
    next_keys,
    read_keys,
    without_earlier,
    write_keys,
)
from wire.words import Fault

SECRET = "c0ffee00c0ffee00c0ffee00c0ffee0"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cards.key"


def put(path, text, mode=0o600):
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_what_was_made_is_read_again(path):
    made = write_keys(path)
    assert read_keys(path) == made
    assert (len(made.master), made.version) == (16, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_keys(path.with_name("other.key")).master != made.master


def test_an_open_umask_opens_nothing(path):
    old = os.umask(0)
    try:
        write_keys(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_stays(path):
    made = write_keys(path)
    with pytest.raises(Fault, match="never overwritten"):
        write_keys(path)
    assert read_keys(path) == made


def test_a_link_is_never_followed(path, tmp_path):
    write_keys(tmp_path / "real.key")
    path.symlink_to(tmp_path / "real.key")
    with pytest.raises(Fault, match="no symbolic link"):
        read_keys(path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.key")
    with pytest.raises(Fault):
        write_keys(path)
    assert not (tmp_path / "elsewhere.key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777])
def test_one_that_others_may_open_is_refused(path, mode):
    write_keys(path)
    path.chmod(mode)
    with pytest.raises(Fault, match="chmod 600"):
        read_keys(path)


def test_another_users_file_is_refused(path, monkeypatch):
    write_keys(path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(Fault, match="another user"):
        read_keys(path)


def test_what_is_no_plain_file_is_refused_and_waits_for_nobody(path):
    os.mkfifo(path, 0o600)
    with pytest.raises(Fault, match="plain file"):
        read_keys(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f'master = "{SECRET}"\n',
        f'master = "{SECRET}00"\n',
        f'master = "{SECRET}z"\n',
        f'master = "{SECRET}0"\nversion = 0\n',
        f'master = "{SECRET}0"\nversion = 256\n',
        f'master = "{SECRET}0"\nversion = true\n',
        f'master = "{SECRET}0"\nversion = "{SECRET}"\n',
        f'master = "{SECRET}0"\nother = "{SECRET}"\n',
        f"master = {SECRET}\n",
        "master = 7\n",
        "master = " + "[" * 5_000,
        "master = " + "9" * 5_000,
        "earlier = 7\n",
        f'earlier = ["{SECRET}0"]\nmaster = "{SECRET}0"\n',
        f'master = "{SECRET}0"\nversion = 2\n[[earlier]]\nmaster = "{SECRET}1"\n',
        f'master = "{SECRET}0"\n[[earlier]]\nmaster = "{SECRET}1"\nversion = 1\n',
        f'master = "{SECRET}0"\nversion = 2\n[[earlier]]\nmaster = "{SECRET}"\nversion = 1\n',
        f'master = "{SECRET}0"\nversion = 2\n[[earlier]]\nmaster = "{SECRET}1"\nversion = 1\nb = 1\n',
    ],
)
def test_what_is_wrong_in_it_is_never_told(path, text):
    with pytest.raises(Fault, match="not in order") as caught:
        read_keys(put(path, text))
    assert "c0ffee" not in "".join(traceback.format_exception(caught.value))
    assert "c0ffee" not in caught.value.words.zh


def test_neither_is_what_is_no_text(path):
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(Fault, match="not in order"):
        read_keys(path)


def test_the_next_keys_stand_beside_the_earlier_ones(path, tmp_path):
    first = write_keys(path)
    second = write_keys(tmp_path / "2.key", next_keys(first))
    third = write_keys(tmp_path / "3.key", next_keys(second))
    assert read_keys(tmp_path / "3.key") == third
    assert [one.version for one in (third, *third.earlier)] == [3, 2, 1]
    assert third.earlier == (SiteKeys(second.master, 2), first)
    assert len({one.master for one in (third, *third.earlier)}) == 3
    assert stat.S_IMODE((tmp_path / "3.key").stat().st_mode) == 0o600
    alone = write_keys(tmp_path / "4.key", without_earlier(third))
    assert read_keys(tmp_path / "4.key") == alone == SiteKeys(third.master, 3)


def test_versions_go_round_and_never_to_a_new_cards():
    assert next_keys(SiteKeys(bytes(16), 255)).version == 1


def test_there_are_not_more_earlier_keys_than_a_unit_should_try():
    keys = SiteKeys(bytes(16))
    for _ in range(MOST_EARLIER):
        keys = next_keys(keys)
    with pytest.raises(Fault, match="card keys retire"):
        next_keys(keys)


def test_keys_are_not_shown(path):
    made = write_keys(path)
    assert made.master.hex() not in repr(made) and "master" not in repr(made)
