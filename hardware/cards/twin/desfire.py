"""A DESFire EV3 with one application of AES keys: selection, authentication, ChangeKey.

Source: MF3D(H)x3 and NT4H2421Gx 9.1, which share EV2. Not played: files, other key types, delegated
applications, the PICC master key.
"""

import os

from hardware.cards.ev2 import Mode
from hardware.cards.twin.secure import Draw, Refused, SecureCard

SENS_RES, SAK, ATS = 0x0344, 0x20, bytes.fromhex("067577810280")


class Desfire(SecureCard):
    """One card, as a reader's `Contents`, with the application `aid` (3 bytes)."""

    def __init__(
        self,
        uid: bytes,
        aid: bytes = b"XK1",
        keys: list[bytes] | None = None,
        draw: Draw = os.urandom,
    ) -> None:
        super().__init__(uid, keys or [bytes(16)] * 5, draw)
        self._aid = aid

    def version(self) -> list[bytes]:
        """Vendor NXP, type DESFire EV3, 8 KiB; then the UID and the week it was made in."""
        made = self.uid + bytes.fromhex("cf3a2db0804919")
        return [bytes.fromhex("04010133001a05"), bytes.fromhex("04010103001a05"), made]

    def mode_of(self, ins: int, body: bytes) -> tuple[int, Mode]:
        """SelectApplication ends a session, so it needs no MAC."""
        if ins == 0x5A:
            self.session = None
            return 3, "plain"
        return super().mode_of(ins, body)

    def perform(self, ins: int, header: bytes, data: bytes) -> bytes:
        """Does a command. Raises `Refused`."""
        if ins != 0x5A:
            return super().perform(ins, header, data)
        self.selected = header == self._aid
        if not self.selected:
            raise Refused(0x91A0)
        return b""
