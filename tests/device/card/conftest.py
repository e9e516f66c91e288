"""A new NTAG 424 DNA, a new DESFire, and one that is torn away in the midst of a command."""

import pytest

from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import ATS, SAK, SENS_RES, Ntag424
from hardware.errors import CardGone
from hardware.pn532.field import Card

UID = "04de5f1eacc040"


class Torn:
    """Passes commands to a card until the `at`th that `counts`; that one the card does not hear, or
    hears and its answer is `lost`. From then on nothing is heard."""

    def __init__(self, card, at, lost, counts=lambda command: True):
        self._card, self._left, self._lost, self._counts = card, at, lost, counts
        self.activated = card.activated

    def exchange(self, command):
        self._left -= self._counts(command)
        if self._left > 0:
            return self._card.exchange(command)
        if self._left == 0 and self._lost and self._counts(command):
            self._card.exchange(command)
        self._left = min(self._left, 0)
        return None

    def heard(self, command):
        """As `Pn532.exchange` tells of it."""
        said = self.exchange(command)
        if said is None:
            raise CardGone("gone")
        return said


@pytest.fixture
def ntag():
    return Ntag424(bytes.fromhex(UID))


@pytest.fixture
def fire():
    return Desfire(bytes.fromhex(UID))


@pytest.fixture
def shown():
    """A card's contents as the simulated chip takes them."""

    def make(contents, uid=UID):
        return Card(bytes.fromhex(uid), SENS_RES, SAK, ATS, contents)

    return make


@pytest.fixture
def torn():
    """Makes a `Torn`."""
    return Torn


@pytest.fixture
def state():
    """All that lasts in a card; the counter of readings is the last."""

    def of(card):
        if isinstance(card, Desfire):
            made = {
                aid: (a.settings, a.keys[:], a.versions[:]) for aid, a in card.applications.items()
            }
            return [made, card.room]
        files = {number: bytes(content) for number, content in card.files.items()}
        return [list(card.keys), list(card.versions), files, dict(card.settings), card.counter]

    return of
