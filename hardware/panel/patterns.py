"""What each signal sounds and looks like: different enough to be told apart in traffic, by ear alone."""

import msgspec


class Step(msgspec.Struct, frozen=True):
    """For `for_s` seconds: is the buzzer sounding, is the green light on, is the red one."""

    for_s: float
    sound: bool = False
    green: bool = False
    red: bool = False


Steps = tuple[Step, ...]


def _beeps(
    count: int, on_s: float, off_s: float, *, green: bool = False, red: bool = False
) -> Steps:
    on = Step(on_s, sound=True, green=green, red=red)
    return (on, Step(off_s, green=green, red=red)) * count


PATTERNS: dict[str, Steps] = {
    "accepted": (Step(0.12, sound=True, green=True), Step(0.6, green=True)),
    "duplicate": _beeps(2, 0.06, 0.08, green=True),
    "unknown": _beeps(3, 0.15, 0.12, green=True, red=True),
    "refused": (Step(0.9, sound=True, red=True), Step(0.4, red=True)),
    "order_received": _beeps(4, 0.08, 0.08, green=True),
    "sos_sent": _beeps(3, 0.3, 0.15, red=True),
    "storage_failing": _beeps(6, 0.08, 0.05, red=True),
}
"""Accepted: one short beep. Duplicate: two quick ones. Unknown: three, both lights. Refused: one long."""
