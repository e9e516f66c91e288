"""An NTAG 424 DNA: its three files, and the SUN message that it makes anew at each reading.

Source: NT4H2421Gx. A new card has zero keys and an empty NDEF file. The counter rises at the first of
several reads one after another, and only without authentication (9.3.1).
"""

import os

from hardware.cards.aes import cmac, encrypt, short_mac
from hardware.cards.ev2 import Mode
from hardware.cards.settings import FREE, NEVER, BadSettings, FileSettings, Sdm, decode
from hardware.cards.twin.secure import Draw, Refused, SecureCard
from hardware.cards.type4 import APPLICATION

SENS_RES, SAK, ATS = 0x0344, 0x20, bytes.fromhex("067777710280")
"""As NXP prints them (AN12196 table 10), the frame waiting time and size of the data sheet."""

CC = bytes.fromhex("001720010000ff0406e10401000000" + "0506e10500808283").ljust(32, b"\0")
FILES = {0xE103: 1, 0xE104: 2, 0xE105: 3}
LAST_READ = 0xFFFFFF

_FOR_FILE, _FOR_MAC = bytes.fromhex("c33c00010080"), bytes.fromhex("3cc300010080")


class Ntag424(SecureCard):
    """One card, as a reader's `Contents`. UID of 7 bytes."""

    def __init__(
        self, uid: bytes, keys: list[bytes] | None = None, draw: Draw = os.urandom
    ) -> None:
        super().__init__(uid, keys or [bytes(16)] * 5, draw)
        self.files = {1: bytearray(CC), 2: bytearray(256), 3: bytearray(128)}
        self.settings = {
            1: FileSettings(FREE, 0, 0, 0),
            2: FileSettings(FREE, FREE, FREE, 0),
            3: FileSettings(2, 3, 3, 0, "full"),
        }
        self.counter = 0
        self._file: int | None = None
        self._reading: tuple[int, int] | None = None
        self._padding = b""

    def activated(self) -> None:
        """Nothing is selected, nobody authenticated, and the next read is a first one."""
        super().activated()
        self._file = self._reading = None

    def exchange(self, data: bytes) -> bytes | None:
        """One APDU in, its answer out; any command but the same read ends a sequence of reads."""
        if data[:2] not in (b"\x00\xb0", b"\x90\xad"):
            self._reading = None
        return super().exchange(data)

    def version(self) -> list[bytes]:
        """Vendor NXP, type NTAG, 416 bytes; then the UID and the week it was made in."""
        made = self.uid + bytes.fromhex("cf3a2db080") + bytes.fromhex("4919")
        return [bytes.fromhex("04040230001105"), bytes.fromhex("04040201021105"), made]

    # ISO/IEC 7816-4

    def iso(self, data: bytes) -> bytes:
        """Select, read, update. Raises `Refused`."""
        ins, p1, p2 = data[1:4]
        if ins == 0xA4:
            return self._select(p1, data[5 : 5 + data[4]] if len(data) > 5 else b"")
        if ins not in (0xB0, 0xD6):
            raise Refused(0x6D00)
        if self._file is None:
            raise Refused(0x6985)
        if ins == 0xB0:
            if len(data) != 5:
                raise Refused(0x6700)
            return self._iso_read(self._file, p1 << 8 | p2, data[4] or 256)
        if len(data) < 6 or len(data) != 5 + data[4]:
            raise Refused(0x6700)
        self._iso_write(self._file, p1 << 8 | p2, data[5:])
        return b"\x90\x00"

    def _select(self, how: int, name: bytes) -> bytes:
        self.session = self._file = None
        if how == 0x04 and name == APPLICATION:
            self.selected = True
        elif how in (0x00, 0x02) and self.selected and int.from_bytes(name, "big") in FILES:
            self._file = FILES[int.from_bytes(name, "big")]
        else:
            raise Refused(0x6A82)
        return b"\x90\x00"

    def _iso_read(self, file: int, at: int, length: int) -> bytes:
        if not self._may(self.settings[file].read, file):
            raise Refused(0x6982)
        if at >= len(self.files[file]):
            raise Refused(0x6A86)
        return self._shown(file, 0xB0, 0x6982)[at : at + length] + b"\x90\x00"

    def _iso_write(self, file: int, at: int, data: bytes) -> None:
        settings = self.settings[file]
        if settings.mode != "plain" or not self._may(settings.write, file):
            raise Refused(0x6982)
        if at + len(data) > len(self.files[file]):
            raise Refused(0x6A86)
        self.files[file][at : at + len(data)] = data

    def _may(self, right: int, file: int) -> bool:
        number = self.session.number if self.session else None
        return FREE in (right, self.settings[file].read_write) or number in (
            {right, self.settings[file].read_write} - {NEVER}
        )

    # NXP's own commands

    def mode_of(self, ins: int, body: bytes) -> tuple[int, Mode]:
        """By the data sheet's table 22; a file's own mode for reading and writing it."""
        if ins == 0xF5:
            return 1, "mac"
        if ins in (0x51, 0x5F):
            return (0, "full") if ins == 0x51 else (1, "full")
        if ins in (0x8D, 0xAD):
            return 7, self._settings(body[:1]).mode
        return super().mode_of(ins, body)

    def _settings(self, number: bytes) -> FileSettings:
        found = self.settings.get(number[0]) if number and self.selected else None
        if found is None:
            raise Refused(0x91F0)
        return found

    def perform(self, ins: int, header: bytes, data: bytes) -> bytes:
        """Does a command. Raises `Refused`."""
        if ins == 0xF5:
            return self._told(header)
        if ins == 0x51:
            return self.uid
        if ins == 0x5F:
            self._change_settings(header, data)
            return b""
        if ins in (0x8D, 0xAD):
            at, length = (int.from_bytes(header[n : n + 3], "little") for n in (1, 4))
            return self._native_data(ins, header[0], at, length, data)
        return super().perform(ins, header, data)

    def _told(self, header: bytes) -> bytes:
        settings = self._settings(header).encode()
        size = len(self.files[header[0]]).to_bytes(3, "little")
        return b"\x00" + settings[:3] + size + settings[3:]

    def _native_data(self, ins: int, file: int, at: int, length: int, data: bytes) -> bytes:
        settings, size = self.settings[file], len(self.files[file])
        if not self._may(settings.write if ins == 0x8D else settings.read, file):
            raise Refused(0x919D)
        if at + length > size:
            raise Refused(0x91BE)
        if ins == 0xAD:
            return self._shown(file, ins, 0x919D)[at : at + length if length else size]
        if len(data) != length or not length:
            raise Refused(0x917E)
        self.files[file][at : at + length] = data
        return b""

    def _change_settings(self, header: bytes, data: bytes) -> None:
        before = self._settings(header)
        if self.session is None or self.session.number != before.change:
            raise Refused(0x919D)
        try:
            after = decode(data)
        except BadSettings:
            raise Refused(0x919E) from None
        if after.sdm and not _fits(after.sdm, len(self.files[header[0]])):
            raise Refused(0x919E)
        if after.sdm and not before.sdm:
            self.counter = 0
        self.settings[header[0]] = after

    # SUN

    def _shown(self, file: int, ins: int, spent: int) -> bytes:
        """The file as it is read now. Raises `Refused` with `spent` where the counter is at its end."""
        sdm, content = self.settings[file].sdm, bytes(self.files[file])
        if sdm is None or self.session:
            return content
        if self._reading != (file, ins):
            if self.counter >= (LAST_READ if sdm.limit is None else sdm.limit):
                raise Refused(spent)
            self.counter += 1
            self._padding = self._draw(5)
            self._reading = (file, ins)
        return self._mirrored(sdm, content)

    def _mirrored(self, sdm: Sdm, content: bytes) -> bytes:
        counter = self.counter.to_bytes(3, "little")
        which = self.uid + counter
        shown = bytearray(content)
        if sdm.uid_at is not None and sdm.counter_at is not None:
            _put(shown, sdm.uid_at, self.uid)
            _put(shown, sdm.counter_at, counter[::-1])
        if sdm.picc_at is not None:
            plain = b"\xc7" + which + self._padding
            _put(shown, sdm.picc_at, encrypt(self.keys[sdm.meta], plain))
        if sdm.enc_at is not None:
            key = cmac(self.keys[sdm.file], _FOR_FILE + which)
            plain = content[sdm.enc_at : sdm.enc_at + sdm.enc_length // 2]
            _put(shown, sdm.enc_at, encrypt(key, plain, encrypt(key, counter.ljust(16, b"\0"))))
        key = cmac(self.keys[sdm.file], _FOR_MAC + which)
        _put(shown, sdm.mac_at, short_mac(key, bytes(shown[sdm.input_at : sdm.mac_at])))
        return bytes(shown)


def _put(shown: bytearray, at: int, value: bytes) -> None:
    shown[at : at + 2 * len(value)] = value.hex().upper().encode("ascii")


def _fits(sdm: Sdm, size: int) -> bool:
    ends = [sdm.mac_at + 16, (sdm.picc_at or 0) + 32, (sdm.enc_at or 0) + sdm.enc_length]
    ends += [(sdm.uid_at or 0) + 14, (sdm.counter_at or 0) + 6]
    ordered = sdm.input_at <= sdm.mac_at and (
        sdm.enc_at is None or sdm.input_at <= sdm.enc_at <= sdm.mac_at - sdm.enc_length
    )
    return max(ends) <= size and ordered and sdm.enc_length % 32 == 0
