"""The desk of the person at the box: SOS and acknowledge button."""

from collections.abc import Mapping

from device.core.buttons import Buttons
from device.core.desk import Desk, Handler
from device.core.downlink import Downlink
from device.core.effects import Effect, Keep, Signal
from device.core.events import ButtonMoved
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from wire.records import Alarm


class Emergency(Desk):
    """Hears the buttons. Nothing filters or delays an SOS."""

    def __init__(self, scribe: Scribe, picture: Picture, downlink: Downlink) -> None:
        self._scribe, self._picture, self._downlink = scribe, picture, downlink
        self._buttons = Buttons()

    def handlers(self) -> Mapping[type, Handler]:
        return {ButtonMoved: self._button}

    def due(self, now: Now) -> list[Effect]:
        return self._sos(now) if self._buttons.held("sos", now.up_ms) else []

    def _button(self, moved: ButtonMoved, now: Now) -> list[Effect]:
        del now
        pressed = self._buttons.moved(moved.name, moved.pressed, moved.up_ms)
        return self._downlink.acknowledge_order(moved.up_ms) if pressed == "ack" else []

    def _sos(self, now: Now) -> list[Effect]:
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="sos", what="SOS button", part=None)
        self._picture.urgent(alarm)
        self._picture.alarm("sos", "SOS")
        return [Keep(alarm), Signal("sos_sent")]
