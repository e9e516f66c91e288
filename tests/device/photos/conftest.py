"""What the tests of photos share: a JPEG, and a record that it was taken for."""

from functools import cache
from io import BytesIO

import pytest
from PIL import Image

from wire.records import Checkin, Position

HERE = Position(27.2418, 111.4725, 2.5, 3_456)
AT_MS = 1_763_890_123_456


@pytest.fixture(scope="session")
def jpeg():
    """Makes a JPEG; another number, another picture."""

    @cache
    def make(number=1):
        into = BytesIO()
        Image.effect_noise((64, 48), 50 + number).save(into, "JPEG")
        return into.getvalue()

    return make


@pytest.fixture(scope="session")
def checkin():
    """Makes a check-in's record."""

    def make(at_ms=AT_MS, pos=HERE, **fields):
        head = {"boot": "9c1b22f0", "up_ms": 61_000, "at_ms": at_ms, "clock": "gnss"}
        return Checkin(
            **head,
            clock_err_ms=30,
            pos=pos,
            badge="04a1b2c3",
            person=None,
            place="east-gate",
            method="nfc",
            proof="uid",
            result="accepted",
            **fields,
        )

    return make
