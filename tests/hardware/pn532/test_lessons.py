"""What users of other PN532 drivers complain about, each by its number."""

import queue

import pytest

from hardware.errors import PartSilent
from hardware.pn532 import poller
from hardware.pn532.commands import GET_FIRMWARE
from hardware.pn532.driver import Pn532
from hardware.pn532.poller import CardArrived, NfcReader, NfcStatus
from hardware.pty import SerialLine

WAIT_S = 20
UID = "04a1b2c3d4e5f6"
TO_921600 = bytes.fromhex("1007")


@pytest.fixture
def heard(twin, monkeypatch):
    """What a poller on the twin says; it has said that all is well."""
    monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
    said = queue.Queue()
    reader = NfcReader(twin.port, said.put)
    reader.start()
    assert said.get(timeout=WAIT_S).status == "ok"
    yield said
    reader.stop()
    assert not reader._thread.is_alive()


def test_nfcpy_45_63_188_230_a_crash_at_a_raised_baud_rate_needs_no_power_cycle(twin):
    crashed = Pn532(twin.port)
    crashed.start()
    crashed.ask(TO_921600)
    crashed.abort()
    crashed._port.flush()
    crashed._port.close()
    chip = Pn532(twin.port)
    chip.start()
    assert (twin._chip.baud, chip._port.baudrate) == (115200, 115200)
    chip.close()


def test_nfcpy_45_63_188_230_the_rate_is_never_raised(twin):
    chip = Pn532(twin.port)
    chip.start()
    chip.targets()
    assert (twin._chip.baud, chip._port.baudrate) == (115200, 115200)
    chip.close()


def test_nfcpy_186_stop_does_not_hang_on_a_mute_chip(twin, heard):
    twin.mute()
    assert heard.get(timeout=WAIT_S).status == "silent"


def test_adafruit_circuitpython_pn532_58_half_an_answer_does_not_hang(tmp_path):
    line = SerialLine(tmp_path / "line")
    chip = Pn532(line.port)
    line.write(bytes.fromhex("0000ff00ff000000ff06"))
    with pytest.raises(PartSilent, match="GetFirmwareVersion"):
        chip.ask(GET_FIRMWARE)
    chip.close()
    line.unplug()


def test_node_pn532_9_polling_goes_on_after_lost_answers(twin, heard):
    for _ in range(3):
        twin.mute()
        assert heard.get(timeout=WAIT_S).status == "silent"
        twin.mute(False)
        assert isinstance(heard.get(timeout=WAIT_S), NfcStatus)
    twin.present(UID)
    assert isinstance(heard.get(timeout=WAIT_S), CardArrived)
