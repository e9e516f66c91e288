"""A card at the reader: a check-in at a checkpoint, signing on or off in a vehicle."""

from typing import Literal

from device.core.checkin import SOUNDS, Repeats, Roster, Verdict
from device.core.clock import ClockKeeper
from device.core.effects import Effect, Keep, Save, Signal
from device.core.events import CardShown
from device.core.picture import Picture
from device.core.scribe import Scribe
from wire.live import Role
from wire.orders import UnitConfig
from wire.records import Checkin, Crew, Record


class Taps:
    """Judges cards. The first effect of a tap is always its record, the second its sound."""

    def __init__(self, role: Role, scribe: Scribe, clock: ClockKeeper, picture: Picture) -> None:
        self._role, self._scribe, self._clock, self._picture = role, scribe, clock, picture
        self._config = UnitConfig()
        self._roster = Roster(None)
        self._repeats = Repeats()

    def configure(self, config: UnitConfig) -> None:
        """Another roster, place and repeat time, from the next tap on."""
        self._config, self._roster = config, Roster(config)

    def recall(self, checkin: Checkin) -> None:
        """A check-in of this boot that an earlier process recorded: it counts as a repeat's first."""
        if checkin.badge:
            self._repeats.remember(checkin.badge, checkin.up_ms, checkin.result)

    def forget(self, record: Record | None) -> None:
        """The journal did not take `record`: the next tap of that badge is a new one."""
        if isinstance(record, Checkin | Crew) and record.badge:
            self._repeats.forget(record.badge)
        if isinstance(record, Crew) and record.person and record.result == "accepted":
            self._aboard(record.person, record.action == "off")

    def shown(self, card: CardShown) -> list[Effect]:
        """What a card leads to: record, sound, and nothing that could wait for anything.

        A badge that a new roster judges otherwise is no repeat of what it was before.
        """
        verdict = self._roster.judge(card.uid, self._clock.stamp(card.up_ms).at_ms)
        again = self._repeats.again(card.uid, card.up_ms, self._config.repeat_s)
        if again == verdict.result:
            return [Signal("duplicate" if again == "accepted" else SOUNDS[again])]
        self._repeats.remember(card.uid, card.up_ms, verdict.result)
        sound = Signal(SOUNDS[verdict.result])
        if self._role == "vehicle":
            return self._crew(card, verdict, sound)
        record = self._scribe.write(
            Checkin,
            card.up_ms,
            badge=card.uid,
            person=verdict.person,
            place=self._config.place,
            method="nfc",
            proof="uid",
            result=verdict.result,
        )
        return [Keep(record), sound]

    def _crew(self, card: CardShown, verdict: Verdict, sound: Signal) -> list[Effect]:
        person = verdict.person
        action: Literal["on", "off"] = "off" if person in self._picture.crew else "on"
        record = self._scribe.write(
            Crew, card.up_ms, badge=card.uid, person=person, action=action, result=verdict.result
        )
        if verdict.result != "accepted" or person is None:
            return [Keep(record), sound]
        self._aboard(person, action == "on")
        return [Keep(record), sound, Save("crew", {"crew": self._picture.crew})]

    def _aboard(self, person: str, aboard: bool) -> None:
        others = [name for name in self._picture.crew if name != person]
        self._picture.crew = [*others, person] if aboard else others
        self._picture.touch()
