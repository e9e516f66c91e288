"""The reading thread over a real pseudo-terminal."""

import os
import pty
import queue
import threading
import tty
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest

from hardware.gps.epoch import GpsFix
from hardware.gps.nmea import frame
from hardware.gps.reader import GpsEvent, GpsReader, GpsStatus, boottime_ms
from hardware.gps.synthetic import Car, drive, epoch
from hardware.gps.twin import GpsTwin

START_MS = 1_786_449_600_000
VOID = frame("GPRMC,120000.00,V,,,,,,,110826,,,N")
Start = Callable[..., "queue.Queue[GpsEvent]"]


class Wire:
    """Both ends of a pseudo-terminal; the test is the module."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)

    def send(self, data: bytes) -> None:
        os.write(self._ours, data)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts readers, gives the queue of what each says, and stops them."""
    readers: list[GpsReader] = []

    def begin(port: str, up_ms: Callable[[], int] = boottime_ms) -> "queue.Queue[GpsEvent]":
        events: queue.Queue[GpsEvent] = queue.Queue()
        readers.append(GpsReader(port, 9600, events.put, up_ms))
        readers[-1].start()
        return events

    yield begin
    for reader in readers:
        reader.stop()
    assert not any(thread.name == "gps" for thread in threading.enumerate())


def fix(events: "queue.Queue[GpsEvent]") -> GpsFix:
    """The next fix."""
    while True:
        event = events.get(timeout=10)
        if isinstance(event, GpsFix):
            return event


def status(events: "queue.Queue[GpsEvent]") -> GpsStatus:
    """The next status."""
    while True:
        event = events.get(timeout=10)
        if isinstance(event, GpsStatus):
            return event


def opened(wire: Wire, events: "queue.Queue[GpsEvent]") -> None:
    """Void epochs until the reader tells of one: it has opened the port, and drops nothing any more."""
    while True:
        wire.send(VOID)
        try:
            assert events.get(timeout=0.2) == GpsStatus(
                "no fix", f"{wire.port} gives no fix (void); show its antenna the sky"
            )
        except queue.Empty:
            continue
        return


def test_a_fix_comes_when_the_line_is_quiet(wire: Wire, start: Start) -> None:
    events = start(wire.port)
    opened(wire, events)
    before_ms = boottime_ms()
    wire.send(epoch(START_MS + 1000, Car()))
    assert events.get(timeout=10) == GpsStatus("ok", f"{wire.port} has a fix")
    found = fix(events)
    assert (found.utc_ms, found.lat, found.clock_ok) == (START_MS + 1000, 27.24, True)
    assert before_ms <= found.up_ms <= boottime_ms()


def test_a_sentence_is_a_sign_of_life(wire: Wire) -> None:
    events: queue.Queue[GpsEvent] = queue.Queue()
    reader = GpsReader(wire.port, 9600, events.put)
    assert reader.heard_ms is None
    reader.start()
    opened(wire, events)
    assert reader.heard_ms is not None
    reader.stop()


def test_a_fix_that_is_no_change_comes_without_a_status(wire: Wire, start: Start) -> None:
    events = start(wire.port)
    opened(wire, events)
    for data in drive(START_MS + 1000, 3, 1):
        wire.send(data)
    assert status(events).status == "ok"
    found = [events.get(timeout=10) for _ in range(3)]
    assert [isinstance(event, GpsFix) for event in found] == [True] * 3


def test_nothing_for_three_seconds_is_silent_once(wire: Wire, start: Start) -> None:
    events = start(wire.port, count(0, 200).__next__)
    assert status(events) == GpsStatus(
        "silent",
        f"{wire.port} sends no sentences (0 bytes of noise); check its wires and the baud rate",
    )
    with pytest.raises(queue.Empty):
        events.get(timeout=0.3)


def test_noise_is_silence_too_and_a_sentence_ends_it(wire: Wire, start: Start) -> None:
    now = [0]
    events = start(wire.port, lambda: now[0])
    opened(wire, events)
    now[0] = 10_000
    assert status(events).status == "silent"
    wire.send(b"\x80\x81\x82" * 10 + VOID)
    assert status(events).status == "no fix"


def test_an_absent_port_is_unplugged_and_named(tmp_path: Path, start: Start) -> None:
    found = status(start(str(tmp_path / "gps")))
    assert found.status == "unplugged"
    assert str(tmp_path / "gps") in found.detail
    assert "check cable" in found.detail


def test_what_is_no_serial_port_is_unplugged(tmp_path: Path, start: Start) -> None:
    (tmp_path / "gps").write_bytes(VOID)
    assert status(start(str(tmp_path / "gps"))).status == "unplugged"


def test_an_unplugged_module_is_read_again_when_it_is_back(tmp_path: Path, start: Start) -> None:
    link = tmp_path / "gps"
    twin = GpsTwin(b"".join(drive(START_MS, 60, 1)), loop=True, rate=4, restamp=True)
    twin.plug(link)
    twin.start()
    events = start(str(link))
    assert status(events).status == "ok"
    for _ in range(2):
        fix(events)
        twin.unplug()
        assert status(events).status == "unplugged"
        twin.plug()
        assert status(events).status == "ok"
    twin.stop()


def test_every_epoch_of_a_recording_comes_once(start: Start) -> None:
    twin = GpsTwin(b"".join(drive(START_MS, 10, 1)), loop=True, rate=10)
    twin.start()
    events = start(twin.port)
    times = [fix(events).utc_ms or 0 for _ in range(25)]
    assert [(b - a) % 10_000 for a, b in pairwise(times)] == [1000] * 24
    twin.stop()


def test_what_is_refused_is_counted(wire: Wire) -> None:
    events: queue.Queue[GpsEvent] = queue.Queue()
    reader = GpsReader(wire.port, 9600, events.put)
    reader.start()
    opened(wire, events)
    wire.send(b"$GPRMC,,V*00\r\n" + epoch(START_MS + 1000, Car()))
    fix(events)
    reader.stop()
    counts = reader.refused()
    assert counts["checksum"] == 1
    assert counts["void"] >= 1
