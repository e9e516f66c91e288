"""The PN532 commands that we use, and their answers. Source: NXP UM0701-02, chapter 7."""

import msgspec

from hardware.errors import CardGone, CardRefused, HardwareError

GET_FIRMWARE = bytes.fromhex("02")
SAM_NORMAL = bytes.fromhex("14010001")
"""SAMConfiguration: normal mode, no time-out, IRQ used; leaves low-battery mode."""

FEW_RETRIES = bytes.fromhex("3205ff0102")
"""RFConfiguration item 5: passive activation is tried three times, then answered with no target."""

AUTOMATIC_RATS = bytes.fromhex("1214")
"""SetParameters: cards that speak ISO/IEC 14443-4 are activated by RATS; the chip's own default, which
other programs change."""

FIELD_OFF = bytes.fromhex("320100")
"""RFConfiguration item 1: the next InListPassiveTarget switches the field on again, and finds every card."""

LIST_106A = bytes.fromhex("4a0200")
"""InListPassiveTarget: up to two targets, ISO/IEC 14443 type A at 106 kbit/s."""

DATA_EXCHANGE = 0x40
MORE = 0x40
"""In the target's number: more of the command follows; in a status: more of the answer does."""

MOST_OUT = 262
"""Bytes of a command to a card that fit into one frame (7.3.8)."""

NAMES = {
    0x02: "GetFirmwareVersion",
    0x12: "SetParameters",
    0x14: "SAMConfiguration",
    0x32: "RFConfiguration",
    0x40: "InDataExchange",
    0x4A: "InListPassiveTarget",
}

GONE = {
    0x01: "no answer in time",
    0x02: "CRC error",
    0x03: "parity error",
    0x04: "wrong bit count",
    0x05: "framing error",
    0x06: "collision",
    0x0A: "no field from the other side",
    0x0B: "protocol error",
    0x13: "answer of a wrong format",
    0x27: "no card of this number",
    0x29: "released",
    0x2A: "another card",
    0x2B: "card disappeared",
}
"""Statuses of a card that is away, or at the field's edge (7.1): the same card may do, held again."""

REFUSED = {0x10: "invalid parameter", 0x14: "authentication failed", 0x26: "not allowed now"}


class BadAnswer(HardwareError):
    """The chip's answer is not of the form that the manual gives."""


class Firmware(msgspec.Struct, frozen=True):
    """What GetFirmwareVersion says: chip 0x32 is a PN532."""

    ic: int
    version: int
    revision: int
    support: int


class Target(msgspec.Struct, frozen=True):
    """A type A card: its UID in lower-case hex, its type by SENS_RES and SAK, its ATS ("" for none)."""

    number: int
    sens_res: int
    sak: int
    uid: str
    ats: str = ""


def firmware(answer: bytes) -> Firmware:
    """Reads `03 IC Ver Rev Support`. Raises `BadAnswer`."""
    if len(answer) != 5 or answer[0] != 0x03:
        raise BadAnswer(f"GetFirmwareVersion answered {answer.hex()}")
    return Firmware(*answer[1:])


def targets(answer: bytes) -> list[Target]:
    """Reads `4B NbTg [Tg SENS_RES(2) SAK len UID [ATS]]…`. Raises `BadAnswer`."""
    if len(answer) < 2 or answer[0] != 0x4B or answer[1] > 2:
        raise BadAnswer(f"InListPassiveTarget answered {answer.hex()}")
    found, at = [], 2
    for _ in range(answer[1]):
        target, at = _target(answer, at)
        found.append(target)
    return found


def _target(answer: bytes, at: int) -> tuple[Target, int]:
    if len(answer) < at + 5 or len(answer) < at + 5 + answer[at + 4]:
        raise BadAnswer(f"InListPassiveTarget answered {answer.hex()}, cut short")
    number, sens_high, sens_low, sak, length = answer[at : at + 5]
    if length not in (4, 7, 10):
        raise BadAnswer(f"a UID of {length} bytes in {answer.hex()}")
    ats = end = at + 5 + length
    if sak & 0x20 and len(answer) > end and answer[end] > 1:
        end += answer[end]
    uid = answer[at + 5 : ats].hex()
    return Target(number, sens_high << 8 | sens_low, sak, uid, answer[ats:end].hex()), end


def exchanged(answer: bytes) -> tuple[bytes, bool]:
    """Reads `41 status data`: the data, and whether more follows.

    Raises `CardGone`, `CardRefused`, and `BadAnswer` for another form.
    """
    if len(answer) < 2 or answer[0] != DATA_EXCHANGE + 1:
        raise BadAnswer(f"InDataExchange answered {answer.hex()}")
    status = answer[1] & 0x3F
    if status in GONE:
        raise CardGone(f"{GONE[status]} ({status:02x}); hold the card to the reader again", status)
    if status:
        why = REFUSED.get(status, "the chip could not")
        raise CardRefused(f"exchange failed: {why} ({status:02x}); try another card", status)
    return answer[2:], bool(answer[1] & MORE)
