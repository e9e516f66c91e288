"""What is typed becomes a wish, or is refused before anything is done."""

from argparse import Namespace
from contextlib import nullcontext

import pytest

import xunkong
from provision.host import command as room
from provision.host.command import split_port
from provision.host.job import Step, done
from provision.host.machine import Login
from tests.provision.conftest import FakeMachine, faulty
from wire.words import Fault, Words


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


class TestTheReport:
    @pytest.fixture
    def carried(self, monkeypatch, tmp_path, make_job):
        """Carries `steps` out on a machine of ten lines; the reports that are there afterwards."""
        monkeypatch.setattr(room, "check_host_key", lambda *words: None)
        monkeypatch.setattr(room, "Machine", lambda login, dry: nullcontext(FakeMachine(dry)))

        def carry(*steps, dry=False):
            args = Namespace(dry_run=dry, json=True, language="en", host="h", report=tmp_path)
            code = room.carry_out(args, Login("h"), lambda machine: make_job(dry), steps)
            return code, sorted(path.name for path in tmp_path.glob("*.json"))

        return carry

    def test_is_written_when_something_was_done(self, carried):
        assert carried(step(True)) == (0, ["cp-1.json"])

    def test_is_written_when_all_is_as_it_was(self, carried):
        assert carried(step(False)) == (0, ["cp-1.json"])

    def test_of_a_run_that_broke_off_half_way_is_too(self, carried):
        assert carried(step(True), step(None)) == (1, ["cp-1.json"])

    def test_of_an_earlier_run_is_kept_by_one_that_failed_and_did_nothing(self, carried):
        assert carried(step(None)) == (1, [])

    def test_who_stops_it_is_told_that_nothing_is_lost(self, carried, capsys):
        def stopped(job):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            carried(Step("s", Words("步", "step"), stopped, Words("修", "mend")))
        assert "the same command goes on" in capsys.readouterr().err

    def test_is_not_written_on_a_dry_run(self, carried):
        assert carried(step(True), dry=True) == (0, [])


def step(changed):
    """A step that changes something, or nothing; None: that fails."""

    def run(job):
        if changed is None:
            raise Fault("坏", "broken")
        return done(changed, "好", "well")

    return Step(f"step {changed}", Words("步", "step"), run, Words("修", "mend"))
