"""What is typed becomes a wish, or is refused before anything is done."""

import pytest

import xunkong
from provision.host.command import split_port
from tests.provision.conftest import faulty


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.5", ("10.0.0.5", 22)),
        ("pi.local:2222", ("pi.local", 2222)),
        ("[fe80::1]:2222", ("fe80::1", 2222)),
        ("fe80::1", ("fe80::1", 22)),
    ],
)
def test_an_address_and_its_port(text, found):
    assert split_port(text, 22) == found


@pytest.mark.parametrize("text", ["pi:", "pi:x", "pi:0", "pi:70000", ":22"])
def test_what_is_none(text):
    assert "should be HOST or HOST:PORT" in faulty(split_port, text, 22)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "give either --gateway FILE"),
        (["--ca", "x", "--gateway", "y"], "give either --gateway FILE"),
        (["--gateway", "ssh://me@gw:x"], "should be ssh://user@host"),
        (["--gateway", "ssh://127.0.0.1:1"], "cannot reach 127.0.0.1 port 1"),
        (["--ca", "x"], "give the broker's address by --broker"),
        (["--ca", "x", "--broker", "gw", "--zone", "Mars/Base"], "is no known time zone"),
        (["--ca", "x", "--broker", "gw:x"], "should be HOST or HOST:PORT"),
        (["--ca", "x", "--broker", "gw", "--unit", "a b"], "is no unit's name"),
        (["--ca", "x", "--broker", "gw"], "make it by xunkong provision bundle"),
        (["--ca", "x", "--broker", "gw", "--parts", "none.toml"], "cannot read none.toml"),
        (["--ca", "x", "--broker", "gw", "--release-key", "none.pub"], "none.pub, cannot be used"),
    ],
)
def test_what_cannot_be_is_said_before_the_machine_is_touched(capsys, tmp_path, more, said):
    words = ["--lang", "en", "provision", "host", "192.0.2.1", "--unit", "cp-1"]
    words += ["--role", "checkpoint", "--bundle", "none.zip", *more]
    words += ["--known-hosts", str(tmp_path / "known_hosts")]
    if "--broker" not in more and "--ca" in more and "--gateway" not in more:
        said = "give the broker's address by --broker"
    assert xunkong.main(words) == 2
    assert said in capsys.readouterr().err
