"""The hands that do what the schedule says: each kind of fault has a beginning and an end."""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sim.chaos import damage
from sim.chaos.box import Box
from sim.chaos.check import CHECKIN, Wound
from sim.chaos.rig import GATEWAY_LINE, World
from sim.chaos.schedule import Fault

POINTS = {
    "unit": ("journal.append.before_fsync", "journal.append.after_fsync"),
    "ingest": ("ingest.before_commit", "ingest.after_commit", "ingest.after_ack"),
    "forward": ("forward.before_post", "forward.after_post", "forward.after_cursor"),
}
NTH = 12
SHAPES_KBIT_S = (16, 32, 64)
MINUTE_S, YEAR_S = 60, 31_557_600
AGAIN_S = 0.5
PATIENCE = 40
"""How many times an old card image waits until the gateway has something newer: what nobody was ever told
of nobody can miss."""

Deed = Callable[[Fault], None]
"""Begins or ends a fault."""


class NotYet(Exception):
    """It cannot end now; to be asked again in a moment."""


class Hands:
    """Does faults. One thread owns it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wounds: list[Wound] = []
        self._copied_ns: dict[str, int] = {}
        self._saved_ns = self._restored_ns = 0
        self._tries: dict[str, int] = {}
        self._table = self._unit_faults() | self._gateway_faults() | self._platform_faults()

    def impossible(self) -> dict[str, str]:
        """The kinds that cannot be done here, and why."""
        lacking: dict[str, str] = {}
        if not self._world.mounts:
            why = "needs root, to mount a card"
            lacking |= {"disk full": why, "disk read-only": why}
        if not self._world.nets:
            why = "needs root, ip, tc and nsenter, to make a network"
            lacking |= {"link dead": why, "link shaped": why}
        if not self._world.faketime:
            why = "needs libfaketime"
            lacking |= {"clock stepped by minutes": why, "clock stepped by years": why}
        return lacking

    def begin(self, fault: Fault) -> None:
        """The fault is there from here on."""
        self._table[fault.kind][0](fault)

    def end(self, fault: Fault) -> None:
        """It is over. Raises `NotYet`."""
        self._table[fault.kind][1](fault)

    def _box(self, fault: Fault) -> Box:
        return self._world.boxes[fault.target]

    def _unit_faults(self) -> dict[str, tuple[Deed, Deed]]:
        whole = partial(self._line, "whole")
        return {
            "unit killed": (self._kill, self._start),
            "unit killed at a point": (self._doom, self._undoom),
            "link cut": (partial(self._line, "cut"), whole),
            "link half open": (partial(self._line, "half open"), whole),
            "link slow": (partial(self._line, "slow"), whole),
            "link lossy": (partial(self._line, "lossy"), whole),
            "link dead": (partial(self._dead, True), partial(self._dead, False)),
            "link shaped": (self._shape, self._unshape),
            "disk full": (lambda f: self._box(f).card.fill(), lambda f: self._box(f).card.empty()),
            "disk read-only": (self._turn_read_only, self._turn_writable),
            "torn page": (self._tear_page, self._start),
            "torn write-ahead log": (partial(self._damage, damage.tear_wal), self._start),
            "lost write-ahead log": (partial(self._damage, _lose), self._start),
            "old card image": (self._copy_card, self._put_card_back),
            "clock stepped by minutes": (partial(self._step, MINUTE_S, 59), self._right_clock),
            "clock stepped by years": (partial(self._step, YEAR_S, 12), self._right_clock),
        }

    def _gateway_faults(self) -> dict[str, tuple[Deed, Deed]]:
        def line(mode: str) -> Deed:
            return lambda f: self._world.lines.set(GATEWAY_LINE, mode, seed=f.dice)

        return {
            "ingest killed": (self._kill_worker, self._start_worker),
            "ingest killed at a point": (self._doom_worker, self._undoom_worker),
            "ingest cut off": (line("cut"), line("whole")),
            "delivery repeated": (line("repeat"), line("whole")),
            "delivery reordered": (line("reorder"), line("whole")),
            "forward killed": (self._kill_worker, self._start_worker),
            "forward killed at a point": (self._doom_worker, self._undoom_worker),
            "old gateway backup": (self._back_up, self._restore),
            "broker killed": (lambda f: self._world.city.broker.cut(), self._start_broker),
            "broker wiped": (self._wipe_broker, self._start_broker),
        }

    def _platform_faults(self) -> dict[str, tuple[Deed, Deed]]:
        def mode(name: str) -> Deed:
            return lambda f: self._world.city.control(name)

        def accept_again(fault: Fault) -> None:
            self._world.city.control("ok")
            self._world.note_parked()

        return {
            "platform failing": (mode("fail"), mode("ok")),
            "platform stalling": (mode("stall"), mode("ok")),
            "platform refusing": (mode("refuse"), accept_again),
            "platform killed": (lambda f: self._world.city.platform.kill(), self._start_platform),
        }

    # Units

    def _kill(self, fault: Fault) -> None:
        self._box(fault).kill()

    def _start(self, fault: Fault) -> None:
        self._box(fault).start()

    def _doom(self, fault: Fault) -> None:
        dice = random.Random(fault.dice)
        self._kill(fault)
        self._box(fault).start_doomed(dice.choice(POINTS["unit"]), dice.randint(1, NTH))

    def _undoom(self, fault: Fault) -> None:
        self._kill(fault)
        self._start(fault)

    def _line(self, mode: str, fault: Fault) -> None:
        self._world.lines.set(fault.target, mode, seed=fault.dice)

    def _dead(self, on: bool, fault: Fault) -> None:
        if net := self._box(fault).net:
            net.dead(on)

    def _shape(self, fault: Fault) -> None:
        if net := self._box(fault).net:
            net.shape(random.Random(fault.dice).choice(SHAPES_KBIT_S))

    def _unshape(self, fault: Fault) -> None:
        if net := self._box(fault).net:
            net.shape(None)

    def _turn_read_only(self, fault: Fault) -> None:
        self._kill(fault)
        if not self._box(fault).card.read_only(True):
            raise RuntimeError(f"the card of {fault.target} cannot be made read-only")
        self._start(fault)

    def _turn_writable(self, fault: Fault) -> None:
        if not self._box(fault).card.read_only(False):
            raise RuntimeError(f"the card of {fault.target} stays read-only")

    def _tear_page(self, fault: Fault) -> None:
        """In good order first: all of the journal is in its file."""
        self._box(fault).stop()
        self._damage(damage.tear_page, fault)

    def _damage(self, how: Callable[[Path, random.Random], None], fault: Fault) -> None:
        self._kill(fault)
        how(self._box(fault).journal, random.Random(fault.dice))
        self.wounds.append(Wound(fault.target, fault.kind, 0, time.monotonic_ns()))

    def _copy_card(self, fault: Fault) -> None:
        box = self._box(fault)
        box.kill()
        self._copied_ns[fault.target] = time.monotonic_ns()
        box.card.copy(self._image(fault))
        box.start()

    def _image(self, fault: Fault) -> Path:
        return self._world.folder / f"{fault.target}.image"

    def _put_card_back(self, fault: Fault) -> None:
        """Only once the gateway, as it is now, has something that is not on the old image."""
        copied_ns = self._copied_ns[fault.target]
        if not self._newer(fault.target, copied_ns) and self._wait(fault):
            raise NotYet
        box = self._box(fault)
        box.kill()
        if self._newer(fault.target, copied_ns):
            box.card.put_back(self._image(fault))
            self.wounds.append(Wound(fault.target, fault.kind, copied_ns, time.monotonic_ns()))
        box.start()

    def _wait(self, fault: Fault) -> bool:
        tries = self._tries[fault.target] = self._tries.get(fault.target, 0) + 1
        if tries >= PATIENCE:
            del self._tries[fault.target]
        return tries < PATIENCE

    def _newer(self, unit: str, than_ns: int) -> bool:
        """Whether the platform has a tap of `unit` of after `than_ns` by the gateway that is there now.

        A badge that was held before and beeped after it may have been noted before it.
        """
        answers = self._world.boxes[unit].officer.answers
        after = {a.tap.uid for a in answers if a.tap.beep_ns and a.tap.presented_ns > than_ns}
        return any(
            received_ns > self._restored_ns
            and event["type"] == CHECKIN
            and event["source"] == f"/units/{unit}"
            and event["data"]["badge"] in after
            for received_ns, event in self._world.arrivals.read()
        )

    def _step(self, unit_s: int, most: int, fault: Fault) -> None:
        dice = random.Random(fault.dice)
        self._box(fault).step_clock(dice.choice((-1, 1)) * dice.randint(2, most) * unit_s)

    def _right_clock(self, fault: Fault) -> None:
        self._box(fault).step_clock(0)

    # The gateway

    def _kill_worker(self, fault: Fault) -> None:
        self._world.kill_worker(fault.target)

    def _start_worker(self, fault: Fault) -> None:
        self._world.workers[fault.target].start()

    def _doom_worker(self, fault: Fault) -> None:
        dice = random.Random(fault.dice)
        self._kill_worker(fault)
        point = dice.choice(POINTS[fault.target])
        self._world.doom_worker(fault.target, point, dice.randint(1, NTH))

    def _undoom_worker(self, fault: Fault) -> None:
        self._kill_worker(fault)
        self._start_worker(fault)

    def _back_up(self, fault: Fault) -> None:
        self._saved_ns = time.monotonic_ns()
        self._world.backup(self._world.folder / "backup.zip")

    def _restore(self, fault: Fault) -> None:
        """A copy from before a card was put back would lack what that card lacks: then nobody knows of it."""
        if any(w.kind == "old card image" and w.to_ns > self._saved_ns for w in self.wounds):
            self._back_up(fault)
        self._world.note_parked()
        for name in self._world.workers:
            self._world.kill_worker(name)
        self._restored_ns = time.monotonic_ns()
        self._world.restore(self._world.folder / "backup.zip")
        for program in self._world.workers.values():
            program.start()

    def _start_broker(self, fault: Fault) -> None:
        self._world.city.broker.start()

    def _wipe_broker(self, fault: Fault) -> None:
        self._world.city.broker.cut()
        for kept in self._world.folder.glob("broker/mosquitto.db*"):
            kept.unlink()

    def _start_platform(self, fault: Fault) -> None:
        self._world.city.platform.start().first_line()


def _lose(journal: Path, dice: random.Random) -> None:
    del dice
    damage.lose_wal(journal)
