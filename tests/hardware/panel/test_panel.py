"""The panel on mock pins: what is switched when, and what the buttons say."""

import json
import queue
import threading
import tomllib
from pathlib import Path

import gpiozero
import pytest
from gpiozero.exc import PinInvalidPin
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.errors import HardwareError
from hardware.panel import panel as panel_module
from hardware.panel.panel import (
    BUTTON_PINS,
    BUZZER_PIN,
    GREEN_PIN,
    IGNITION_PIN,
    RED_PIN,
    ButtonChanged,
    Panel,
)
from hardware.panel.patterns import PATTERNS, Step
from hardware.panel.twin import SimFactory, Wires, fingers

NAMES = {f"GPIO{BUZZER_PIN}": "sound", f"GPIO{GREEN_PIN}": "green", f"GPIO{RED_PIN}": "red"}
WAIT_S = 20
LONG = 600.0


class Edges(MockFactory):
    """Mock pins that tell each edge to a queue; `grounded` are closed from outside, whatever their pull."""

    grounded = ()

    def __init__(self):
        self.queue = queue.Queue()
        super().__init__(pin_class=Told)

    def level(self, pin):
        return bool(self.pin(pin).state)


class Told(MockPWMPin):
    def _set_pull(self, value):
        super()._set_pull(value)
        if self.info.name in self.factory.grounded:
            self._state = False

    def _set_state(self, value):
        before = self._state
        super()._set_state(value)
        if self._state != before and self.info.name in NAMES:
            self.factory.queue.put((NAMES[self.info.name], bool(self._state)))


@pytest.fixture
def pins():
    return Edges()


@pytest.fixture
def heard():
    return queue.Queue()


@pytest.fixture
def panel(pins, heard):
    panel = Panel(pins, heard.put)
    while not pins.queue.empty():
        pins.queue.get()
    yield panel
    panel.close()


@pytest.fixture
def patterns(monkeypatch):
    """Patterns of the test's own."""

    def use(**own):
        monkeypatch.setattr(panel_module, "PATTERNS", own)

    return use


def edges(pins, count):
    return [pins.queue.get(timeout=WAIT_S) for _ in range(count)]


@pytest.mark.parametrize("name", PATTERNS)
def test_the_first_edge_is_there_when_signal_returns(panel, pins, name):
    panel.signal(name)
    first = PATTERNS[name][0]
    assert pins.level(BUZZER_PIN) == first.sound
    assert pins.level(GREEN_PIN) == first.green
    assert pins.level(RED_PIN) == first.red


def test_a_pattern_is_played_step_by_step_and_ends_dark(panel, pins, patterns):
    patterns(two=(Step(0.01, sound=True, red=True), Step(0.01, red=True), Step(0.01, green=True)))
    panel.signal("two")
    told = edges(pins, 6)
    assert told == [
        ("sound", True),
        ("red", True),
        ("sound", False),
        ("green", True),
        ("red", False),
        ("green", False),
    ]


def test_the_beeps_of_a_real_pattern_can_be_counted(panel, pins):
    panel.signal("order_received")
    told = edges(pins, 16)
    assert told.count(("sound", True)) == told.count(("sound", False)) == 4
    assert [edge for edge in told if edge[1] and edge[0] != "sound"] == [
        ("green", True),
        ("red", True),
    ] * 2


def test_a_new_pattern_takes_the_place_of_a_running_one(panel, pins, patterns):
    patterns(
        long=(Step(LONG, sound=True, red=True), Step(LONG, red=True)),
        short=(Step(0.01, green=True),),
    )
    panel.signal("long")
    panel.signal("short")
    assert edges(pins, 6) == [
        ("sound", True),
        ("red", True),
        ("sound", False),
        ("red", False),
        ("green", True),
        ("green", False),
    ]


def test_a_beep_right_after_a_beep_is_parted_from_it(panel, pins, patterns):
    patterns(one=(Step(LONG, sound=True),))
    panel.signal("one")
    panel.signal("one")
    assert edges(pins, 3) == [("sound", True), ("sound", False), ("sound", True)]


def test_a_signal_that_comes_in_a_pause_is_parted_too(panel, pins, patterns):
    patterns(one=(Step(0.01, sound=True), Step(LONG)), two=(Step(LONG, sound=True),))
    panel.signal("one")
    assert edges(pins, 2) == [("sound", True), ("sound", False)]
    panel.signal("two")
    assert not pins.level(BUZZER_PIN)
    assert edges(pins, 1) == [("sound", True)]


def test_after_silence_there_is_no_gap(panel, pins, patterns):
    patterns(silent=(Step(LONG, green=True),), beep=(Step(LONG, sound=True, green=True),))
    panel.signal("silent")
    panel.signal("beep")
    assert pins.level(BUZZER_PIN)
    assert pins.level(GREEN_PIN)


def test_no_such_pattern(panel):
    with pytest.raises(KeyError):
        panel.signal("fanfare")


class TestTrouble:
    def test_the_light_stays_on_and_goes_out_when_told(self, panel, pins):
        panel.trouble(True)
        assert pins.level(RED_PIN)
        panel.trouble(False)
        assert not pins.level(RED_PIN)

    def test_it_outlives_a_pattern_without_red(self, panel, pins, patterns):
        patterns(ok=(Step(0.01, sound=True, green=True), Step(0.01, green=True)))
        panel.trouble(True)
        panel.signal("ok")
        told = []
        while ("green", False) not in told:
            told.append(pins.queue.get(timeout=WAIT_S))
        assert pins.level(RED_PIN)
        assert [edge for edge in told if edge[0] == "red"] == [("red", True)]

    def test_told_during_a_pattern_it_shows_after_it(self, panel, pins, patterns):
        patterns(ok=(Step(0.05, green=True),))
        panel.signal("ok")
        panel.trouble(True)
        told = []
        while ("red", True) not in told:
            told.append(pins.queue.get(timeout=WAIT_S))
        assert told[0] == ("green", True)
        assert pins.level(RED_PIN)

    def test_put_out_during_a_pattern_it_is_dark_after_it(self, panel, pins, patterns):
        patterns(bad=(Step(0.01, red=True),))
        panel.trouble(True)
        panel.signal("bad")
        panel.trouble(False)
        assert edges(pins, 2) == [("red", True), ("red", False)]


class TestButtons:
    @pytest.mark.parametrize(("name", "pin"), BUTTON_PINS.items())
    def test_both_edges_are_reported_with_a_rising_time(self, panel, pins, heard, name, pin):
        del panel
        pins.pin(pin).drive_low()
        pins.pin(pin).drive_high()
        down, up = heard.get(timeout=WAIT_S), heard.get(timeout=WAIT_S)
        assert down == ButtonChanged(name, True, down.up_ms)
        assert up == ButtonChanged(name, False, up.up_ms)
        assert 0 < down.up_ms <= up.up_ms

    def test_bouncing_is_reported_as_it_is(self, panel, pins, heard):
        del panel
        for _ in range(5):
            pins.pin(BUTTON_PINS["sos"]).drive_low()
            pins.pin(BUTTON_PINS["sos"]).drive_high()
        pressed = [heard.get(timeout=WAIT_S).pressed for _ in range(10)]
        assert pressed == [True, False] * 5

    @pytest.mark.parametrize(("name", "pin"), BUTTON_PINS.items())
    def test_one_that_is_held_when_the_panel_opens_is_told_of(self, pins, heard, name, pin):
        """Somebody calls for help while the unit starts."""
        pins.grounded = (f"GPIO{pin}",)
        panel = Panel(pins, heard.put)
        pins.pin(pin).drive_high()
        panel.close()
        moves = [heard.get_nowait() for _ in range(heard.qsize())]
        assert [(moved.name, moved.pressed) for moved in moves] == [(name, True), (name, False)]

    def test_nothing_is_said_at_the_start(self, panel, heard):
        panel.signal("accepted")
        assert heard.empty()


class TestClose:
    def test_the_pins_are_dark_and_free_for_another(self, heard):
        pins = Edges()
        first = Panel(pins, heard.put)
        first.trouble(True)
        first.signal("sos_sent")
        first.close()
        told = []
        while not pins.queue.empty():
            told.append(pins.queue.get())
        last = dict(told)
        assert last["sound"] is last["red"] is False
        second = Panel(pins, heard.put)
        second.signal("accepted")
        assert pins.level(BUZZER_PIN)
        second.close()

    def test_pins_in_use_are_refused_to_another(self, panel, pins):
        with pytest.raises(Exception, match="in use"):
            Panel(pins, print)
        panel.signal("accepted")


class TestTrace:
    def test_each_edge_is_a_line_at_once(self, tmp_path):
        path = tmp_path / "trace.jsonl"
        panel = Panel(SimFactory(path), print)
        panel.signal("accepted")
        rows = [json.loads(line) for line in path.read_text("ascii").splitlines()]
        shown = [(row["pin"], row["value"]) for row in rows if row["pin"] in NAMES]
        assert shown == [("GPIO18", 1), ("GPIO23", 1)]
        times = [row["mono_ns"] for row in rows]
        assert times == sorted(times)
        panel.close()
        after = [json.loads(line) for line in path.read_text("ascii").splitlines()]
        assert {(row["pin"], row["value"]) for row in after} >= {("GPIO18", 0), ("GPIO23", 0)}

    def test_a_trace_is_added_to(self, tmp_path):
        path = tmp_path / "trace.jsonl"
        path.write_text("{}\n", "ascii")
        factory = SimFactory(path)
        factory.edge("GPIO18", 1)
        factory.close()
        assert len(path.read_text("ascii").splitlines()) == 2

    def test_without_a_path_nothing_is_written(self, tmp_path):
        factory = SimFactory()
        factory.edge("GPIO18", 1)
        with pytest.raises(PinInvalidPin):
            factory.pin(99)
        assert list(tmp_path.iterdir()) == []


class TestFingers:
    @pytest.fixture
    def pipe(self, tmp_path, heard):
        path = tmp_path / "fingers"
        panel = Panel(SimFactory(fingers=path), heard.put, ignition=True)
        assert heard.get(timeout=WAIT_S).name == "ignition"
        yield path
        panel.close()

    def test_whoever_writes_presses(self, pipe, heard):
        for contact, move in [("sos", "down"), ("sos", "up"), ("ignition", "down")]:
            fingers(pipe, contact, move)
        moves = [heard.get(timeout=WAIT_S) for _ in range(3)]
        assert [(m.name, m.pressed) for m in moves] == [
            ("sos", True),
            ("sos", False),
            ("ignition", True),
        ]

    def test_a_contact_that_was_closed_before_anybody_looked_is_closed(self, heard):
        factory = SimFactory()
        factory.press("ignition", True)
        panel = Panel(factory, heard.put, ignition=True)
        first = heard.get(timeout=WAIT_S)
        factory.press("ignition", False)
        then = heard.get(timeout=WAIT_S)
        panel.close()
        assert (first.pressed, then.pressed) == (True, False)

    def test_wires_are_there_before_the_unit(self, tmp_path, heard):
        wires = Wires(tmp_path / "fingers")
        wires.move("sos", True)
        wires.renew(["ignition"])
        panel = Panel(SimFactory(fingers=tmp_path / "fingers"), heard.put, ignition=True)
        first = heard.get(timeout=WAIT_S)
        wires.move("ack", True)
        then = heard.get(timeout=WAIT_S)
        panel.close()
        wires.close()
        assert [(m.name, m.pressed) for m in (first, then)] == [("ignition", True), ("ack", True)]

    @pytest.mark.parametrize(
        "line", [b"\n", b"sos\n", b"nose down\n", b"sos sideways\n", b"\xff\n"]
    )
    def test_nonsense_moves_nothing(self, pipe, heard, line):
        with pipe.open("wb", buffering=0) as written:
            written.write(line)
        fingers(pipe, "ack", "down")
        assert heard.get(timeout=WAIT_S).name == "ack"

    def test_a_file_in_its_place_is_left_alone(self, tmp_path):
        path = tmp_path / "fingers"
        path.write_text("mine")
        with pytest.raises(HardwareError, match="no pipe"):
            SimFactory(fingers=path)
        assert path.read_text() == "mine"

    def test_nobody_there(self, tmp_path):
        with pytest.raises(OSError, match="fingers"):
            fingers(tmp_path / "fingers", "sos", "down")


class TestIgnition:
    @pytest.mark.parametrize("on", [True, False])
    def test_it_is_told_of_at_the_start(self, pins, heard, on):
        pins.grounded = (f"GPIO{IGNITION_PIN}",) if on else ()
        panel = Panel(pins, heard.put, ignition=True)
        told = heard.get(timeout=WAIT_S)
        panel.close()
        assert (told.name, told.pressed) == ("ignition", on)

    def test_an_edge_in_the_midst_of_the_first_look_has_the_last_word(self, pins):
        """The key is turned just after the contact was looked at, on gpiozero's thread."""
        told, turned = [], threading.Event()

        def turn():
            pins.pin(IGNITION_PIN).drive_low()
            turned.set()

        def put(moved):
            if not told:
                turning.start()
                turned.wait(0.2)  # an edge that overtakes is there by then
            told.append(moved.pressed)

        turning = threading.Thread(target=turn)
        panel = Panel(pins, put, ignition=True)
        turning.join()
        panel.close()
        assert told == [False, True]

    def test_without_the_wire_it_is_not(self, panel, heard):
        assert heard.empty()


def test_gpiozero_1166_no_version_that_mistakes_the_pi_5s_chip_is_taken():
    """Older ones open chip 4 on a Pi 5 whether it is there or not."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["optional-dependencies"]["device"]
    assert "gpiozero>=2.0.1.post3" in wanted
    source = Path(gpiozero.__file__).with_name("pins") / "lgpio.py"
    assert "os.path.exists('/dev/gpiochip4')" in source.read_text("utf-8")
