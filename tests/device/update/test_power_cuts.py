"""The power goes at any moment of an update, and again at any moment after it: a whole slot is started from."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.core.wish import Wish
from device.update import guard
from device.update.guard import SLOTS, Content, Place, State
from device.update.inbox import Inbox
from device.update.updater import Updater
from gateway.releases import keys
from gateway.releases.build import look
from tests.releases import make_release
from wire.release import PUBLIC, Named

OLD, WITHIN_MS = "0.1.0", 60_000


class Cut(Exception):
    """The power is gone."""


class Box:
    """A unit's two slots; a program is whole where its file says so. `cut_in`: the power goes so many points on, and
    `then_in` points later once more."""

    def __init__(self, folder, releases):
        self.releases, self.points = releases, []
        self.cut_in = self.then_in = None
        self.place = Place(folder / "opt", folder / "keep", self._reached)
        self.inbox = Inbox(folder / "inbox")
        for path in (self.place.keep, self.inbox.path):
            path.mkdir()
        self._program("a", OLD)
        self.place.write(State("a", {"a": Content(OLD), "b": None}))
        self.boot, self.up_ms = 1, 0
        self.orders = 0

    def _program(self, slot, text):
        path = self.place.slot(slot) / "bin/xunkong"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def _reached(self, point):
        self.points.append(point)
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in, self.then_in = self.then_in, None
                raise Cut(point)

    def _fill(self, file, head, slot):
        del file
        shutil.rmtree(slot, ignore_errors=True)
        self._reached("slot.removed")
        self._program(slot.name, "half")
        self._reached("slot.half")
        self._program(slot.name, head.manifest.version)
        self._reached("slot.whole")

    @property
    def running(self):
        """The version that the link starts."""
        return (self.place.root / "current/bin/xunkong").read_text()

    def serve(self):
        here = "x86_64-bookworm"
        key = self.releases["key"]
        Updater(self.place, self.inbox, key, self.running, here, self._fill).serve()

    def wish(self, do, version=None):
        release = None
        self.orders += do in ("install",)
        if version:
            path = self.releases[version]
            release = self.releases[version, "named"]
            shutil.copyfile(path, self.inbox.release(release.sha256))
        self.inbox.ask(Wish(do, f"o-{self.orders}", release, within_ms=WITHIN_MS))

    def start(self):
        guard.watch(self.place, "start", str(self.boot), self.up_ms)

    def later(self, ms):
        self.up_ms += ms
        guard.watch(self.place, "late", str(self.boot), self.up_ms)

    def power(self):
        """It comes back: the guard, then whatever was wished. Cut again, it comes back again."""
        while True:
            self.boot, self.up_ms = self.boot + 1, 0
            try:
                self.start()
                self.check()
                self.serve()
            except Cut:
                continue
            return

    def check(self):
        """What must hold at each start."""
        state = self.place.read()
        assert self.place.linked() == state.chosen
        assert state.slots[state.chosen] is not None
        assert state.slots[state.chosen].version == self.running != "half"

    def do(self, step):
        try:
            step(self)
        except Cut:
            self.power()


@pytest.fixture(scope="module", autouse=True)
def unhurried_medium():
    """What is cut here is the process: that what it wrote is on the medium need not be waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)
        yield


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Two releases and their key."""
    folder = tmp_path_factory.mktemp("releases")
    key = keys.make(folder / "safe")
    held = {"key": folder / "safe" / PUBLIC}
    for version in ("0.2.0", "0.3.0"):
        held[version] = make_release(folder, key, version=version)
        head, digest = look(held[version], None)
        held[version, "named"] = Named(version, digest, head.size)
    return held


def asked(do, version=None):
    def step(box):
        box.wish(do, version)
        box.serve()

    return step


STEPS = {
    "update": asked("install", "0.2.0"),
    "later one": asked("install", "0.3.0"),
    "switch": asked("switch"),
    "start": Box.start,
    "pass": asked("pass"),
    "back": asked("back"),
    "a while": lambda box: box.later(WITHIN_MS // 2),
    "long": lambda box: box.later(WITHIN_MS + 1),
    "power": Box.power,
}
GOOD = ("update", "switch", "start", "pass")
BAD = ("update", "switch", "start", *["long", "start"] * (guard.STARTS + 1))
CRASHING = ("update", "switch", *["start"] * (guard.STARTS + 1))
TWICE = (*GOOD, "later one", "switch", "start", "back", "start", "switch", "start")
ENDS = {GOOD: {"0.2.0"}, BAD: {OLD}, CRASHING: {OLD}, TWICE: {"0.2.0"}}


def walk(box, names):
    for name in names:
        box.do(STEPS[name])
        box.check()


@pytest.mark.parametrize("names", ENDS, ids=["good", "bad", "crashing", "twice"])
def test_without_a_cut_it_ends_where_it_should(tmp_path, releases, names):
    box = Box(tmp_path, releases)
    walk(box, names)
    assert box.running in ENDS[names]


@pytest.mark.parametrize("again", [None, 0, 1, 2])
@pytest.mark.parametrize("names", [GOOD, BAD], ids=["good", "bad"])
def test_cut_at_each_point_and_once_more_soon_after(tmp_path, releases, names, again):
    """What was wished is still done; cut twice, a trial may have had its two starts."""
    ends = ENDS[names] if again is None else ENDS[names] | {OLD}
    (tmp_path / "count").mkdir()
    whole = Box(tmp_path / "count", releases)
    begin = len(whole.points)
    walk(whole, names)
    count = len(whole.points) - begin
    assert count > 10
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        box = Box(folder, releases)
        box.cut_in = number
        for name in names:
            box.do(STEPS[name])
            box.check()
        assert box.running in ends, (number, box.points)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(list(STEPS)), st.none() | st.integers(0, 12)), max_size=12)
)
def test_in_whatever_order_and_cut_wherever_a_whole_slot_is_started_from(
    tmp_path_factory, releases, steps
):
    box = Box(tmp_path_factory.mktemp("box"), releases)
    for name, cut_in in steps:
        box.cut_in = cut_in
        box.do(STEPS[name])
        box.cut_in = None
        box.power()
        box.check()
        assert box.place.read().good in SLOTS
