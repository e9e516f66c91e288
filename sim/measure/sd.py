"""What a unit writes to its SD card a day: an hour of a shift in simulated time, by the kernel's own account.

`write_bytes` of /proc/self/io (proc_pid_io(5)) counts pages as they are sent to the storage layer: whole
ones, however little of them changed, so it is what the card gets, without the file system's own journal and
the card's amplification. Beyond an hour's share: 4 KiB pages of the shared index of the write-ahead log,
which the kernel writes back every half minute of a real hour, some 50 MiB a day at the most.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from device.core import events as ev
from device.core.events import Fix
from sim.drive.receiver import Receiver
from sim.drive.truth import Town
from sim.measure.row import Row
from sim.measure.shift import BUDGET_BYTES_DAY, UTC0_MS, Shift
from wire.cards.digest import card_digest
from wire.live import Role
from wire.orders import Badge, UnitConfig
from wire.words import Fault

HOUR_S, SETTLE_S, DAY_S = 3_600, 60, 86_400
SEED = 9_400
CREW_EVERY_S, TAP_EVERY_S = 1_200, 60
UIDS = [f"04{number:012x}" for number in range(200)]
ROSTER = [Badge(card_digest(b"", uid), f"p-{uid}") for uid in UIDS]


def measure(folder: Path) -> Iterator[Row]:
    """A vehicle that drives all day at one fix a second, and a checkpoint with a tap a minute."""
    for role in ("vehicle", "checkpoint"):
        home = folder / role
        home.mkdir()
        mib_day = written_bytes_day(role, home) / 2**20
        what = f"{role}: written to its card a day"
        yield Row(what, mib_day, "MiB", at_most=BUDGET_BYTES_DAY / 2**20)


def written_bytes_day(role: Role, folder: Path) -> float:
    """Bytes a day, by an hour's after the first minute. Raises `Fault` where the kernel counts none."""
    config, seen = _vehicle() if role == "vehicle" else _checkpoint()
    with Shift(role, folder, config) as shift:
        for second in range(1, SETTLE_S):
            shift.go_on(second, seen(second))
        before = write_bytes()
        for second in range(SETTLE_S, SETTLE_S + HOUR_S):
            shift.go_on(second, seen(second))
        shift.journal.sync()
        written = write_bytes() - before
    if not written:
        raise Fault(
            f"内核没有记录写入 {folder} 的字节数；请把 TMPDIR 设到真实磁盘上再测",
            f"the kernel counts no bytes written to {folder}; set TMPDIR to a real disk, and measure again",
        )
    return written * DAY_S / HOUR_S


def write_bytes() -> int:
    """What this process has sent to the storage layer so far, by /proc/self/io."""
    text = Path("/proc/self/io").read_text("ascii")
    return int(text.rpartition("\nwrite_bytes: ")[2].split()[0])


Seen = Callable[[int], list[ev.Event]]


def _vehicle() -> tuple[UnitConfig, Seen]:
    """Its receiver's fixes, some thirty places passed an hour, a sign-on every twenty minutes."""
    town = Town(SEED)
    way = town.drive(SEED, HOUR_S + SETTLE_S)
    fixes: dict[int, Fix] = {}
    for fix in Receiver(SEED, 1, UTC0_MS).see(way):
        fixes[((fix.utc_ms or UTC0_MS) - UTC0_MS) // 1000] = fix

    def seen(second: int) -> list[ev.Event]:
        at_hand: list[ev.Event] = [fixes[second]] if second in fixes else []
        return at_hand + _taps(second, CREW_EVERY_S)

    return UnitConfig(badges=ROSTER, places=[circle.place() for circle in town.circles]), seen


def _checkpoint() -> tuple[UnitConfig, Seen]:
    return UnitConfig(place="east-gate", badges=ROSTER), lambda second: _taps(second, TAP_EVERY_S)


def _taps(second: int, every_s: int) -> list[ev.Event]:
    if second % every_s:
        return []
    uid = UIDS[second // every_s % len(UIDS)]
    return [ev.CardShown(uid, 1_000 + second * 1000)]
