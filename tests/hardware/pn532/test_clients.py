"""Clients that are not ours read the simulated chip's cards, and our driver reads the same."""

import os
import re
import subprocess
from functools import partial

import pytest
from nfc.clf import ContactlessFrontend, RemoteTarget, pn532, transport
from nfc.tag import activate

from hardware.cards.ndef import url_of
from hardware.cards.ntag424 import sun_template, wanted_settings
from hardware.cards.twin.ntag424 import ATS, SAK, SENS_RES, Ntag424
from hardware.cards.type4 import read_message
from hardware.pn532.driver import Pn532
from hardware.pn532.field import Card
from hardware.pn532.poller import CardArrived
from wire.cards.sun import SunKeys, parse, verify

UIDS = ("deadbeef", "04a1b2c3d4e5f6", "00112233445566778899")
TYPE4 = "04010203040506"
KEYS = [bytes((n,)) * 16 for n in range(5)]
VERSION = bytes.fromhex("9060000000")


def ours(port):
    """What our driver reads at the port: UID, SENS_RES and SAK of the one card."""
    chip = Pn532(port)
    try:
        chip.start()
        (target,) = chip.targets()
        return target.uid, target.sens_res, target.sak
    finally:
        chip.close()


class Wire(transport.TTY):
    """nfcpy's own, which drops or re-times bytes that a UART would have sent by then.

    A pseudo-terminal's bytes wait to be read, so this waits for that where nfcpy counts on 115,200 baud.
    """

    def __init__(self, twin):
        self._twin = twin
        super().__init__(twin.port)

    def close(self):
        self._twin.wait_heard()
        super().close()

    @property
    def baudrate(self):
        return super().baudrate

    @baudrate.setter
    def baudrate(self, value):
        self._twin.wait_heard()
        self.tty.baudrate = value


@pytest.fixture
def nfcpy(twin):
    """A front end of nfcpy on the twin; it has raised the baud rate by then."""
    clf = ContactlessFrontend()
    clf.device = pn532.init(Wire(twin))
    yield clf
    if clf.device:
        clf.device.chipset.transport.tty.close()


class TestLibnfc:
    def read(self, twin, nfc_list):
        env = dict(os.environ, LIBNFC_DEFAULT_DEVICE=f"pn532_uart:{twin.port}")
        done = subprocess.run(
            [nfc_list, "-t", "1"], capture_output=True, text=True, env=env, check=True, timeout=60
        )
        return {
            name: value.replace(" ", "")
            for name, value in re.findall(r"(ATQA|UID|SAK|ATS).*?: ([0-9a-f ]+)", done.stdout)
        }

    @pytest.mark.parametrize("uid", UIDS)
    def test_nfc_list_reads_what_we_read(self, bare_twin, nfc_list, uid):
        bare_twin.present(uid)
        said = self.read(bare_twin, nfc_list)
        assert (said["UID"], int(said["ATQA"], 16), int(said["SAK"], 16)) == ours(bare_twin.port)
        assert said["UID"] == uid

    def test_nfc_list_reads_a_type_4_card(self, bare_twin, nfc_list, type4):
        bare_twin.present(type4())
        assert self.read(bare_twin, nfc_list)["UID"] == TYPE4
        assert ours(bare_twin.port)[0] == TYPE4


class TestNfcpy:
    @pytest.mark.parametrize("uid", UIDS)
    def test_it_reads_what_we_read(self, twin, nfcpy, uid):
        twin.present(uid)
        target = nfcpy.sense(RemoteTarget("106A"))
        said = target.sdd_res.hex(), int.from_bytes(target.sens_res, "little"), target.sel_res[0]
        nfcpy.close()
        assert said == ours(twin.port)
        assert said[0] == uid

    def test_it_exchanges_what_we_exchange(self, twin, nfcpy, type4):
        card = type4(lambda data: data[:1] * 300 + b"\x91\0")
        twin.present(card)
        target = nfcpy.sense(RemoteTarget("106A"))
        tag = activate(nfcpy, target)
        theirs = tag.transceive(VERSION)
        nfcpy.close()
        chip = Pn532(twin.port)
        chip.start()
        assert chip.exchange(chip.targets()[0].number, VERSION) == theirs
        chip.close()
        assert card.contents.heard == [VERSION] * 2

    def test_nfcpy_45_63_188_230_a_raised_baud_rate_is_brought_back(self, twin, nfcpy):
        """It raises the rate, and its crash leaves the chip there."""
        twin.present(TYPE4)
        assert nfcpy.sense(RemoteTarget("106A")).sdd_res.hex() == TYPE4
        assert twin._chip.baud == 921600
        nfcpy.device.chipset.transport.tty.close()
        assert ours(twin.port)[0] == TYPE4
        assert twin._chip.baud == 115200

    def test_after_its_crash_the_poller_goes_on(self, twin, nfcpy, polling):
        assert twin._chip.baud == 921600
        nfcpy.device.chipset.transport.tty.close()
        heard = polling()
        twin.present(TYPE4)
        assert heard.what() == (CardArrived, TYPE4)


def test_nfcpy_reads_the_sun_url_and_its_counter_rises_as_for_us(twin, nfcpy):
    """A simulated NTAG 424 DNA, with the keys and the settings that `xunkong card` gives it."""
    contents = Ntag424(bytes.fromhex(TYPE4), KEYS)
    content, sdm = sun_template("https://x.example/t")
    contents.files[2][: len(content)] = content
    contents.settings[2] = wanted_settings(sdm)
    twin.present(Card(bytes.fromhex(TYPE4), SENS_RES, SAK, ATS, contents))
    tag = activate(nfcpy, nfcpy.sense(RemoteTarget("106A")))
    (record,) = tag.ndef.records
    nfcpy.close()
    chip = Pn532(twin.port)
    chip.start()
    number = chip.targets()[0].number
    ours = url_of(read_message(partial(chip.exchange, number)))
    chip.close()
    theirs, own = (verify(parse(url), SunKeys(KEYS[1], KEYS[2])) for url in (record.iri, ours))
    assert (theirs.uid, own.uid) == (TYPE4, TYPE4)
    assert 0 < theirs.counter < own.counter
