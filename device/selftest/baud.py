"""Looks for the baud rate at which a receiver can be read, when the configured one is wrong."""

import termios
import time

import serial

from hardware.gps.nmea import Sentence, Splitter

RATES = (9600, 38400, 115200, 4800, 57600, 19200)
LISTEN_S = 1.3
"""A receiver sends at least once a second."""


def probe(port: str, but: int) -> int | None:
    """The first rate other than `but` at which sentences come; None where there is none."""
    return next((rate for rate in RATES if rate != but and _readable(port, rate)), None)


def _readable(port: str, baud: int) -> bool:
    splitter = Splitter()
    try:
        with serial.Serial(port, baud, timeout=0.1) as line:
            until_s = time.monotonic() + LISTEN_S
            while time.monotonic() < until_s:
                if any(isinstance(found, Sentence) for found in splitter.feed(line.read(512))):
                    return True
    except (OSError, termios.error):
        return False
    return False
