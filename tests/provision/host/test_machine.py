"""A machine is asked and changed; here it is this very one. Over SSH it is in tests/virtual_pi."""

import os
import signal
import subprocess
import sys

import pytest
from pyinfra.operations import files

from provision.host import machine as room
from provision.host.laid import Laid
from provision.host.machine import Answer, Login, Machine, alone, quoted
from sim.city import wait_for
from tests.provision.conftest import faulty


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "DUE", str(tmp_path / "due"))
    monkeypatch.setattr(room, "LOCK", str(tmp_path / "lock"))
    with Machine(None) as made:
        yield made


def test_a_question_has_its_answer(machine):
    answer = machine.ask("cat; echo err >&2; exit 3", "line\n")
    assert (answer.good, answer.out, answer.err) == (False, "line", "err")


def test_a_change_that_fails_says_what_it_said(machine):
    assert machine.run("echo 'a b'") == "a b"
    assert "no such thing" in faulty(machine.run, "echo no such thing >&2; false")


def test_a_change_waits_for_one_that_a_broken_connection_left_running(machine, tmp_path):
    mark = tmp_path / "mark"
    left = alone(f"sleep 2; touch {mark}")
    machine.ask(
        f"nohup {left} >/dev/null 2>&1 </dev/null & until ! flock -n {room.LOCK} true; do :; done"
    )
    assert machine.run(f"test -e {mark} && echo after") == "after"


def test_who_stops_it_sees_no_traceback_of_the_librarys(tmp_path):
    mark = tmp_path / "mark"
    code = (
        f"from provision.host.machine import Machine; Machine(None).ask('touch {mark}; sleep 60')"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, process_group=0) as run:
        assert wait_for(mark.exists)
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=30)
    assert "KeyboardInterrupt" in said and "failed with" not in said


def test_an_operation_of_pyinfras_is_done_once(machine, tmp_path):
    path = tmp_path / "made"
    assert machine.do(files.directory, path=str(path))
    assert path.is_dir()
    assert not machine.do(files.directory, path=str(path))


def test_what_follows_files_is_done_even_if_a_run_broke_off_before_it(machine, tmp_path):
    file, count = Laid(str(tmp_path / "x"), b"x", None), tmp_path / "count"
    then = f"echo >>{count}"
    assert machine.applied("it", [file], then)
    assert not machine.applied("it", [file], then)
    (tmp_path / "x").write_bytes(b"y")
    faulty(machine.applied, "it", [file], "false")
    assert machine.applied("it", [file], then)
    assert not machine.applied("it", [file], then)
    assert count.read_text() == "\n\n"


def test_a_sudo_that_wants_a_password_says_how_to_give_it(machine, monkeypatch):
    monkeypatch.setattr(machine, "_sudo", True)
    monkeypatch.setattr(machine, "_login", Login("h", user="pi"))
    no = Answer(False, "", "")
    monkeypatch.setattr(machine, "ask", lambda command, root: no)
    assert "wants a password, or there is none: add --ask-password" in faulty(machine.connect_again)
    monkeypatch.setattr(machine, "_login", Login("h", user="pi", password="x"))
    machine.connect_again()


def test_on_a_dry_run_nothing_is_run(tmp_path):
    with Machine(None, dry=True) as machine:
        assert machine.run(f"touch {tmp_path / 'x'}") == ""
        assert machine.do(files.directory, path=str(tmp_path / "d"))
    assert list(tmp_path.iterdir()) == []


def test_on_a_dry_run_what_would_be_due_is(tmp_path):
    file = Laid(str(tmp_path / "x"), b"x", None)
    due = str(tmp_path / "due")
    with Machine(None, dry=True) as machine:
        assert not machine.is_due(due)
        assert machine.lay([file], due) and machine.is_due(due)
    assert list(tmp_path.iterdir()) == []


def test_words_are_quoted_for_the_shell():
    assert quoted("a b", 3) == "'a b' 3"


def test_a_key_lets_in_and_a_password_answers_sudo(tmp_path):
    both = Login("h", key=tmp_path / "k", password="p").data()
    assert both["ssh_key"] == str(tmp_path / "k") and "ssh_password" not in both
    other = Login("h", port=2222, password="p").data()
    assert (other["ssh_password"], other["ssh_look_for_keys"]) == ("p", False)
    assert (other["ssh_port"], other["ssh_strict_host_key_checking"]) == (2222, "yes")


def test_a_no_of_a_line_that_broke_is_no_answer(machine, monkeypatch):
    assert not machine.ask("false").good
    monkeypatch.setattr(machine, "_alive", lambda: False)
    assert machine.ask("true").good
    assert "run the same command again" in faulty(machine.ask, "false")


def test_a_key_that_is_not_there_is_told(tmp_path):
    login = Login("127.0.0.1", 1, key=tmp_path / "none", known_hosts=tmp_path / "known")
    assert "No such private key file" in faulty(Machine, login)
