"""Which slot is started from: the rules one by one, and what a file says that nobody can read."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from device.update import guard
from device.update.guard import STARTS, WITHIN_MS, Content, Place, State

A, B = Content("0.1.0"), Content("0.2.0", "ab" * 32)
CALM = State("a", {"a": A, "b": B})
TRIED = guard.tried(CALM, "o-1")


def test_a_trial_is_of_the_idle_slot_and_passes_once():
    assert (CALM.chosen, TRIED.chosen, TRIED.good) == ("a", "b", "a")
    passed = guard.passed(TRIED)
    assert (passed.chosen, passed.good, passed.said.outcome) == ("b", "b", "passed")
    assert guard.passed(passed) == guard.back(passed, "late") == passed
    assert guard.tried(passed, "o-2").chosen == "a"


def test_what_is_not_whole_is_not_tried_and_on_trial_nothing_is_written():
    with pytest.raises(ValueError, match="not whole"):
        guard.tried(guard.emptied(CALM), "o-1")
    for change in (guard.emptied, lambda state: guard.tried(state, "o-2")):
        with pytest.raises(ValueError, match="on trial"):
            change(TRIED)


def test_it_is_started_so_often_and_no_more():
    state = TRIED
    for number in range(1, STARTS + 1):
        state = guard.started(state, f"boot{number}", 1_000)
        assert (state.chosen, state.trial.starts) == ("b", number)
    state = guard.started(state, "boot9", 1_000)
    assert (state.chosen, state.said.outcome) == ("a", "back")
    assert "started 2 times" in state.said.why


def test_its_time_is_that_of_one_boot():
    state = guard.started(TRIED, "boot1", 5_000)
    assert guard.looked(state, "boot1", 5_000 + WITHIN_MS) == state
    assert guard.looked(state, "boot2", 9 * WITHIN_MS) == state
    late = guard.looked(state, "boot1", 5_001 + WITHIN_MS)
    assert (late.chosen, late.said.why) == ("a", "did not prove itself within 600 s")
    again = guard.started(state, "boot2", 7)
    assert (again.trial.since_ms, again.trial.starts) == (7, 2)
    assert guard.started(state, "boot1", 6_000).trial.since_ms == 5_000
    assert guard.looked(TRIED, "boot1", 9 * WITHIN_MS) == TRIED


def test_a_slot_without_a_program_is_not_counted_on():
    assert guard.sound(TRIED, lambda name: name == "a").chosen == "a"
    assert guard.sound(CALM, lambda name: name == "b").chosen == "b"
    half = guard.emptied(CALM)
    assert guard.sound(half, lambda name: name == "b").chosen == "a"


@pytest.fixture
def place(tmp_path):
    """Two slots with a program each, and a state."""
    made = Place(tmp_path / "opt", tmp_path / "keep")
    made.keep.mkdir()
    for name in guard.SLOTS:
        program = made.slot(name) / "bin/xunkong"
        program.parent.mkdir(parents=True)
        program.touch(0o755)
    made.write(CALM)
    return made


def test_the_state_comes_back_as_it_was_written(place):
    for state in (
        CALM,
        TRIED,
        guard.passed(TRIED),
        guard.back(TRIED, "为什么"),
        guard.emptied(CALM),
    ):
        place.write(state)
        assert place.read() == state
        assert place.linked() == state.chosen
        assert Path(place.root, "current").readlink() == Path("slots", state.chosen)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"v":1}',
        '{"good":"c","slots":{}}',
        '{"good":"a","slots":null}',
        '{"good":"a","slots":{"a":{"version":"1"}},"trial":{"slot":"b","starts":"x"}}',
    ],
)
@pytest.mark.parametrize("linked", ["a", "b"])
def test_with_a_state_that_nobody_can_read_what_the_link_points_to_is_good(place, text, linked):
    place.point(linked)
    (place.keep / "state.json").write_text(text)
    assert (place.read().good, place.read().trial) == (linked, None)
    assert guard.watch(place, "start", "boot1", 1) is False
    assert place.linked() == linked


def test_a_later_version_may_add_fields(place):
    table = json.loads((place.keep / "state.json").read_text())
    table |= {"mood": "calm", "trial": {"slot": "b", "colour": "red"}}
    (place.keep / "state.json").write_text(json.dumps(table))
    assert place.read().trial == guard.Trial("b")


def test_a_link_that_is_gone_is_made_anew(place):
    (place.root / "current").unlink()
    guard.watch(place, "start", "boot1", 1)
    assert place.linked() == "a"


def run_alone(place, what):
    """As systemd runs it: by the system's Python, a copy of the file, nothing of ours in reach."""
    copy = place.root / "guard.py"
    copy.write_bytes(Path(guard.__file__).read_bytes())
    words = ["-I", str(copy), what, "--root", str(place.root), "--keep", str(place.keep)]
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd="/", timeout=60, capture_output=True, check=False)
    assert done.stderr == b""
    return done.returncode


def test_it_runs_alone_and_says_whether_it_went_back(place):
    place.write(guard.tried(CALM, "o-1", within_ms=10_000))
    assert run_alone(place, "late") == 1
    assert run_alone(place, "start") == 0
    state = place.read()
    assert state.trial.starts == 1
    place.write(replace(state, trial=replace(state.trial, since_ms=state.trial.since_ms - 10_001)))
    assert run_alone(place, "late") == 0
    assert (place.linked(), place.read().trial) == ("a", None)
    assert run_alone(place, "late") == 1
