"""The PN532 commands that we use, and their answers. Source: NXP UM0701-02, chapter 7."""

import msgspec

from hardware.errors import HardwareError

GET_FIRMWARE = bytes.fromhex("02")
SAM_NORMAL = bytes.fromhex("14010001")
"""SAMConfiguration: normal mode, no time-out, IRQ used; leaves low-battery mode."""

FEW_RETRIES = bytes.fromhex("3205ff0102")
"""RFConfiguration item 5: passive activation is tried three times, then answered with no target."""

LIST_106A = bytes.fromhex("4a0200")
"""InListPassiveTarget: up to two targets, ISO/IEC 14443 type A at 106 kbit/s."""

NAMES = {
    0x02: "GetFirmwareVersion",
    0x14: "SAMConfiguration",
    0x32: "RFConfiguration",
    0x4A: "InListPassiveTarget",
}


class BadAnswer(HardwareError):
    """The chip's answer is not of the form that the manual gives."""


class Firmware(msgspec.Struct, frozen=True):
    """What GetFirmwareVersion says: chip 0x32 is a PN532."""

    ic: int
    version: int
    revision: int
    support: int


class Target(msgspec.Struct, frozen=True):
    """A type A card: its UID in lower-case hex, its type by SENS_RES and SAK."""

    number: int
    sens_res: int
    sak: int
    uid: str


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
    end = at + 5 + length
    target = Target(number, sens_high << 8 | sens_low, sak, answer[at + 5 : end].hex())
    if sak & 0x20 and len(answer) > end and answer[end] > 1:
        end += answer[end]
    return target, end
