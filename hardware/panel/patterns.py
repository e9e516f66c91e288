"""What each signal sounds and looks like: told apart by ear alone, and by eye alone.

The buzzer's rhythm names the signal, and so does the lights' rhythm by itself. Good news is green and
short, bad news red and long, and what wants a hand at the box alternates between the two.
"""

import msgspec

SHORT_S, LONG_S, PAUSE_S = 0.09, 0.4, 0.1
"""A long beep is four short ones; no pause within a signal is longer than its own short beep's worth."""


class Step(msgspec.Struct, frozen=True):
    """For `for_s` seconds: is the buzzer sounding, is the green light on, is the red one."""

    for_s: float
    sound: bool = False
    green: bool = False
    red: bool = False


Steps = tuple[Step, ...]


class Rhythm(msgspec.Struct, frozen=True):
    """A signal in Morse's manner: `beeps` of `.` and `-`, each with its light in `lights` (`g`, `r`, `b`oth).

    `glow`: the light that stays for a while after the last beep.
    """

    beeps: str
    lights: str
    glow: str = ""


RHYTHMS = {
    "accepted": Rhythm(".", "g", glow="g"),
    "stored_offline": Rhythm(".-", "gg", glow="g"),
    "duplicate": Rhythm("..", "gg"),
    "duty_accepted": Rhythm("...", "ggg", glow="g"),
    "duty_refused": Rhythm("..-", "ggr"),
    "unknown": Rhythm("--", "bb"),
    "refused": Rhythm("---", "rrr", glow="r"),
    "order_received": Rhythm("....", "grgr"),
    "sos_sent": Rhythm("...---...", "rrrrrrrrr"),
    "sos_heard": Rhythm("-.-", "grg", glow="g"),
    "welfare_warning": Rhythm(".-.-.-", "brbrbr"),
    "signed_off": Rhythm("-.", "gg"),
    "powering_off": Rhythm("-..", "ggr"),
    "part_broken": Rhythm("-...", "rggg"),
    "storage_failing": Rhythm("......", "rrrrrr", glow="r"),
}
"""Every signal of the box. The first light comes with the first beep, and the tap's beep is the first."""

GLOW_S = 0.6


def steps(rhythm: Rhythm) -> Steps:
    """What the pins do, one after another; the lights are dark in the pauses, so that they can be counted."""
    played: list[Step] = []
    for beep, light in zip(rhythm.beeps, rhythm.lights, strict=True):
        played.append(_lit(LONG_S if beep == "-" else SHORT_S, True, light))
        played.append(Step(PAUSE_S))
    return (*played, _lit(GLOW_S, False, rhythm.glow)) if rhythm.glow else tuple(played)


def _lit(for_s: float, sound: bool, light: str) -> Step:
    return Step(for_s, sound, green=light in ("g", "b"), red=light in ("r", "b"))


PATTERNS: dict[str, Steps] = {name: steps(rhythm) for name, rhythm in RHYTHMS.items()}
