"""What a card proved: its SUN message held against its key, and against the counters that were used.

The highest counter of each card is kept over restarts, in a few notes of many cards each: one is small
enough to be written at every tap, and their names need no listing.
"""

from binascii import crc32

from msgspec import Struct

from device.core.effects import Save
from device.core.events import CardShown
from device.core.station import Cards, Memory
from wire.cards.ring import NO_KEYS
from wire.limits import MAX_TEXT
from wire.orders import LEAST, LeastProof, UnitConfig
from wire.records import Checkin, Crew, Proof, Result
from wire.words import Fault

NOTES = 64


class Proven(Struct, frozen=True):
    """`counter`: of a SUN message that holds, else None. `fault`: why the tap is not to be accepted."""

    proof: Proof
    sun: str | None = None
    counter: int | None = None
    fault: Result | None = None


class _Note(Struct):
    """The highest counter by UID."""

    highest: dict[str, int] = {}


class Proofs:
    """Judges proofs. A counter is spent when its record is being kept, and given back if it was not."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self._least: LeastProof = "uid"
        self._highest: dict[str, int] = {}
        self._before: tuple[str, int | None] = ("", None)
        self.keys = NO_KEYS

    def configure(self, config: UnitConfig) -> str | None:
        """Takes the configuration's keys; says why they cannot be used, None if they can."""
        self._least, self.keys = config.least_proof, NO_KEYS
        try:
            self.keys = self._cards.open(config.card_keys) if config.card_keys else NO_KEYS
        except Fault as exc:
            return str(exc)
        return None

    def recall(self, memory: Memory) -> None:
        """What was saved, and what the newest records say: a cut may have come between record and note."""
        for number in range(NOTES):
            note = memory.notes.recall(_name(number), _Note)
            self._highest.update(note.highest if note else {})
        for _, tap in memory.taps:
            if tap.badge and tap.sun_counter is not None:
                self._highest[tap.badge] = max(
                    tap.sun_counter, self._highest.get(tap.badge, tap.sun_counter)
                )

    def judge(self, card: CardShown) -> Proven:
        """What `card` proved, against what is demanded here."""
        if card.forged:
            return Proven("uid", card.sun, fault="forged")
        proven = self._sun(card) if card.sun and card.proof != "ev2" else Proven(card.proof)
        if proven.fault or LEAST.index(_rank(proven.proof)) >= LEAST.index(self._least):
            return proven
        return Proven(proven.proof, proven.sun, proven.counter, "weak")

    def _sun(self, card: CardShown) -> Proven:
        sun = card.sun or ""
        if len(sun) > MAX_TEXT:
            return Proven("uid")
        if card.uid not in self.keys.sun:
            return Proven("uid", sun)
        try:
            counter = self._cards.counter(self.keys, card.uid, sun)
        except Fault:
            return Proven("uid", sun, fault="forged")
        if counter is None:
            return Proven("uid", sun)
        used = counter <= self._highest.get(card.uid, -1)
        return Proven("sun", sun, counter, "replayed" if used else None)

    def spend(self, uid: str, proven: Proven) -> list[Save]:
        """The message was shown: from now on its counter is used. What is to be written down of it."""
        if proven.counter is None or proven.fault == "replayed":
            return []
        self._before = (uid, self._highest.get(uid))
        self._highest[uid] = proven.counter
        number = _number(uid)
        own = {u: c for u, c in self._highest.items() if _number(u) == number}
        return [Save(_name(number), {"highest": own})]

    def give_back(self, record: Checkin | Crew) -> None:
        """The journal did not take `record`: what it would have spent is not spent."""
        uid, before = self._before
        if record.badge != uid or record.sun_counter is None:
            return
        if record.sun_counter == self._highest.pop(uid, None) and before is not None:
            self._highest[uid] = before


def _rank(proof: Proof) -> LeastProof:
    return proof if proof in ("sun", "ev2") else "uid"


def _number(uid: str) -> int:
    """Which note a card stands in. Not by the UID's digits: those of one batch end alike."""
    return crc32(uid.encode("ascii")) % NOTES


def _name(number: int) -> str:
    return f"sun {number}"
