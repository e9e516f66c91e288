"""One measured value beside its goal."""

from msgspec import Struct


class Row(Struct, frozen=True, omit_defaults=True):
    """`at_least` or `at_most` is the goal; neither: the value is only told."""

    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the goal was reached; None without one."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    def line(self) -> str:
        """For a terminal."""
        verdict = {None: "", True: "ok", False: "MISSED"}[self.ok]
        goal = ""
        if self.at_least is not None:
            goal = f"goal >= {self.at_least:g}"
        elif self.at_most is not None:
            goal = f"goal <= {self.at_most:g}"
        return f"  {self.what:<58} {self.value:>12,.2f} {self.unit:<10} {goal:<16} {verdict}"
