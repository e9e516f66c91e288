"""The simulated chip at its port."""

import pytest
import serial

from hardware.errors import PortError
from hardware.pn532.driver import Pn532
from hardware.pn532.frame import HOST, WAKE, build
from hardware.pn532.twin import NoSuchCard

UID = "deadbeef"


class TestTwin:
    @pytest.mark.parametrize("uid", ["", "04", "04a1b2c3d4", "xyz", "04a1b2c3d4e5f6aa"])
    def test_no_such_card(self, twin, uid):
        with pytest.raises(NoSuchCard, match="hex digits"):
            twin.present(uid)

    def test_it_says_when_a_card_was_shown_and_taken(self, twin):
        assert 0 < twin.present(UID) <= twin.remove()

    def test_a_card_is_in_the_field_once(self, twin):
        twin.present(UID)
        twin.present(UID)
        assert len(twin._chip.cards) == 1

    def test_stop_is_the_end_and_may_be_said_twice(self, bare_twin):
        port = bare_twin.port
        bare_twin.stop()
        bare_twin.stop()
        with pytest.raises(PortError):
            Pn532(port)

    def test_raw_bytes_at_its_port(self, bare_twin):
        with serial.Serial(bare_twin.port, 115200, timeout=5) as port:
            port.write(WAKE + build(HOST, b"\x02"))
            assert port.read(6 + 13).hex() == "0000ff00ff000000ff06fad50332010607e800"
