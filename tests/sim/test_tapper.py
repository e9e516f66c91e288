"""The officers: which beep is whose, told from a trace that grows while it is read."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardware.panel.patterns import LONG_S
from hardware.pn532.twin import card
from sim.tapper import BUZZER, SILENCE_S, Tapper, Trace, badge


def edge(value: int, mono_ns: int | None = None, pin: str = BUZZER) -> str:
    at_ns = time.monotonic_ns() if mono_ns is None else mono_ns
    return json.dumps({"mono_ns": at_ns, "pin": pin, "value": value}) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "trace.jsonl"
    made.touch()
    return made


@pytest.fixture
def trace(path: Path) -> Iterator[Trace]:
    one = Trace(path)
    yield one
    one.close()


def test_badges_differ_and_are_cards() -> None:
    numbers = [badge(number) for number in (0, 1, 255, 256, 100_000)]
    assert len(set(numbers)) == 5
    assert {len(card(number).uid) for number in numbers} == {7}


@pytest.mark.parametrize(
    "line",
    [edge(0, 2_000), edge(1, 999), edge(1, 2_000, pin="GPIO5")],
    ids=["falling", "before the tap", "another pin"],
)
def test_what_is_no_beep(path: Path, trace: Trace, line: str) -> None:
    path.write_text(line)
    assert trace.beep_after(1_000, wait_s=0.05) is None


def test_the_first_rising_edge_is_the_beep(path: Path, trace: Trace) -> None:
    path.write_text(edge(1, 500) + edge(0, 900) + edge(1, 1_000) + edge(1, 3_000))
    assert trace.beep_after(1_000, wait_s=5) == 1_000


def test_a_line_may_come_in_pieces(path: Path, trace: Trace) -> None:
    line = edge(1, 2_000)
    path.write_text(line[:10])
    assert trace.beep_after(1_000, wait_s=0.05) is None
    with path.open("a") as file:
        file.write(line[10:])
    assert trace.beep_after(1_000, wait_s=5) == 2_000


def test_silence_is_waited_for(path: Path, trace: Trace) -> None:
    last: list[float] = []

    def sound() -> None:
        with path.open("a", buffering=1) as file:
            for value in (1, 0) * 4:
                file.write(edge(value))
                time.sleep(SILENCE_S / 4)
            last.append(time.monotonic())
            file.write(edge(0))

    sounding = threading.Thread(target=sound)
    path.write_text(edge(1))
    sounding.start()
    trace.until_silent()
    ended_s = time.monotonic()
    sounding.join()
    assert ended_s - last[0] >= SILENCE_S


def test_a_long_beep_is_no_silence(path: Path, trace: Trace) -> None:
    path.write_text(edge(1))
    begun_s = time.monotonic()
    ending = threading.Timer(LONG_S, lambda: path.write_text(edge(1) + edge(0)))
    ending.start()
    trace.until_silent()
    ending.join()
    assert time.monotonic() - begun_s >= LONG_S + SILENCE_S


def test_a_killed_box_whose_buzzer_was_on_is_not_waited_for(path: Path, trace: Trace) -> None:
    path.write_text(edge(1))
    trace.until_silent()
    assert trace.beep_after(0, wait_s=0.05) is None


class Reader:
    """A reader that a box hears: it calls `heard` when a card is held to it."""

    def __init__(self, heard: Callable[[], None], told_ns: int | None = 42) -> None:
        self.log: list[tuple[str, str]] = []
        self._heard, self._told_ns = heard, told_ns

    def present(self, uid: str) -> int:
        self.log.append(("present", uid))
        at_ns = time.monotonic_ns()
        self._heard()
        return at_ns

    def told_ns(self, uid: str) -> int | None:
        return self._told_ns

    def remove(self, uid: str) -> None:
        self.log.append(("remove", uid))


def test_a_tap_is_held_until_the_beep_and_taken_away(path: Path) -> None:
    def beep() -> None:
        with path.open("a") as file:
            file.write(edge(1) + edge(0))

    reader = Reader(beep)
    tapper = Tapper("cp-1", reader, path, seed=1)
    tap = tapper.tap("04a1b2c3")
    tapper.close()
    assert tapper.taps == [tap]
    assert tap.beep_ns is not None
    assert tap.beep_ns >= tap.presented_ns
    assert tap.told_ns == 42
    assert reader.log == [(did, "04a1b2c3") for did in ("present", "remove")]


def test_a_tap_without_a_beep_is_given_up(path: Path) -> None:
    reader = Reader(lambda: None)
    tapper = Tapper("cp-1", reader, path, seed=1)
    tap = tapper.tap("04a1b2c3", wait_s=0.05)
    tapper.close()
    assert tap.beep_ns is None
    assert reader.log[-1] == ("remove", "04a1b2c3")


@pytest.mark.parametrize("told_ns", [None, 2**62], ids=["never told", "told after it"])
def test_a_beep_from_before_the_badge_was_told_is_another_one_s(
    path: Path, told_ns: int | None
) -> None:
    def beep() -> None:
        with path.open("a") as file:
            file.write(edge(1) + edge(0))

    tapper = Tapper("cp-1", Reader(beep, told_ns), path, seed=1)
    assert tapper.tap("04a1b2c3", wait_s=0.05).beep_ns is None
    tapper.close()


def test_tapping_goes_on_with_new_badges_until_it_is_stopped(path: Path) -> None:
    stop = threading.Event()

    def beep() -> None:
        with path.open("a") as file:
            file.write(edge(1))
        if len(tapper.taps) == 2:
            stop.set()

    reader = Reader(beep)
    tapper = Tapper("cp-1", reader, path, seed=1)
    tapper.keep_tapping(stop, (0.0, 0.01))
    tapper.close()
    assert len(tapper.taps) == len({tap.uid for tap in tapper.taps}) == 3
