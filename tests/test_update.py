"""A release from the gateway's keeping to the unit's inbox, and the switch: real processes, a real broker.

The unit runs from a slot of the test's own, so that its process takes itself for what an update installed.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from device.core.wish import Wish
from device.update.guard import Content, Place, State
from device.update.inbox import Inbox
from gateway.orders import give
from gateway.releases.shelf import place as lies_at
from sim.city import City, wait_for
from sim.demo import Checkpoint
from wire.release import Named

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
BODY = os.urandom(400_000)
NAMED = Named("99.0", sha256(BODY).hexdigest(), len(BODY))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Slot `a` is this Python under another name; `b` holds the release before."""
    made = Place(tmp_path / "opt", tmp_path / "keep")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(made.slot("a"))], check=True, timeout=60
    )
    here = next(path for path in sys.path if path.endswith("site-packages"))
    packages = next(made.slot("a").glob("lib/*/site-packages"))
    (packages / "all.pth").write_text(f"{here}\n{Path.cwd()}\n")
    (made.keep / "inbox").mkdir(parents=True)
    made.write(State("a", {"a": Content("0.1.0"), "b": Content("0.0.9")}))
    return made


def test_a_release_comes_whole_a_wish_is_left_and_the_other_slot_is_left_for(
    city: City, checkpoint: Callable[..., Checkpoint], place: Place
) -> None:
    unit = checkpoint().unit
    with unit.config.open("a", encoding="utf-8") as file:
        file.write(f'[update]\nkeep = "{place.keep}"\nlink_pct = 100\n')
    held = lies_at(city.folder / "releases", NAMED.sha256)
    held.parent.mkdir()
    held.write_bytes(BODY)
    order = give(city.store, unit.name, "update", str(NAMED), 600)
    inbox = Inbox(place.keep / "inbox")
    command = [str(place.slot("a") / "bin/python"), "-m", "xunkong", "device", "run"]
    with subprocess.Popen([*command, "--config", str(unit.config)]) as process:
        try:
            assert wait_for(lambda: inbox.taken() is not None, WAIT_S)
            assert inbox.taken() == Wish("install", order, NAMED)
            assert inbox.release(NAMED.sha256).read_bytes() == BODY
            place.write(replace(place.read(), good="b"))
            assert process.wait(WAIT_S) == 0
        finally:
            process.terminate()
