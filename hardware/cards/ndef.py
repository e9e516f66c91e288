"""The URL in an NDEF message: read out of one, and put into one. Pure.

Source: NFC Forum NDEF 1.0 and URI Record Type Definition 1.0.
"""

from hardware.errors import CardRefused

PREFIXES = (
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
)
MAX_URL = 500
"""Characters; longer ones are no proof of ours."""

BEGIN, END, CHUNK, SHORT, WITH_ID, WELL_KNOWN = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01
TYPE_NAME = 0x07


class NoUrl(CardRefused):
    """A card's NDEF message holds no URL that could be a proof."""


def url_of(message: bytes) -> str:
    """The URL of the message's first record. Raises `NoUrl`, saying what is there instead."""
    if len(message) < 4:
        raise NoUrl(f"an NDEF message of {len(message)} bytes")
    head, type_length = message[0], message[1]
    if head & (BEGIN | CHUNK | TYPE_NAME) != BEGIN | WELL_KNOWN or type_length != 1:
        raise NoUrl(f"an NDEF record that is no URI (it begins {message[:4].hex()})")
    size = 1 if head & SHORT else 4
    length = int.from_bytes(message[2 : 2 + size], "big")
    at = 2 + size
    id_length = 0
    if head & WITH_ID and len(message) > at:
        id_length, at = message[at], at + 1
    begin = at + 1 + id_length
    if message[at : at + 1] != b"U" or length < 1 or begin + length > len(message):
        raise NoUrl("an NDEF record that is no URI, or is cut short")
    return _text(message[begin : begin + length])


def _text(payload: bytes) -> str:
    if payload[0] >= len(PREFIXES):
        raise NoUrl(f"a URI prefix {payload[0]:02x} that nobody knows")
    rest = payload[1:]
    if any(not 0x21 <= byte <= 0x7E for byte in rest):
        raise NoUrl("a URL with characters that no URL has")
    url = PREFIXES[payload[0]] + rest.decode("ascii")
    if len(url) > MAX_URL:
        raise NoUrl(f"a URL of {len(url)} characters, more than {MAX_URL}")
    return url


def message_of(url: str) -> bytes:
    """The message with this URL, as short as it can be. Raises ValueError for one that does not fit a card."""
    code = max(range(len(PREFIXES)), key=lambda n: len(PREFIXES[n]) * url.startswith(PREFIXES[n]))
    payload = bytes((code,)) + url[len(PREFIXES[code]) :].encode("ascii")
    if len(payload) > 0xFF:
        raise ValueError(f"a URL of {len(url)} characters does not fit a card")
    return bytes((BEGIN | END | SHORT | WELL_KNOWN, 1, len(payload))) + b"U" + payload
