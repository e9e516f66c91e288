"""NMEA 0183 sentences out of a byte stream, pure. Source: NMEA 0183 as described by gpsd (NMEA.html).

A sentence is `$` body `*` two hex digits, which are the XOR of the body's bytes; CR LF follows. The
body is printable ASCII without `$` and `*`. pynmea2 parses it; only its raw fields are used, since
its properties read an empty latitude as 0.0 and raise on an empty date.
"""

import re
from functools import reduce
from operator import xor

import msgspec
import pynmea2

LONGEST = 255
"""Bytes of a sentence: the standard says 82, receivers send some longer; more than this is noise."""

_END_OF_BODY = re.compile(rb"[^ -#%-)+-~]")
_HEX = re.compile(rb"[0-9A-Fa-f]{0,2}")
_LINE_ENDS = b"\r\n"


class Sentence(msgspec.Struct, frozen=True):
    """One sound sentence: `GP`, `RMC` and its fields as sent; a maker's own has the talker `P`."""

    talker: str
    kind: str
    fields: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True):
    """Bytes that began as a sentence and are none.

    `reason` is `checksum`, `no checksum`, `cut short`, `binary`, `too long` or `unparsable`;
    `text` is what was refused, at most `LONGEST` bytes of it.
    """

    reason: str
    text: bytes


def checksum(body: bytes) -> int:
    """The XOR of the bytes between `$` and `*`."""
    return reduce(xor, body, 0)


def frame(body: str) -> bytes:
    """A whole sentence for `body`, such as `GPRMC,,V,,,,,,,,,,N`, with checksum, CR and LF."""
    raw = body.encode("ascii")
    return b"$%s*%02X\r\n" % (raw, checksum(raw))


class Splitter:
    """Finds the sentences in a stream, however it is split; a `$` always begins anew."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.noise_bytes = 0
        """Bytes outside of sentences, line ends not counted: binary messages, or a wrong baud rate."""

    def feed(self, data: bytes) -> list[Sentence | Refused]:
        """What is complete with `data`. Never raises; keeps at most one sentence's bytes."""
        self._buffer += data
        found: list[Sentence | Refused] = []
        while True:
            taken, thing = _next(self._buffer)
            if thing:
                found.append(thing)
            elif taken:
                self._pass_noise(taken)
            else:
                return found
            del self._buffer[:taken]

    def _pass_noise(self, count: int) -> None:
        noise = self._buffer[:count]
        self.noise_bytes += count - sum(noise.count(end) for end in _LINE_ENDS)


def _next(buffer: bytearray) -> tuple[int, Sentence | Refused | None]:
    """How many bytes to take off, and what they were, None for noise; (0, None): more is needed."""
    begin = buffer.find(b"$")
    if begin:
        return (begin if begin > 0 else len(buffer)), None
    stop = _END_OF_BODY.search(buffer, 1, LONGEST + 1)
    if stop:
        return _ended(buffer, stop.start())
    if len(buffer) <= LONGEST:
        return 0, None
    return _refuse(buffer, LONGEST, "too long")


def _ended(buffer: bytearray, end: int) -> tuple[int, Sentence | Refused | None]:
    """The body is ended at `end`, by the star or by what must not be in it."""
    mark = buffer[end]
    if mark == ord("*"):
        return _starred(buffer, end)
    if mark == ord("$"):
        return _refuse(buffer, end, "cut short")
    return _refuse(buffer, end + 1, "no checksum" if mark in _LINE_ENDS else "binary")


def _starred(buffer: bytearray, star: int) -> tuple[int, Sentence | Refused | None]:
    """The star is followed by two hex digits, or by something wrong, or by nothing yet."""
    digits = _HEX.match(buffer, star + 1)
    end = digits.end() if digits else star + 1
    if end == star + 3:
        return end, _parsed(bytes(buffer[:end]))
    if end == len(buffer):
        return 0, None
    if buffer[end] in _LINE_ENDS or buffer[end] == ord("$"):
        return _refuse(buffer, end, "cut short")
    return _refuse(buffer, end, "checksum")


def _refuse(buffer: bytearray, end: int, reason: str) -> tuple[int, Refused]:
    return end, Refused(reason, bytes(buffer[:end]))


def _parsed(text: bytes) -> Sentence | Refused:
    """pynmea2 checks the sum first, so a kind that it does not know is sound all the same.

    Its classes for makers' sentences index fields that may be missing, hence IndexError.
    """
    try:
        message = pynmea2.parse(text.decode("ascii"), check=True)
    except pynmea2.ChecksumError:
        return Refused("checksum", text)
    except pynmea2.SentenceTypeError:
        return _of_unknown_kind(text)
    except (pynmea2.ParseError, IndexError):
        return Refused("unparsable", text)
    if isinstance(message, pynmea2.TalkerSentence):
        return Sentence(message.talker, message.sentence_type, tuple(message.data))
    return _of_unknown_kind(text)


def _of_unknown_kind(text: bytes) -> Sentence:
    address, *fields = text[1:-3].decode("ascii").split(",")
    talker = address[:1] if address.startswith("P") else address[:2]
    return Sentence(talker, address[len(talker) :], tuple(fields))
