"""The cards that somebody holds to a simulated reader by name: one shown again is the same card, as it was left."""

from collections.abc import Iterable

from hardware.cards.twin import desfire, ntag424
from hardware.pn532.field import Card
from hardware.pn532.twin import NoSuchCard

FAMILIES = ("ntag424", "desfire")
UID_BYTES = 7


class Wallet:
    """Begins empty; a card of a family is new, with zero keys, when it is first named."""

    def __init__(self) -> None:
        self._cards: dict[tuple[str, str], Card] = {}

    def cards(self, words: Iterable[str]) -> list[str | Card]:
        """`[family] UID …` as `Pn532Twin.present` takes them. Raises `NoSuchCard`."""
        found: list[str | Card] = []
        family = ""
        for word in words:
            if word in FAMILIES and not family:
                family = word
            else:
                found.append(self._card(family, word) if family else word)
                family = ""
        if family:
            raise NoSuchCard(f"give a UID after {family}, such as 04a1b2c3d4e5f6")
        return found

    def _card(self, family: str, uid: str) -> Card:
        known = self._cards.get((family, uid))
        if known is None:
            known = self._cards[family, uid] = _new(family, uid)
        return known


def _new(family: str, uid: str) -> Card:
    try:
        number = bytes.fromhex(uid)
    except ValueError:
        number = b""
    if len(number) != UID_BYTES:
        raise NoSuchCard(f"{uid!r} is no UID of {family}: give 14 hex digits")
    if family == "ntag424":
        made = ntag424.Ntag424(number)
        return Card(number, ntag424.SENS_RES, ntag424.SAK, ntag424.ATS, made)
    return Card(number, desfire.SENS_RES, desfire.SAK, desfire.ATS, desfire.Desfire(number))
