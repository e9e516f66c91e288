"""A DESFire EV3: applications of AES keys are made, selected, authenticated, and their keys changed.

Source: MF3D(H)x3 and NT4H2421Gx 9.1, which share EV2; M075031 for applications and their settings. A new
card has no application, and a DES master key of its own, which EV2 does not take (91AE). Not played:
files, keys of other kinds, keys' sets, delegated applications, a change of the card's own master key.
"""

import os

from msgspec import Struct

from hardware.cards.desfire import AES, COUNT, FREE_FILES, FREE_LISTING, MASTER_CHANGEABLE, PICC
from hardware.cards.ev2 import Mode
from hardware.cards.twin.secure import Draw, Fails, Refused, SecureCard

SENS_RES, SAK, ATS = 0x0344, 0x20, bytes.fromhex("067577810280")

NEW_CARD = bytes((0x0F, 0x01))
"""The card's own settings: anybody may make applications; one DES key."""

KEYS_AT_MOST = 14
SAME_KEY, FROZEN = 0xE, 0xF
"""In place of the key that changes the others: each changes itself; none is changed."""


class Application(Struct):
    """What lasts of one: its two bytes of settings, and its keys by number."""

    settings: bytes
    keys: list[bytes]
    versions: list[int]
    fails: list[Fails]


def _application(settings: bytes, keys: list[bytes]) -> Application:
    return Application(settings, list(keys), [0] * len(keys), [Fails() for _ in keys])


class Desfire(SecureCard):
    """One card, as a reader's `Contents`; with the application `aid` (3 bytes) where that is given.

    `master`: an AES master key of the card itself, None: that of a new card. `room`: for how many more
    applications it has memory.
    """

    def __init__(
        self,
        uid: bytes,
        aid: bytes | None = None,
        keys: list[bytes] | None = None,
        draw: Draw = os.urandom,
        master: bytes | None = None,
    ) -> None:
        super().__init__(uid, [], draw)
        self.room = 32
        own = bytes((NEW_CARD[0], AES | 1)) if master else NEW_CARD
        self.applications = {PICC: _application(own, [master] if master else [])}
        if aid:
            self.applications[aid] = _application(b"\x0b\x85", keys or [bytes(16)] * 5)
        self._enter(PICC)

    def activated(self) -> None:
        """The card itself is selected, and nobody authenticated."""
        super().activated()
        self._enter(PICC)

    def _enter(self, aid: bytes) -> None:
        self.session, self._aid, self.selected = None, aid, True
        here = self._here
        self.keys, self.versions, self.fails = here.keys, here.versions, here.fails

    @property
    def _here(self) -> Application:
        return self.applications[self._aid]

    def version(self) -> list[bytes]:
        """Vendor NXP, type DESFire EV3, 8 KiB; then the UID and the week it was made in."""
        made = self.uid + bytes.fromhex("cf3a2db0804919")
        return [bytes.fromhex("04010133001a05"), bytes.fromhex("04010103001a05"), made]

    def challenge(self, body: bytes) -> bytes:
        """A key of another kind than AES is none for EV2."""
        if body[:1] == b"\x00" and self._here.settings == NEW_CARD:
            self.session = None
            raise Refused(0x91AE)
        return super().challenge(body)

    def mode_of(self, ins: int, body: bytes) -> tuple[int, Mode]:
        """SelectApplication ends a session, so it needs no MAC."""
        if ins == 0x5A:
            self.session = None
            return 3, "plain"
        modes: dict[int, tuple[int, Mode]] = {0xCA: (5, "mac"), 0x45: (0, "mac")}
        return modes.get(ins) or super().mode_of(ins, body)

    def perform(self, ins: int, header: bytes, data: bytes) -> bytes:
        """Does a command. Raises `Refused`."""
        if ins not in (0x5A, 0xCA, 0x45):
            return super().perform(ins, header, data)
        if data:
            raise Refused(0x917E)
        if ins == 0x45:
            return self._told_settings()
        if ins == 0xCA:
            self._create(header[:3], header[3:])
            return b""
        self._enter(header if header in self.applications else PICC)
        if self._aid != header:
            raise Refused(0x91A0)
        return b""

    def _told_settings(self) -> bytes:
        if not self._here.settings[0] & FREE_LISTING and not self._master_is_here():
            raise Refused(0x91AE)
        return self._here.settings

    def _create(self, aid: bytes, settings: bytes) -> None:
        if self._aid != PICC:
            raise Refused(0x919D)
        if not self._here.settings[0] & FREE_FILES and not self._master_is_here():
            raise Refused(0x91AE)
        count = settings[1] & COUNT
        if settings[1] & ~COUNT != AES or not 1 <= count <= KEYS_AT_MOST:
            raise Refused(0x919E)
        if aid in self.applications:
            raise Refused(0x91DE)
        if not self.room:
            raise Refused(0x910E)
        self.room -= 1
        self.applications[aid] = _application(settings, [bytes(16)] * count)

    def _master_is_here(self) -> bool:
        return self.session is not None and self.session.number == 0

    def may_change(self, number: int, by: int) -> bool:
        """By the application's settings; the card's own key is not changed here."""
        settings = self._here.settings[0]
        if self._aid == PICC or (number == 0 and not settings & MASTER_CHANGEABLE):
            return False
        right = settings >> 4
        if number in (0, right):
            return by == 0
        return right != FROZEN and by == (number if right == SAME_KEY else right)
