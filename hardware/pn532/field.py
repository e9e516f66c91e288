"""The RF field of the simulated chip: which cards lie in it, what state each is in, what each says. Pure.

Source: ISO/IEC 14443-3 (states and REQA) and 14443-4 (ATS, frame waiting time). A card that has been
activated does not answer REQA again: a plain one falls back to idle and is found at the next try, one
that speaks 14443-4 stays where it is, one that was halted sleeps, until the field goes off. Readers that
forget it see a lying card at every second poll (Adafruit-PN532 52, esphome 9875).
"""

from typing import Literal, Protocol

import msgspec

from hardware.pn532.blocks import Blocks

SPEAKS_14443_4 = 0x20
"""The bit of SAK that says so."""

RETRY_TIMEOUT_S = 0.0512
"""RFConfiguration item 2, as the chip has it after power-up: for cards that do not speak 14443-4."""

BIT_S = 128 / 13.56e6
FRAME_BYTES = 6
"""CRC and block headers of a command and its answer together."""

Asleep = Literal["idle", "active", "protocol", "halted"]


class Contents(Protocol):
    """What a card holds and does, beyond its UID. Called in the thread that plays the chip."""

    def activated(self) -> None:
        """The card was selected: whatever a session had begun is forgotten."""

    def exchange(self, data: bytes) -> bytes | None:
        """What the card answers to a command (an APDU where it speaks 14443-4); None: nothing."""


class Card(msgspec.Struct, frozen=True):
    """A type A card: UID (4, 7 or 10 bytes), what it answers to REQA (SENS_RES), SAK, ATS (empty: none).

    `contents` None: it answers no command. `think_s`: how long it takes over one.
    """

    uid: bytes
    sens_res: int = 0x0044
    sak: int = 0x00
    ats: bytes = b""
    contents: Contents | None = None
    think_s: float = 0.0

    @property
    def speaks_14443_4(self) -> bool:
        """Whether it is activated by RATS and takes APDUs."""
        return bool(self.sak & SPEAKS_14443_4)

    def answer(self, command: bytes) -> bytes | None:
        """What its contents answer; None: nothing."""
        return self.contents.exchange(command) if self.contents else None

    def patience_s(self, own_s: float = RETRY_TIMEOUT_S) -> float:
        """How long a reader waits for it: the frame waiting time of its ATS, else the chip's `own_s`."""
        return frame_waiting_s(self.ats) if self.speaks_14443_4 else own_s


def frame_waiting_s(ats: bytes) -> float:
    """FWT by ISO/IEC 14443-4 (7.2): 4,096 carrier periods times 2 to the FWI in TB1, 4 without one."""
    fwi, interfaces = 4, ats[1] if len(ats) > 1 else 0
    at = 3 if interfaces & 0x10 else 2
    if interfaces & 0x20 and len(ats) > at:
        fwi = ats[at] >> 4
    return float(4096 / 13.56e6 * 2**fwi)


def air_s(data: bytes, answer: bytes) -> float:
    """How long a command and its answer take in the air at 106 kbit/s, nine bits a byte."""
    return (len(data) + len(answer) + FRAME_BYTES) * 9 * BIT_S


class Field:
    """The cards and the numbers that the chip has given them."""

    def __init__(self) -> None:
        self._cards: list[Card] = []
        self._states: dict[bytes, Asleep] = {}
        self._listed: list[Card] = []
        self._blocks: dict[bytes, Blocks] = {}

    @property
    def cards(self) -> list[Card]:
        """The cards that lie in the field; set, it tears away those that are not among the new ones."""
        return self._cards

    @cards.setter
    def cards(self, cards: list[Card]) -> None:
        self._cards = cards
        self._states = {card.uid: self._states.get(card.uid, "idle") for card in cards}

    @property
    def listed(self) -> int:
        """How many cards the chip has numbered."""
        return len(self._listed)

    def off(self) -> None:
        """The field goes off: every card forgets all."""
        self._listed = []
        self._states = dict.fromkeys(self._states, "idle")

    def forget(self) -> None:
        """The chip forgets its numbers; the cards know nothing of that."""
        self._listed = []

    def find(self, uid: bytes, most: int, rats: bool) -> list[Card]:
        """One try to activate up to `most` cards (`uid` empty: any), which get the numbers 1 and 2."""
        found: list[Card] = []
        for card in self._cards:
            if uid in (b"", card.uid) and len(found) < most and self._hears_reqa(card):
                self._activate(card, rats)
                found.append(card)
        self._listed = found
        return found

    def _hears_reqa(self, card: Card) -> bool:
        before = self._states[card.uid]
        if before == "active":
            self._states[card.uid] = "idle"
        return before == "idle"

    def _activate(self, card: Card, rats: bool) -> None:
        opened = rats and card.speaks_14443_4
        self._states[card.uid] = "protocol" if opened else "active"
        self._blocks[card.uid] = Blocks(card.ats, card.answer, opened)
        if card.contents:
            card.contents.activated()

    def command(self, card: Card, data: bytes) -> bytes | None:
        """What the card answers to a whole command; None: nothing, or it is not there."""
        return card.answer(data) if self.hears(card) else None

    def frame(self, card: Card, data: bytes) -> bytes | None:
        """What it answers to a bare frame: a block, where it speaks ISO/IEC 14443-4."""
        if card.speaks_14443_4 and self.hears(card):
            return self._blocks[card.uid].hear(data)
        return self.command(card, data)

    def numbered(self, number: int) -> Card | None:
        """The card that the chip has given this number, present or not; None: it has given it to none."""
        return self._listed[number - 1] if 1 <= number <= len(self._listed) else None

    def hears(self, card: Card) -> bool:
        """Whether it is still the one that was activated: not torn away, and not put back since."""
        return self._states.get(card.uid) in ("active", "protocol")

    def halt(self, number: int) -> None:
        """The card of this number (0: every card that has one) sleeps until the field goes off."""
        for at, card in enumerate(self._listed, 1):
            if number in (0, at) and self.hears(card):
                self._states[card.uid] = "halted"
