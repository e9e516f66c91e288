"""A simulated chip on a pseudo-terminal, cards for it, a poller on it, and the frames of real chips."""

import os
import queue
import re
import shutil
import threading

import pytest

from hardware.pn532 import driver, poller
from hardware.pn532.field import Card
from hardware.pn532.poller import NfcReader, NfcStatus
from hardware.pn532.twin import Pn532Twin

WAIT_S = 20

ACK_S, PROBE_S = 0.3, 0.45
"""Three times the driver's own: a chip answers on its own time, the simulated one waits for a processor."""


@pytest.fixture
def logged(shared_data):
    """The frames that users of real chips logged: (direction, bytes), the wake-up zeros left in."""
    text = (shared_data / "nfc" / "pn532_hsu_trace_dev.txt").read_text("utf-8")
    lines = re.findall(r"^\S+ ([<>]) (.*)$", text, re.MULTILINE)
    return [(way, bytes.fromhex(rest.replace("(ack)", "").strip())) for way, rest in lines]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """What is lost is still lost, and what comes late on a busy machine is not."""
    monkeypatch.setattr(driver, "ACK_S", ACK_S)
    monkeypatch.setattr(driver, "PROBE_S", PROBE_S)


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


class Type4:
    """Contents that answer by a function, and remember what they were asked."""

    def __init__(self, answer):
        self.answer, self.heard, self.activations = answer, [], threading.Semaphore(0)

    def activated(self):
        self.activations.release()

    def exchange(self, data):
        self.heard.append(data)
        return self.answer(data)


@pytest.fixture
def type4():
    """Makes a card that speaks ISO/IEC 14443-4: `answer` gives the answer to each command."""

    def make(answer=lambda data: data + b"\x90\0", uid="04010203040506"):
        ats = bytes.fromhex("067577810280")
        return Card(bytes.fromhex(uid), 0x0344, 0x20, ats, Type4(answer))

    return make


class Heard(queue.Queue):
    """What a poller says."""

    def next(self):
        return self.get(timeout=WAIT_S)

    def what(self):
        """Kind and UID, or status, of the next."""
        event = self.next()
        return type(event), getattr(event, "uid", None) or event.status


@pytest.fixture
def said():
    """For a poller that a test starts itself."""
    return Heard()


@pytest.fixture
def polling(twin, monkeypatch):
    """Starts a poller on the twin; gives what it says after its first `ok`."""
    monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
    readers = []

    def begin(examine=None):
        said = Heard()
        readers.append(NfcReader(twin.port, said.put, examine=examine))
        readers[-1].start()
        assert said.next() == NfcStatus("ok", "PN532 1.6")
        return said

    yield begin
    for reader in readers:
        assert reader._thread.is_alive()
        reader.stop()
        assert not reader._thread.is_alive()


@pytest.fixture
def heard(polling):
    """Everything that a poller on the twin says."""
    return polling()
