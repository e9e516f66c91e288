"""`./run bench`: what is promised in numbers, measured on this machine; 1 when a goal was missed."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from sim.measure.row import Row
from wire.words import Fault

Measure = Callable[[Path], Iterator[Row]]


def _measures() -> dict[str, Measure]:
    from sim.measure import (
        card,
        evidence,
        geofence,
        heal,
        ingest,
        journal,
        nmea,
        outage,
        photos,
        sd,
        tap,
        unit,
        wire,
    )

    return {
        "journal": journal.measure,
        "nmea": nmea.measure,
        "card": card.measure,
        "geofence": geofence.measure,
        "wire": wire.measure,
        "heal": heal.measure,
        "ingest": ingest.measure,
        "evidence": evidence.measure,
        "outage": outage.measure,
        "photos": photos.measure,
        "sd": sd.measure,
        "tap": tap.measure,
        "unit": unit.measure,
    }


def run_bench(only: Sequence[str], as_json: bool) -> int:
    """Measures all, or `only` these, and prints a row each. Raises `Fault` for a name it does not know."""
    measures = _measures()
    unknown = [name for name in only if name not in measures]
    if unknown:
        raise Fault(
            f"没有 {unknown[0]!r} 这一项；可选 {'、'.join(measures)}",
            f"there is no {unknown[0]!r}; choose from {', '.join(measures)}",
        )
    chosen = list(only) or list(measures)
    missed = 0
    for number, name in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix=f"xunkong-bench-{name}-") as folder:
            for row in measures[name](Path(folder)):
                missed += row.ok is False
                print(msgspec.json.encode(row).decode() if as_json else row.line(), flush=True)
    return 1 if missed else 0
