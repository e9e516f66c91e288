"""The simulated receiver: bursts, restamping, and its pseudo-terminal."""

import os
import re
import select
from pathlib import Path

import pytest

from hardware.errors import PortError
from hardware.gps.epoch import FLOOR_UTC_MS, EpochAssembler
from hardware.gps.nmea import Sentence, Splitter, frame
from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin, bursts, restamped

START_MS = 1_786_449_600_000
NOW_MS = 1_800_000_000_120
DRIVE = b"".join(drive(START_MS, 5, 1))
RATE = 200.0


def read(port: str, count: int) -> bytes:
    """`count` bytes from a port, which must come within five seconds each time."""
    fd = os.open(port, os.O_RDONLY | os.O_NOCTTY)
    try:
        return receive(fd, count)
    finally:
        os.close(fd)


def receive(fd: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        assert select.select([fd], [], [], 5)[0]
        data += os.read(fd, count - len(data))
    return data


def test_bursts_are_the_epochs_and_no_byte_is_lost() -> None:
    found = bursts(b"# Name: a module\r\n#\r\n" + DRIVE)
    assert [burst.data for burst in found] == list(drive(START_MS, 5, 1))
    assert {burst.pause_s for burst in found} == {1.0}


def test_a_recording_at_five_hertz_goes_by_its_own_times_also_over_midnight() -> None:
    times = ("235959.600", "235959.800", "000000.000", "000003.000")
    found = bursts(b"".join(frame(f"GPGGA,{tod},,,,,0,,,,,,,,") for tod in times))
    assert [burst.pause_s for burst in found] == pytest.approx([0.2, 0.2, 1.0, 1.0])


def test_what_comes_before_the_first_time_goes_with_the_first_burst() -> None:
    found = bursts(frame("GPTXT,1") + DRIVE)
    assert [burst.data.count(b"\n") for burst in found] == [6, 5, 5, 5, 5]


def test_restamped_sentences_are_sound_and_of_now() -> None:
    data = DRIVE + frame("GNZDA,120004.00,11,08,2026,00,00") + frame("GNGST,120004,,,,,1.0,1.0,1.0")
    found = [
        thing for thing in Splitter().feed(restamped(data, NOW_MS)) if isinstance(thing, Sentence)
    ]
    assert len(found) == 27
    assert found[0].fields[0] == "080000.12"
    assert found[0].fields[8] == "150127"
    assert found[4].fields[4] == "080000.12"
    assert found[-2].fields == ("080000.12", "15", "01", "2027", "00", "00")
    assert found[-1].fields[0] == "080000"


def test_restamping_fills_nothing_in_and_repairs_nothing() -> None:
    bad = b"$GNRMC,120000.00,A*00\r\n"
    for data in (frame("GPRMC,,V,,,,,,,,,,N"), frame("GNZDA,,,,,,"), bad, b"\xb5\x62\x00$\r\n"):
        assert restamped(data, NOW_MS) == data


def test_it_plays_the_recording_byte_by_byte_and_ends() -> None:
    twin = GpsTwin(b"\x00\x03\x04\x11\x13\x7f\r\n" + DRIVE, rate=RATE)
    twin.plug()
    fd = os.open(twin.port, os.O_RDONLY | os.O_NOCTTY)
    twin.start()
    assert receive(fd, len(DRIVE) + 8) == b"\x00\x03\x04\x11\x13\x7f\r\n" + DRIVE
    assert twin.ended.wait(5)
    os.close(fd)
    twin.stop()


def test_it_plays_a_file_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_bytes(DRIVE)
    twin = GpsTwin(path, loop=True, rate=RATE)
    twin.start()
    assert read(twin.port, 3 * len(DRIVE)).count(b"GNRMC,120000.00") >= 2
    assert not twin.ended.is_set()
    twin.stop()


def test_a_restamped_loop_is_a_live_receiver() -> None:
    twin = GpsTwin(DRIVE, loop=True, rate=RATE, restamp=True, now_utc_ms=lambda: NOW_MS)
    twin.start()
    data = read(twin.port, 3 * len(DRIVE))
    twin.stop()
    times = re.findall(rb"RMC,([0-9.]+)", data)
    assert times == sorted(set(times))
    assembler = EpochAssembler(FLOOR_UTC_MS)
    sentences = [found for found in Splitter().feed(data) if isinstance(found, Sentence)]
    epochs = [assembler.take(sentence, at) for at, sentence in enumerate(sentences)]
    assert sum(epoch is not None and epoch.fix is not None for epoch in epochs) >= 10


def test_bytes_that_nobody_reads_are_dropped_and_do_not_block() -> None:
    twin = GpsTwin(b"".join(drive(START_MS, 200, 1)), rate=5000)
    twin.start()
    assert twin.ended.wait(10)
    twin.stop()


def test_unplugged_it_is_gone_and_plugged_in_it_is_back_at_its_link(tmp_path: Path) -> None:
    link = tmp_path / "gps"
    twin = GpsTwin(DRIVE, loop=True, rate=RATE)
    twin.plug(link)
    twin.start()
    assert twin.port == str(link)
    fd = os.open(link, os.O_RDONLY | os.O_NOCTTY)
    twin.unplug()
    assert not link.is_symlink()
    assert twin.port == str(link)
    while os.read(fd, 4096):
        continue
    os.close(fd)
    twin.plug()
    assert b"GNRMC" in read(str(link), len(DRIVE))
    twin.stop()


def test_without_a_link_an_unplugged_one_has_no_port() -> None:
    twin = GpsTwin(DRIVE)
    with pytest.raises(PortError, match="unplugged"):
        _ = twin.port


def test_a_file_in_the_place_of_the_link_is_not_taken_away(tmp_path: Path) -> None:
    link = tmp_path / "gps"
    link.write_text("mine")
    twin = GpsTwin(DRIVE)
    with pytest.raises(FileExistsError):
        twin.plug(link)
    assert link.read_text() == "mine"
    twin.unplug()
