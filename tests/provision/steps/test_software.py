"""Software goes into the slot that does not count; the guard's own file says which, run here as it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device.update.guard import Content, Place, State, Trial
from provision.host.job import UNIT
from provision.host.machine import Answer
from provision.steps import software as room
from provision.steps.software import guards, install_script, software
from provision.steps.versions import software_is_due
from tests.provision.conftest import facts, faulty

PROJECT = Path(room.__file__).parents[2]


@pytest.fixture
def place(tmp_path):
    """`/opt/xunkong` and what is kept, elsewhere, with the guard in it."""
    root, keep = tmp_path / "root", tmp_path / "keep"
    for folder in (root / "slots", keep):
        folder.mkdir(parents=True)
    (root / "guard.py").write_bytes((PROJECT / "device/update/guard.py").read_bytes())
    return Place(root, keep)


def at(place, script, *words):
    """Runs one of the step's scripts in `place`."""
    text = script.replace(room.ROOT, str(place.root)).replace(room.KEEP, str(place.keep))
    return subprocess.run(
        [sys.executable, "-I", "-B", "-", *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def fill(place, slot):
    program = place.slot(slot) / "bin" / "xunkong"
    program.parent.mkdir(parents=True)
    program.touch(0o755)


def test_a_blank_machine_begins_with_the_first_slot(place):
    assert at(place, room.CHOOSE).stdout == "a\n"
    fill(place, "a")
    assert at(place, room.NAME, "a", "0.1.0").returncode == 0
    assert place.linked() == "a"
    assert place.read() == State("a", {"a": Content("0.1.0"), "b": None})
    assert [path.name for path in place.root.iterdir()].count("__pycache__") == 0


def test_then_the_other_one_which_is_empty_until_it_is_named(place):
    fill(place, "a")
    place.write(State("a", {"a": Content("0.1.0"), "b": Content("0.0.9")}))
    assert at(place, room.CHOOSE).stdout == "b\n"
    assert place.read().slots == {"a": Content("0.1.0"), "b": None}
    assert place.linked() == "a"
    fill(place, "b")
    at(place, room.NAME, "b", "0.2.0")
    assert (place.linked(), place.read().good, place.read().idle) == ("b", "b", "a")
    assert place.read().slots["a"] == Content("0.1.0")


def test_an_update_on_trial_is_not_disturbed(place):
    fill(place, "a")
    fill(place, "b")
    state = State("a", {"a": Content("1"), "b": Content("2")}, Trial("b"))
    place.write(state)
    assert at(place, room.CHOOSE).stderr.strip() == "trial"
    assert place.read() == state


@pytest.mark.parametrize(
    ("version", "software", "due"),
    [
        (None, None, True),
        ("0.1.0", "same", False),
        ("0.1.0", "other", True),
        ("0.0.9", "other", True),
        ("0.0.9", None, True),
        ("0.1.0", None, False),
        ("0.2.0", None, False),
        ("0.10.0", "other", False),
        ("odd", "other", True),
    ],
)
def test_whether_it_is_to_be_replaced(version, software, due):
    assert software_is_due(facts(version=version, software=software), "0.1.0", "same") is due


def test_what_is_installed_is_named_last(make_job):
    job = make_job()
    job.machine.says["python3 -I -B -"] = "b\n"
    assert "slot b" in software(job).words.en
    install, name = job.machine.ran[:2]
    assert "/opt/xunkong/slots/b" in install and "--no-index" in install
    assert name.endswith("b 0.1.0")
    assert job.machine.files["/opt/xunkong/guard.py"] == b"guard = 1\n"
    patching = "/usr/local/lib/xunkong/device/patching/place.py"
    assert job.machine.files[patching] == b"place = 1\n"


def test_what_is_there_already_is_left(make_job, bundle):
    job = make_job(known=facts(version="0.1.0", software=bundle.manifest.software))
    job.machine.files |= {one.path: one.content for one in guards(job)}
    assert not software(job).changed
    assert job.machine.ran == []


def test_a_trial_is_waited_for_by_a_person(make_job):
    job = make_job()
    job.machine.says["python3 -I -B -"] = Answer(False, "", "trial")
    assert "run again when that has ended" in faulty(software, job)


def test_the_script_is_the_shells(tmp_path):
    script = install_script("a", ["/w/pip-26-py3-none-any.whl", "/w/x y.whl"], "stamp", UNIT)
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
    assert "'/w/x y.whl'" in script
    assert json.dumps(script).count("python3 -m venv") == 1
