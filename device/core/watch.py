"""The table of what raises an alarm about the machine, and a watch over it that does not flap. Pure."""

from msgspec import Struct

from device.core.vitals import Vitals

HOLD_MS = 600_000
"""An alarm stands at least this long: flapping makes six pairs of records an hour at the most."""


class Rule(Struct, frozen=True):
    """Raises at `at` or beyond for `sustain_ms`; ends at `over` or better, `HOLD_MS` later. `line`: for people.

    `rising`: more is worse. `gauge`: the field of `Vitals`.
    """

    part: str
    gauge: str
    at: float
    over: float
    sustain_ms: int
    line: str

    @property
    def rising(self) -> bool:
        return self.at > self.over

    def bad(self, value: float) -> bool:
        return value >= self.at if self.rising else value <= self.at

    def well(self, value: float) -> bool:
        return value <= self.over if self.rising else value >= self.over


RULES = (
    Rule("supply", "under_voltage", 1, 0, 0, "under-voltage: check the supply's wires and its 5 V"),
    Rule("cpu speed", "throttled", 1, 0, 30_000, "slowed by heat or supply: check both"),
    Rule("heat", "cpu_c", 80, 72, 30_000, "{value:.0f} °C: give the box shade and air"),
    Rule("disk", "disk_free_mb", 500, 800, 30_000, "{value:.0f} MiB left: make room on the card"),
    Rule("memory", "mem_free_mb", 60, 100, 30_000, "{value:.0f} MiB left: look what runs beside"),
    Rule(
        "card", "sd_pct", 100, 99, 0, "{value:.0f} % of the day's writes: look what writes so much"
    ),
    Rule("modem", "modem_down", 1, 0, 300_000, "no mobile network: check SIM, antenna and cover"),
    Rule("data plan", "data_pct", 80, 79, 0, "{value:.0f} % of the SIM's cap: less is sent"),
)


class _Standing(Struct):
    bad_since_ms: int | None = None
    raised_ms: int | None = None


class Watch:
    """Which rules are raised. `raised`: those that were when the unit stopped, told of already."""

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        self._standing = {rule.part: _Standing() for rule in rules}
        self._rules = rules

    def recall(self, raised: list[str], up_ms: int) -> None:
        """Those stood when the unit stopped: they are not told of again, and end as any."""
        for part in raised:
            if part in self._standing:
                self._standing[part].raised_ms = up_ms

    @property
    def raised(self) -> list[str]:
        """The parts whose alarm stands."""
        return [part for part, standing in self._standing.items() if standing.raised_ms is not None]

    def look(self, vitals: Vitals, up_ms: int) -> list[tuple[str, str, bool]]:
        """What changed: part, line, and whether it rose or ended. A gauge that is None changes nothing."""
        changes = []
        for rule in self._rules:
            value = getattr(vitals, rule.gauge)
            if value is not None and self._turned(rule, value, up_ms):
                risen = self._standing[rule.part].raised_ms is not None
                changes.append((rule.part, rule.line.format(value=value), risen))
        return changes

    def _turned(self, rule: Rule, value: float, up_ms: int) -> bool:
        standing = self._standing[rule.part]
        if standing.raised_ms is not None:
            if not rule.well(value) or up_ms - standing.raised_ms < HOLD_MS:
                return False
            standing.raised_ms = standing.bad_since_ms = None
            return True
        if not rule.bad(value):
            standing.bad_since_ms = None
            return False
        if standing.bad_since_ms is None:
            standing.bad_since_ms = up_ms
        if up_ms - standing.bad_since_ms < rule.sustain_ms:
            return False
        standing.raised_ms = up_ms
        return True
