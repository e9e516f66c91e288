"""A file's settings on an NTAG 424 DNA, and where its SUN message goes: to bytes and back. Pure.

Source: NXP NT4H2421Gx 8.2.3 and 10.7. UID and read counter are always both mirrored, as ASCII.
"""

from msgspec import Struct

from hardware.cards.ev2 import Mode
from hardware.errors import CardRefused

FREE, NEVER = 0xE, 0xF
"""In place of a key's number: anybody may, nobody may."""

SDM = 0x40
UID, COUNTER, LIMIT, ENC, ASCII = 0x80, 0x40, 0x20, 0x10, 0x01
MODES: tuple[Mode, ...] = ("plain", "mac", "plain", "full")


class BadSettings(CardRefused):
    """Settings of another form than the data sheet's, or of a kind that is not ours."""


class Sdm(Struct, frozen=True):
    """Where a read file has what a card makes anew: byte offsets, None for what it does not have.

    `meta` and `file`: key numbers of the PICC data and of the MAC; `meta` FREE: UID and counter stand
    in clear. `counter`: who may ask for the counter. `enc_length`: bytes of sealed data, in ASCII.
    """

    meta: int
    file: int
    counter: int = NEVER
    uid_at: int | None = None
    counter_at: int | None = None
    picc_at: int | None = None
    input_at: int = 0
    mac_at: int = 0
    enc_at: int | None = None
    enc_length: int = 0
    limit: int | None = None

    def encode(self) -> bytes:
        """As ChangeFileSettings takes it."""
        options = UID | COUNTER | ASCII
        options |= ENC if self.enc_at is not None else 0
        options |= LIMIT if self.limit is not None else 0
        head = bytes((options, 0xF0 | self.counter, self.meta << 4 | self.file))
        numbers = [self.uid_at, self.counter_at] if self.meta == FREE else [self.picc_at]
        numbers.append(self.input_at)
        numbers += [self.enc_at, self.enc_length] if self.enc_at is not None else []
        numbers += [self.mac_at, self.limit]
        return head + b"".join(n.to_bytes(3, "little") for n in numbers if n is not None)


class FileSettings(Struct, frozen=True):
    """Who may do what with a file: numbers of keys, FREE or NEVER. `sdm` None: it gives no SUN message."""

    read: int
    write: int
    read_write: int
    change: int
    mode: Mode = "plain"
    sdm: Sdm | None = None

    def encode(self) -> bytes:
        """As ChangeFileSettings takes it, without the file's number."""
        option = {"plain": 0, "mac": 1, "full": 3}[self.mode] | (SDM if self.sdm else 0)
        rights = bytes((self.read_write << 4 | self.change, self.read << 4 | self.write))
        return bytes((option,)) + rights + (self.sdm.encode() if self.sdm else b"")


def decode(data: bytes) -> FileSettings:
    """What `FileSettings.encode` made, or a card's answer without type and size. Raises `BadSettings`."""
    if len(data) < 3 or data[0] & ~(SDM | 3):
        raise BadSettings(f"file settings of another form: {data.hex()}")
    sdm = _sdm(data[3:]) if data[0] & SDM else None
    if not sdm and len(data) != 3:
        raise BadSettings(f"{len(data)} bytes of file settings")
    read, write = divmod(data[2], 16)
    return FileSettings(read, write, *divmod(data[1], 16), MODES[data[0] & 3], sdm)


def decode_answer(data: bytes) -> tuple[FileSettings, int]:
    """A card's answer to GetFileSettings: the settings and the file's size. Raises `BadSettings`."""
    if len(data) < 7 or data[0] != 0:
        raise BadSettings(f"an answer to GetFileSettings of another form: {data.hex()}")
    return decode(data[1:4] + data[7:]), int.from_bytes(data[4:7], "little")


def _sdm(data: bytes) -> Sdm:
    if len(data) < 3 or data[0] & ~(LIMIT | ENC) != UID | COUNTER | ASCII:
        raise BadSettings(f"SUN settings that are not ours: {data.hex()}")
    options, meta, file = data[0], *divmod(data[2], 16)
    names = ["uid_at", "counter_at"] if meta == FREE else ["picc_at"]
    names.append("input_at")
    names += ["enc_at", "enc_length"] if options & ENC else []
    names += ["mac_at"] + (["limit"] if options & LIMIT else [])
    if len(data) != 3 + 3 * len(names) or file == NEVER or meta in range(5, 14) or meta == NEVER:
        raise BadSettings(f"SUN settings that are not ours: {data.hex()}")
    at = iter(range(3, len(data), 3))
    found = {
        name: int.from_bytes(data[n : n + 3], "little") for name, n in zip(names, at, strict=True)
    }
    return Sdm(meta, file, data[1] & 0x0F, **found)
