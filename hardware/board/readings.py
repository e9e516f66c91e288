"""Reads the computer's own gauges from the kernel's files. All paths hang below one `root`.

What it cannot do: say how worn the card is (SD cards have no such gauge), or see a dip of the supply
that the firmware did not. A gauge that is absent or unreadable is None, never 0.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

MIB = 2**20
SECTOR_BYTES = 512
"""The unit of `/sys/block/*/stat` (kernel: Documentation/block/stat.rst), whatever the card's own."""

SECTORS_WRITTEN = 6
"""Which field of that file."""

VCGENCMD_S = 3.0

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1, 2, 4, 8
"""Bits of the throttle word that are so now; the same shifted by 16 were so at some time since boot."""


class Counted(msgspec.Struct, frozen=True):
    """A counter that begins at 0 with each `session`: a boot, a process, a connection."""

    session: str
    total_bytes: int


class BoardReading(msgspec.Struct, frozen=True):
    """One look at the computer; None where a gauge is absent.

    `throttled`: the firmware's word (`vcgencmd get_throttled`). `mem_mb`: what this process holds;
    `mem_free_mb`: what the kernel could still give. `written`: to the journal's card since boot, by
    everybody; where the journal lies on no card, by this process since its start.
    """

    cpu_c: float | None = None
    throttled: int | None = None
    disk_free_mb: int | None = None
    mem_mb: int | None = None
    mem_free_mb: int | None = None
    written: Counted | None = None


def vcgencmd() -> str:
    """What `vcgencmd get_throttled` prints; empty where there is none, or it does not answer."""
    try:
        done = subprocess.run(
            ["vcgencmd", "get_throttled"], capture_output=True, timeout=VCGENCMD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("ascii", "replace")


class Board:
    """Looks at the computer when asked. `folder`: where the journal lies. For one thread that may wait.

    `ask`: the fallback for the throttle word, for kernels without a file for it.
    """

    def __init__(
        self, folder: Path, root: Path = Path("/"), ask: Callable[[], str] = vcgencmd
    ) -> None:
        self._folder, self._root, self._ask = folder, root, ask

    def read(self) -> BoardReading:
        """All gauges as they are now. Never raises for a gauge that is absent."""
        return BoardReading(
            cpu_c=self._temperature_c(),
            throttled=self._throttled(),
            disk_free_mb=self._disk_free_mb(),
            mem_mb=self._own_memory_mb(),
            mem_free_mb=self._free_memory_mb(),
            written=self._card_written() or self._own_written(),
        )

    def _text(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return None

    def _temperature_c(self) -> float | None:
        value = _integer(self._text("sys/class/thermal/thermal_zone0/temp"))
        return None if value is None else value / 1000

    def _throttled(self) -> int | None:
        """The kernel's file has bare hex digits, the command `throttled=0x50005`."""
        word = self._text("sys/devices/platform/soc/soc:firmware/get_throttled")
        return _integer((word or self._ask()).rpartition("=")[2], base=16)

    def _disk_free_mb(self) -> int | None:
        try:
            return shutil.disk_usage(self._folder).free // MIB
        except OSError:
            return None

    def _own_memory_mb(self) -> int | None:
        pages = _integer(_field(self._text("proc/self/statm"), 1))
        return None if pages is None else pages * os.sysconf("SC_PAGE_SIZE") // MIB

    def _free_memory_mb(self) -> int | None:
        kib = _integer(_field(_line(self._text("proc/meminfo"), "MemAvailable:"), 1))
        return None if kib is None else kib // 1024

    def _card_written(self) -> Counted | None:
        """None where the journal lies on no card (mmcblk): nothing else wears out of this, or is ours alone.

        A partition's counter is as good as its card's. Memory file systems and overlays have none.
        """
        try:
            device = self._folder.stat().st_dev
        except OSError:
            return None
        block = f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
        card = _line(self._text(f"{block}/uevent"), "DEVNAME=mmcblk")
        sectors = _integer(_field(self._text(f"{block}/stat"), SECTORS_WRITTEN))
        if card is None or sectors is None:
            return None
        return Counted(f"card {self._boot()}", sectors * SECTOR_BYTES)

    def _own_written(self) -> Counted | None:
        written = _integer(_field(_line(self._text("proc/self/io"), "write_bytes:"), 1))
        if written is None:
            return None
        started = _field((self._text("proc/self/stat") or "").rpartition(")")[2], 19)
        return Counted(f"own {self._boot()} {started}", written)

    def _boot(self) -> str:
        return (self._text("proc/sys/kernel/random/boot_id") or "").strip()[:8]


def _line(text: str | None, begins: str) -> str | None:
    return next((line for line in (text or "").splitlines() if line.startswith(begins)), None)


def _field(text: str | None, number: int) -> str | None:
    fields = (text or "").split()
    return fields[number] if number < len(fields) else None


def _integer(text: str | None, base: int = 10) -> int | None:
    """None for what is no number, or none that a counter can have."""
    try:
        value = int(text or "", base)
    except ValueError:
        return None
    return value if value <= 2**63 else None
