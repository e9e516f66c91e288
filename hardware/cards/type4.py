"""Reads the NDEF message of a Type 4 tag (NFC Forum T4T 1.0), in as few commands as may be."""

from hardware.cards.apdu import OK, BadAnswer, Exchange, ask, iso

APPLICATION = bytes.fromhex("d2760000850101")
CC_FILE = bytes.fromhex("e103")
CC_BYTES = 15
MAX_MESSAGE = 640
"""Bytes: a URL as long as ours may be, and its record's head. A card that says more is not heard out."""

FIRST_READ = 128
"""Bytes, length included: most URLs of ours fit, and each command costs the time of some fifty bytes."""


def select_application(exchange: Exchange) -> None:
    """Selects the NDEF application, which an NTAG 424 DNA keeps its keys in too. Raises `StatusError`."""
    ask(exchange, iso(0xA4, 0x04, 0x00, APPLICATION, 256), "its NDEF application", OK)


def select_file(exchange: Exchange, identity: bytes) -> None:
    """Selects a file of the application by its two bytes. Raises `StatusError`."""
    ask(exchange, iso(0xA4, 0x00, 0x0C, identity), f"file {identity.hex()}", OK)


def read(exchange: Exchange, at: int, length: int) -> bytes:
    """Reads exactly `length` bytes of the selected file. Raises `StatusError`, `BadAnswer` for others."""
    command = iso(0xB0, at >> 8, at & 0xFF, le=length)
    data = ask(exchange, command, f"{length} bytes at {at}", OK)
    if len(data) != length:
        raise BadAnswer(f"the card gave {len(data)} bytes where {length} were asked for")
    return data


def read_message(exchange: Exchange) -> bytes:
    """The NDEF message. Raises `StatusError`, `BadAnswer`, and the reader's errors.

    All reads of the file come one after another: a card with a counter counts them as one.
    """
    select_application(exchange)
    select_file(exchange, CC_FILE)
    cc = read(exchange, 0, CC_BYTES)
    most, size = int.from_bytes(cc[3:5], "big"), int.from_bytes(cc[11:13], "big")
    if cc[7:9] != b"\x04\x06" or most < 0x0F or size < 5:
        raise BadAnswer(f"a capability container of another form: {cc.hex()}")
    select_file(exchange, cc[9:11])
    return _message(exchange, min(most, 255), size)


def _message(exchange: Exchange, most: int, size: int) -> bytes:
    got = read(exchange, 0, min(most, size, FIRST_READ))
    end = 2 + int.from_bytes(got[:2], "big")
    if end > min(size, 2 + MAX_MESSAGE):
        raise BadAnswer(f"an NDEF message of {end - 2} bytes; at most {min(size - 2, MAX_MESSAGE)}")
    while len(got) < end:
        got += read(exchange, len(got), min(most, end - len(got)))
    return got[2:end]
