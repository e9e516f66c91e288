"""The desk of the buttons: what a hand did, and whom it concerns."""

from collections.abc import Callable, Mapping

from device.core.buttons import Buttons
from device.core.desk import Desk, Handler
from device.core.effects import Effect
from device.core.events import ButtonMoved
from device.core.moment import Now

Deed = Callable[[Now], list[Effect]]


class Hands(Desk):
    """`pressed`: what a press of a button leads to; `held`: what it does to hold one for so many ms."""

    def __init__(
        self, pressed: Mapping[str, list[Deed]], held: Mapping[tuple[str, int], Deed]
    ) -> None:
        self._pressed, self._held = pressed, held
        self._buttons = Buttons()

    def handlers(self) -> Mapping[type, Handler]:
        return {ButtonMoved: self._moved}

    def due(self, now: Now) -> list[Effect]:
        return [
            effect
            for (name, for_ms), deed in self._held.items()
            if self._buttons.held(name, for_ms, now.up_ms)
            for effect in deed(now)
        ]

    def _moved(self, moved: ButtonMoved, now: Now) -> list[Effect]:
        if not self._buttons.moved(moved.name, moved.pressed, moved.up_ms):
            return []
        return [effect for deed in self._pressed.get(moved.name, ()) for effect in deed(now)]
