"""The simulated serial line: what goes in at one end comes out at the other, and a plug can be pulled."""

import os
import select

import pytest
import serial

from hardware.errors import PortError
from hardware.pty import SPEEDS, SerialLine


@pytest.fixture
def line(tmp_path):
    line = SerialLine(tmp_path / "line")
    yield line
    line.unplug()


def heard(line, count):
    data = b""
    while len(data) < count:
        ready, _, _ = select.select([line.fileno()], [], [], 10)
        assert ready, f"only {data!r} came"
        data += line.read()
    return data


ANY = bytes(range(256))


def test_every_byte_passes_both_ways_unchanged(line):
    with serial.Serial(line.port, 115200, timeout=10) as driver:
        driver.write(ANY)
        assert heard(line, 256) == ANY
        line.write(ANY)
        assert driver.read(256) == ANY


def test_nothing_sent_is_nothing_read(line):
    assert line.read() == b""


@pytest.mark.parametrize("rate", SPEEDS.values())
def test_the_drivers_rate_is_seen(line, rate):
    with serial.Serial(line.port, rate):
        assert line.baud() == rate


def test_an_unusual_rate_is_zero(line):
    with serial.Serial(line.port, 1200):
        assert line.baud() == 0


def test_what_nobody_reads_is_lost_and_nothing_blocks(line):
    line.write(bytes(1_000_000))
    with serial.Serial(line.port, 115200, timeout=0) as driver:
        driver.reset_input_buffer()
        line.write(b"fresh")
        ready, _, _ = select.select([driver.fileno()], [], [], 10)
        assert ready
        assert driver.read(100) == b"fresh"


class TestPlug:
    def test_pulled_the_driver_fails_and_the_line_does_not(self, line):
        driver = serial.Serial(line.port, 115200, timeout=10)
        line.unplug()
        assert (line.plugged, line.fileno(), line.read(), line.baud()) == (False, None, b"", 0)
        line.write(b"nobody")
        with pytest.raises((OSError, TypeError)):
            driver.read(1)
        driver.close()

    def test_plugged_again_it_is_at_the_same_path(self, line):
        path = line.port
        line.unplug()
        assert not os.path.lexists(path)
        line.plug()
        assert line.port == path
        with serial.Serial(path, 9600, timeout=10) as driver:
            line.write(b"again")
            assert driver.read(5) == b"again"

    def test_without_a_link_the_path_is_the_terminals_own(self):
        line = SerialLine()
        assert line.port.startswith("/dev/pts/")
        line.unplug()
        with pytest.raises(PortError, match="plug it in first"):
            line.port.strip()

    def test_not_plugged_from_the_start(self, tmp_path):
        line = SerialLine(tmp_path / "line", plugged=False)
        assert not line.plugged
        assert not os.path.lexists(tmp_path / "line")
        line.plug()
        assert line.plugged
        line.unplug()

    def test_a_stale_link_is_replaced_and_a_file_never(self, tmp_path):
        stale, file = tmp_path / "stale", tmp_path / "file"
        stale.symlink_to("/nowhere")
        line = SerialLine(stale)
        assert os.path.realpath(stale).startswith("/dev/pts/")
        line.unplug()
        file.write_text("precious", "ascii")
        with pytest.raises(FileExistsError):
            SerialLine(file)
        assert file.read_text("ascii") == "precious"
