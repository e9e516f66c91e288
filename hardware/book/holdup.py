"""How long a vehicle's supply must hold after ignition off, and which supercapacitor bank does that."""

SHUTDOWN_S = 30.0
"""Time granted to `systemctl poweroff`; an allowance, not measured on a board."""
MARGIN = 1.2


def holdup_s(hold_s: float, farewell_s: float, shutdown_s: float = SHUTDOWN_S) -> float:
    """Seconds from ignition off until the supply may fall: `[power]` in full, and a fifth more."""
    return (hold_s + farewell_s + shutdown_s) * MARGIN


def bank_f(
    for_s: float,
    load_w: float,
    full_v: float = 5.4,
    empty_v: float = 3.0,
    efficiency: float = 0.85,
    worn: float = 0.8,
) -> float:
    """Farads of a bank that feeds `load_w` through a converter, with `worn` of its capacity left."""
    return 2 * for_s * load_w / (efficiency * worn * (full_v**2 - empty_v**2))
