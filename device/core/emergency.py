"""The desk of distress: the SOS button, the duress card. Nothing filters or delays either.

An SOS sounds again and again until the gateway has it, and stands until a commander's order ends it. A
duress card sounds like any other: the box shows nothing of its alarm.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save, Signal
from device.core.events import CardShown, Kept
from device.core.moment import Now
from device.core.picture import Picture
from device.core.roster import Roster
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.urgent import Urgent
from wire.orders import UnitConfig
from wire.records import Alarm, Order

SOS_HOLD_MS = 1_500
SOUND_AGAIN_MS = 10_000
SOUNDS_MS = 3_000
"""How long `sos_sent` takes: an answer within it would make another signal of the two."""


class _Note(Struct, omit_defaults=True):
    """What stands, as it is saved."""

    sos: Alarm | None = None
    duress: Alarm | None = None


class Emergency(Desk):
    """Raises distress, and hears from the gateway that it is known, or over."""

    def __init__(self, scribe: Scribe, picture: Picture, urgent: Urgent, roster: Roster) -> None:
        self._scribe, self._picture = scribe, picture
        self._urgent, self._roster = urgent, roster
        self._stands = _Note()
        self._heard = True
        self._sounded_ms = 0
        self._repeat_ms = 0.0
        self._tapped_ms: dict[str, int] = {}

    def handlers(self) -> Mapping[type, Handler]:
        return {CardShown: self._card, Kept: self._kept}

    def configure(self, config: UnitConfig) -> None:
        self._repeat_ms = config.repeat_s * 1000

    def recall(self, memory: Memory) -> None:
        self._stands = memory.notes.recall("distress", _Note) or _Note()
        self._heard = not self._waits()
        self._show()

    def due(self, now: Now) -> list[Effect]:
        if self._heard:
            return []
        if not self._waits() and now.up_ms - self._sounded_ms >= SOUNDS_MS:
            self._heard = True
            return [Signal("sos_heard")]
        if now.up_ms - self._sounded_ms < SOUND_AGAIN_MS:
            return []
        self._sounded_ms = now.up_ms
        return [Signal("sos_sent")]

    def sos(self, now: Now) -> list[Effect]:
        """The button was held. It sounds before the record is kept, and even when it cannot be."""
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="sos", what="SOS button")
        self._heard, self._sounded_ms = False, now.up_ms
        self._stands.sos = alarm
        return [Signal("sos_sent"), *self._raise(alarm)]

    def _card(self, card: CardShown, now: Now) -> list[Effect]:
        del now
        badge = self._roster.badge(card.uid)
        tapped_ms = self._tapped_ms.get(card.uid)
        if badge is None or not badge.duress:
            return []
        if tapped_ms is not None and card.up_ms - tapped_ms < self._repeat_ms:
            return []
        self._tapped_ms[card.uid] = card.up_ms
        alarm = self._scribe.write(
            Alarm, card.up_ms, alarm="duress", what="duress card", person=badge.person
        )
        self._stands.duress = alarm
        return self._raise(alarm)

    def _raise(self, alarm: Alarm) -> list[Effect]:
        self._urgent.add(alarm)
        self._show()
        return [Keep(alarm), self._note()]

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        order = kept.record
        if not isinstance(order, Order) or order.what != "sos-over" or order.outcome != "received":
            return []
        return self._over(order, now)

    def _over(self, order: Order, now: Now) -> list[Effect]:
        stood, self._stands = self._stands, _Note()
        self._heard = True
        self._show()
        done = self._scribe.write(Order, now.up_ms, id=order.id, outcome="done", what=order.what)
        self._urgent.add(done)
        ended = [self._ended(alarm, now) for alarm in (stood.sos, stood.duress) if alarm]
        sound = [Signal("order_received")] if stood.sos else []
        return [*sound, *ended, Keep(done), self._note()]

    def _ended(self, alarm: Alarm, now: Now) -> Keep:
        return Keep(
            self._scribe.write(
                Alarm,
                now.up_ms,
                alarm=alarm.alarm,
                what="ended by the commander",
                person=alarm.person,
                active=False,
            )
        )

    def _waits(self) -> bool:
        return self._stands.sos is not None and self._urgent.waits(self._stands.sos)

    def _show(self) -> None:
        self._picture.alarm("sos", "SOS" if self._stands.sos else None)
        duress = self._stands.duress
        self._picture.alarm("duress", f"duress {duress.person}" if duress else None)

    def _note(self) -> Save:
        return Save("distress", msgspec.to_builtins(self._stands))
