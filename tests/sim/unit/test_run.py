"""A person at the keyboard, through a pseudo-terminal; a script, through a pipe; and what may not be asked."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.unit.person import COMMAND, WAIT_S, Person

pytestmark = pytest.mark.timeout(2 * WAIT_S)


@pytest.fixture
def person() -> Iterator[Person]:
    one = Person("--role", "checkpoint")
    yield one
    one.close()


def test_a_shift_at_the_keyboard(person: Person) -> None:
    person.sees("running", "config 1 applied")
    person.press("1")
    person.sees("signal: accepted", "checkin 04a1b2c3")
    person.sees("queue: event 0", "gateway: ")
    person.press("s")
    person.sees("alarm sos", "alarms: sos")
    person.sees("signal: sos_heard")
    person.press("l")
    person.sees("link CUT")
    person.press("2")
    person.sees("signal: stored_offline", "checkin 04a1b2c4")
    person.press("q")
    assert person.ends() == 0
    assert person.restored()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_puts_the_terminal_back(person: Person, told: signal.Signals) -> None:
    person.sees("running")
    person.process.send_signal(told)
    assert person.ends() == 0
    assert person.restored()


def test_killed_it_leaves_nothing_behind(person: Person) -> None:
    """What was asked of nobody ends by the kernel's word, down to the camera's process."""
    kinds = ("mosquitto", "platform", "gateway run", "ingest", "forward", "device run", "camera")

    def all_there() -> bool:
        commands = offspring(person.process.pid).values()
        return all(any(kind in command for command in commands) for kind in kinds)

    person.waits(all_there, f"all of {kinds} among the processes")
    watched = {
        os.pidfd_open(pid): command for pid, command in offspring(person.process.pid).items()
    }
    person.process.kill()
    left = [
        command for fd, command in watched.items() if not select.select([fd], [], [], WAIT_S)[0]
    ]
    for fd in watched:
        os.close(fd)
    assert left == []


def offspring(pid: int) -> dict[int, str]:
    """The processes below `pid`, by number: their commands."""
    found: dict[int, str] = {}
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= offspring(child)
    return found


def test_a_script_drives_it_and_reads_json(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ["--role", "checkpoint", "--json", "--folder", str(folder)]
    said = subprocess.run(
        [*COMMAND, *words],
        input="1.3..\nq",
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    told = [json.loads(line) for line in said.stdout.splitlines()]
    assert [one["key"] for one in told if one["what"] == "key"] == [*"1.3..q"]
    assert [one["name"] for one in told if one["what"] == "signal"][:2] == ["accepted", "unknown"]
    results = [
        one["record"]["result"]
        for one in told
        if one["what"] == "record" and one["record"]["kind"] == "checkin"
    ]
    assert results == ["accepted", "unknown"]
    assert "checkin" in {one.get("kind") for one in told if one["what"] == "gateway"}
    assert (folder / "cp-sim" / "journal.db").exists()


@pytest.mark.parametrize("broker", ["here", "here:0", ":1883", "here:70000"])
def test_a_broker_that_is_none(broker: str) -> None:
    said = subprocess.run(
        [*COMMAND, "--broker", broker], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert said.returncode == 2
    assert said.stderr.startswith(f"xunkong: --broker {broker}: give HOST:PORT")


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    said = subprocess.run(
        [*COMMAND, "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert said.returncode == 2
    assert "is not empty" in said.stderr
