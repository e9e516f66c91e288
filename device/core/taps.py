"""A card at the reader: a check-in at a checkpoint, signing on or off in a vehicle."""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from device.core.checkin import SOUNDS, Repeats
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.duties import Duties
from device.core.effects import Effect, Keep, Pattern, Save, Signal
from device.core.events import CardShown, KeepFailed
from device.core.moment import Now
from device.core.picture import Picture
from device.core.proofs import Proofs, Proven
from device.core.roster import Roster, Verdict
from device.core.scribe import Scribe
from device.core.station import Identity, Memory
from wire.orders import UnitConfig
from wire.records import Checkin, Crew, Result


class _Crew(Struct):
    """Who is signed on."""

    crew: list[str] = []


class Taps(Desk):
    """Judges cards. The first effect of a tap is always its record, the second its sound."""

    def __init__(
        self,
        identity: Identity,
        scribe: Scribe,
        clock: ClockKeeper,
        picture: Picture,
        roster: Roster,
        proofs: Proofs,
        duties: Duties,
        offline: Callable[[], bool],
    ) -> None:
        self._role, self._boot = identity.role, identity.boot
        self._scribe, self._clock, self._picture = scribe, clock, picture
        self._proofs, self._duties, self._offline = proofs, duties, offline
        self._config = UnitConfig()
        self._roster = roster
        self._repeats = Repeats()

    def configure(self, config: UnitConfig) -> None:
        self._config = config

    def handlers(self) -> Mapping[type, Handler]:
        return {CardShown: self._shown, KeepFailed: self._forget}

    def recall(self, memory: Memory) -> None:
        """Who is aboard, and which SUN counters were used; and a tap of this boot counts as a repeat's first."""
        crew = memory.notes.recall("crew", _Crew)
        self._picture.crew = crew.crew if crew else []
        self._proofs.recall(memory)
        for tap in memory.recent:
            if tap.boot == self._boot and tap.badge:
                self._repeats.remember(tap.badge, tap.up_ms, tap.result)

    def _forget(self, failed: KeepFailed, now: Now) -> list[Effect]:
        """The journal did not take the record: the next tap of that badge is a new one."""
        del now
        record = failed.record
        if isinstance(record, Checkin | Crew) and record.badge:
            self._repeats.forget(record.badge)
            self._proofs.give_back(record)
        if isinstance(record, Crew) and record.person and record.result == "accepted":
            self._aboard(record.person, record.action == "off")
        return []

    def _shown(self, card: CardShown, now: Now) -> list[Effect]:
        """What a card leads to: record, sound, and nothing that could wait for anything."""
        del now
        if self._roster.duty(card.uid):
            return []
        proven = self._proofs.judge(card)
        verdict = self._judge(card, proven)
        spent = self._proofs.spend(card.uid, proven)
        if self._is_again(card, verdict.result):
            return [
                Signal("duplicate" if verdict.result == "accepted" else SOUNDS[verdict.result]),
                *spent,
            ]
        sound = Signal(self._sound(verdict.result))
        if self._role == "vehicle":
            return [*self._crew(card, verdict, proven, sound), *spent]
        record = self._scribe.write(
            Checkin,
            card.up_ms,
            badge=card.uid,
            person=verdict.person,
            place=self._config.place,
            method="nfc",
            proof=proven.proof,
            result=verdict.result,
            sun=proven.sun,
            sun_counter=proven.counter,
        )
        return [Keep(record), sound, *spent]

    def _judge(self, card: CardShown, proven: Proven) -> Verdict:
        """The roster's word first; whom it would let in must have proved it."""
        verdict = self._roster.judge(card.uid, self._clock.stamp(card.up_ms).at_ms)
        if verdict.result == "accepted" and proven.fault:
            return Verdict(verdict.person, proven.fault)
        return verdict

    def _is_again(self, card: CardShown, result: Result) -> bool:
        """Whether this is the same tap again. A badge that is judged otherwise than before is not."""
        again = self._repeats.again(card.uid, card.up_ms, self._config.repeat_s)
        if again != result:
            self._repeats.remember(card.uid, card.up_ms, result)
            return False
        if result == "accepted":
            self._duties.again(card.uid, card.up_ms)
        return True

    def _sound(self, result: Result) -> Pattern:
        stored = result == "accepted" and self._offline()
        return "stored_offline" if stored else SOUNDS[result]

    def _crew(
        self, card: CardShown, verdict: Verdict, proven: Proven, sound: Signal
    ) -> list[Effect]:
        person = verdict.person
        action: Literal["on", "off"] = "off" if person in self._picture.crew else "on"
        record = self._scribe.write(
            Crew,
            card.up_ms,
            badge=card.uid,
            person=person,
            action=action,
            result=verdict.result,
            proof=proven.proof,
            sun=proven.sun,
            sun_counter=proven.counter,
        )
        if verdict.result != "accepted" or person is None:
            return [Keep(record), sound]
        self._aboard(person, action == "on")
        return [Keep(record), sound, Save("crew", {"crew": self._picture.crew})]

    def _aboard(self, person: str, aboard: bool) -> None:
        others = [name for name in self._picture.crew if name != person]
        self._picture.crew = [*others, person] if aboard else others
        self._picture.touch()
