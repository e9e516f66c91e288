"""What the machine says of itself: boot id and clocks. All paths are parameters."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

from device.core.events import TimeHeard
from device.core.moment import Now

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RTC = Path("/sys/class/rtc/rtc0")
TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronized."""


def now() -> Now:
    """CLOCK_BOOTTIME and the system's UTC, in milliseconds."""
    return Now(up_ms(), time.time_ns() // 1_000_000)


def up_ms() -> int:
    """Milliseconds since the machine started, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def boot_id(path: Path = BOOT_ID) -> str:
    """The first eight hex digits of the kernel's boot id: another one after each start."""
    return path.read_text("ascii").strip().replace("-", "")[:8]


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as the error bounds; the rest is room for the kernel."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def is_steered() -> tuple[bool, int]:
    """Whether something (NTP) steers the kernel's clock, and its error bound in ms."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    return state not in (-1, TIME_ERROR), timex.maxerror // 1000


def system_clock(rtc: Path = RTC) -> TimeHeard | None:
    """The system clock's word: `ntp` when the kernel is being steered, else the battery's clock itself.

    None where neither is there: then the system's time is worth nothing, whatever it was set to.
    """
    steered, err_ms = is_steered()
    moment = now()
    if steered:
        return TimeHeard("ntp", moment.wall_ms, err_ms, moment.up_ms)
    rtc_ms = _rtc_ms(rtc)
    return None if rtc_ms is None else TimeHeard("rtc", rtc_ms, None, moment.up_ms)


def _rtc_ms(rtc: Path) -> int | None:
    """What the battery's clock says: whole seconds, hence half a second is added."""
    try:
        return int((rtc / "since_epoch").read_text("ascii")) * 1000 + 500
    except (OSError, ValueError):
        return None


def _set_system_ms(utc_ms: int) -> None:
    time.clock_settime_ns(time.CLOCK_REALTIME, utc_ms * 1_000_000)


def raise_system_clock(floor_ms: int, put: Callable[[int], None] = _set_system_ms) -> str | None:
    """Sets a system time before `floor_ms` (UTC) to that; never sets it back, nor one that NTP steers.

    Returns a line for people: what was done, or why it could not be; None: nothing had to be.
    Needs CAP_SYS_TIME. `put` sets the clock.
    """
    wall_ms = now().wall_ms
    if wall_ms >= floor_ms or is_steered()[0]:
        return None
    behind = f"system time was {(floor_ms - wall_ms) / 1000:.0f} s before the newest time kept"
    try:
        put(floor_ms)
    except OSError as exc:
        return f"{behind} and could not be set: {exc}; give the service CAP_SYS_TIME"
    return f"{behind}, and was set to that"
