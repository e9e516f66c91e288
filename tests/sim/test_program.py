"""Our own command as a process: its first line, its end, and the log that it leaves."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from sim.broker import free_port
from sim.city import WAIT_S, wait_for
from sim.program import Program

OWNER = """
import sys
from pathlib import Path
from sim.program import Program
_, port, log = sys.argv
one = Program(["sim", "platform", "--port", port, "--store", "events.jsonl"], Path(log)).start()
one.first_line()
print(one.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def platform(tmp_path: Path, log: Path) -> Program:
    arguments = ["sim", "platform", "--port", str(free_port()), "--store", "events.jsonl"]
    return Program(arguments, log, tmp_path)


def test_stop_lets_it_end_in_good_order(tmp_path: Path, log: Path) -> None:
    program = platform(tmp_path, log).start()
    assert program.first_line().startswith("http://127.0.0.1:")
    assert program.running
    assert program.pid > 0
    assert program.stop() == 0
    assert not program.running
    assert (tmp_path / "events.jsonl").exists()


def test_kill_does_not_ask(tmp_path: Path, log: Path) -> None:
    program = platform(tmp_path, log).start()
    program.first_line()
    pid = program.pid
    program.kill()
    assert not program.running
    assert not Path(f"/proc/{pid}").exists()


def test_start_starts_no_second_one(tmp_path: Path, log: Path) -> None:
    program = platform(tmp_path, log).start()
    program.first_line()
    pid = program.pid
    try:
        assert program.start().pid == pid
    finally:
        program.kill()
    assert program.start().pid != pid
    program.kill()


def test_one_that_ended_by_itself_is_seen(log: Path) -> None:
    program = Program(["--version"], log).start()
    assert program.first_line().startswith("xunkong ")
    assert wait_for(lambda: not program.running)
    assert program.stop() == 0


def test_one_that_says_nothing_is_an_error_that_names_the_log(log: Path) -> None:
    program = Program(["device", "run", "--config", "/nonexistent"], log).start()
    with pytest.raises(RuntimeError, match=r"device run .*log\.txt"):
        program.first_line()
    assert program.stop() == 2
    assert "/nonexistent" in log.read_text("utf-8")


def test_one_that_was_not_started(log: Path) -> None:
    program = Program(["--version"], log)
    assert program.stop() == 0
    program.kill()
    assert not program.running
    with pytest.raises(RuntimeError, match="was not started"):
        _ = program.pid


def test_one_whose_owner_is_killed_is_asked_to_end(tmp_path: Path, log: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(free_port()), str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    with owner:
        assert owner.stdout
        fd = os.pidfd_open(int(owner.stdout.readline()))
        owner.kill()
        ended, _, _ = select.select([fd], [], [], WAIT_S)
        os.close(fd)
    assert ended
