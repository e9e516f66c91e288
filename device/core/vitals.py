"""What a unit knows of its machine and its link at a moment; None where it cannot tell."""

from msgspec import Struct


class Vitals(Struct, frozen=True):
    """`under_voltage`, `throttled`, `modem_down`: 1 if so now, else 0. Shares in percent: `sd_pct` of the
    day's budget of writes, `data_pct` of the SIM's cap."""

    under_voltage: int | None = None
    throttled: int | None = None
    cpu_c: float | None = None
    disk_free_mb: int | None = None
    mem_free_mb: int | None = None
    sd_pct: float | None = None
    modem_down: int | None = None
    data_pct: float | None = None
