"""Buttons, lights and buzzer over gpiozero, with a pin factory passed in. Nothing here waits.

Wiring (BCM numbers): a button closes its pin to ground (internal pull-up), and so does the ignition
through an optocoupler; lights and buzzer are driven high, the buzzer being an active one. What gpiozero
cannot do: debounce on its mock pins, so that contacts are reported as they are and judged above. Do not
fork after pins exist.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import gpiozero
import msgspec

from hardware.panel.patterns import PATTERNS, PAUSE_S, Step, Steps

BUTTON_PINS = {"sos": 17, "ack": 27}
IGNITION_PIN = 22
GAP_S = 2.5 * PAUSE_S
"""The silence between two signals: two that were a pause apart would sound like a third."""

BUZZER_PIN, GREEN_PIN, RED_PIN = 18, 23, 24


class ButtonChanged(msgspec.Struct, frozen=True):
    """A button's contact closed or opened, undebounced; CLOCK_BOOTTIME ms."""

    name: str
    pressed: bool
    up_ms: int


def _up_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Panel:
    """The panel's pins. `put` gets button events from gpiozero's threads.

    `signal` switches the first step's pins before it returns; a thread of the panel plays the rest. A
    signal that is still sounding gives way to the next after a silence (`GAP_S`). With `ignition` its
    contact is a button too. At the start it is told of, as nobody may touch it for hours, and so is each
    button that is held: its contact has no edge left to give.
    """

    def __init__(
        self, factory: Any, put: Callable[[ButtonChanged], None], ignition: bool = False
    ) -> None:
        self._factory = factory
        self._buzzer = gpiozero.DigitalOutputDevice(BUZZER_PIN, pin_factory=factory)
        self._green = gpiozero.DigitalOutputDevice(GREEN_PIN, pin_factory=factory)
        self._red = gpiozero.DigitalOutputDevice(RED_PIN, pin_factory=factory)
        inputs = BUTTON_PINS | ({"ignition": IGNITION_PIN} if ignition else {})
        self._telling = threading.Lock()
        self._buttons = [self._button(name, pin, factory, put) for name, pin in inputs.items()]
        self._trouble = False
        self._lock = threading.Condition()
        self._rest: Steps = ()
        self._until_s, self._silent_s = 0.0, -GAP_S
        self._stopped = False
        self._thread = threading.Thread(target=self._play, name="panel", daemon=True)
        self._thread.start()
        with self._telling:  # an edge between the look and the word would be overruled by it
            for name, button in zip(inputs, self._buttons, strict=True):
                if (pressed := bool(button.value)) or name == "ignition":
                    put(ButtonChanged(name, pressed, _up_ms()))

    def _button(
        self, name: str, pin: int, factory: Any, put: Callable[[ButtonChanged], None]
    ) -> gpiozero.DigitalInputDevice:
        button = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=factory)

        def told(pressed: bool) -> None:
            with self._telling:
                put(ButtonChanged(name, pressed, _up_ms()))

        button.when_activated = lambda: told(True)
        button.when_deactivated = lambda: told(False)
        return button

    def signal(self, pattern: str) -> None:
        """Begins a pattern; one that is under way gives way to it. Raises KeyError for no such pattern."""
        with self._lock:
            first, *rest = self._parted(PATTERNS[pattern])
            self._set(first.sound, first.green, first.red)
            self._rest = tuple(rest)
            self._until_s = time.monotonic() + first.for_s
            self._lock.notify()

    def _parted(self, steps: Steps) -> Steps:
        """A signal that comes upon another is parted from its last beep, so that each is heard."""
        since_s = 0.0 if self._buzzer.value else time.monotonic() - self._silent_s
        return (Step(GAP_S - since_s), *steps) if since_s < GAP_S else steps

    def trouble(self, on: bool) -> None:
        """Lights the lasting red light, or puts it out."""
        with self._lock:
            self._trouble = on
            if not self._until_s:
                self._red.value = on

    def close(self) -> None:
        """Ends the thread, and lets go of the pins with everything off, and of the factory."""
        with self._lock:
            self._stopped = True
            self._lock.notify()
        self._thread.join(timeout=2)
        for light in (self._buzzer, self._green, self._red):
            light.off()
        for device in (self._buzzer, self._green, self._red, *self._buttons):
            device.close()
        self._factory.close()

    def _set(self, sound: bool, green: bool, red: bool) -> None:
        if self._buzzer.value and not sound:
            self._silent_s = time.monotonic()
        self._buzzer.value = sound
        self._green.value = green
        self._red.value = red or self._trouble

    # The thread: it touches the output pins, under the lock

    def _play(self) -> None:
        with self._lock:
            while not self._stopped:
                left_s = self._until_s - time.monotonic() if self._until_s else None
                if left_s is None or left_s > 0:
                    self._lock.wait(left_s)
                else:
                    self._next()

    def _next(self) -> None:
        if not self._rest:
            self._until_s = 0.0
            self._set(False, False, False)
            return
        step, *rest = self._rest
        self._rest = tuple(rest)
        self._until_s += step.for_s
        self._set(step.sound, step.green, step.red)
