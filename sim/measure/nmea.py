"""How many NMEA sentences a second become fixes: splitter, parser, assembler, as the reader uses them."""

import time
from collections.abc import Iterator
from pathlib import Path

from hardware.gps.epoch import FLOOR_UTC_MS, EpochAssembler
from hardware.gps.nmea import Sentence, Splitter
from hardware.gps.synthetic import drive
from sim.measure.row import Row

SECONDS = 3_000
READ_BYTES = 64
"""About what a read of a serial port brings."""


def measure(folder: Path) -> Iterator[Row]:
    """A synthetic drive, read in small pieces."""
    del folder
    stream = b"".join(drive(1_795_000_000_000, SECONDS, seed=1))
    splitter, assembler = Splitter(), EpochAssembler(FLOOR_UTC_MS)
    sentences = fixes = 0
    begun_s = time.perf_counter()
    for at in range(0, len(stream), READ_BYTES):
        for found in splitter.feed(stream[at : at + READ_BYTES]):
            if isinstance(found, Sentence):
                sentences += 1
                epoch = assembler.take(found, sentences * 200)
                fixes += bool(epoch and epoch.fix)
    took_s = time.perf_counter() - begun_s
    if fixes < SECONDS - 1:
        raise RuntimeError(f"only {fixes} fixes of {SECONDS} epochs")
    yield Row("NMEA sentences to fixes", sentences / took_s, "/s")
