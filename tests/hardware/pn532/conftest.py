"""A simulated chip on a pseudo-terminal, and the frames of real ones."""

import os
import re
import shutil

import pytest
from hypothesis import settings

from hardware.pn532.twin import Pn532Twin

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def logged(shared_data):
    """The frames that users of real chips logged: (direction, bytes), the wake-up zeros left in."""
    text = (shared_data / "nfc" / "pn532_hsu_trace_dev.txt").read_text("utf-8")
    lines = re.findall(r"^\S+ ([<>]) (.*)$", text, re.MULTILINE)
    return [(way, bytes.fromhex(rest.replace("(ack)", "").strip())) for way, rest in lines]


@pytest.fixture
def twin(tmp_path):
    twin = Pn532Twin(tmp_path / "pn532")
    yield twin
    twin.stop()


@pytest.fixture
def bare_twin():
    """One without a link: its port is the pseudo-terminal itself."""
    twin = Pn532Twin()
    yield twin
    twin.stop()


@pytest.fixture
def nfc_list():
    """The path of libnfc's own client."""
    path = shutil.which("nfc-list")
    if path is None:
        why = "nfc-list is missing; install libnfc-bin"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return path
