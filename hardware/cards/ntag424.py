"""What a technician's program asks of an NTAG 424 DNA: its settings, its SUN template.

Source: NXP NT4H2421Gx 10.
"""

from hardware.cards import ndef
from hardware.cards.apdu import DONE, Exchange, ask, native
from hardware.cards.session import Session
from hardware.cards.settings import FREE, FileSettings, Sdm, decode_answer

NDEF_FILE = 2
FILE_BYTES = 256
PIECE = 128
CHANGE, META, FILE = 0, 1, 2
"""Numbers of the keys: to change the card, of the PICC data, of SUN."""

_SLOT = "0" * 32
_MAC = "0" * 16


def sun_template(url: str) -> tuple[bytes, Sdm]:
    """The NDEF file for SUN under `url` (`url?e=…&c=…`), and where the card writes in it.

    Raises ValueError for a URL that has a query, is no plain ASCII, or does not fit the card.
    """
    if not url.isascii() or not url.isprintable() or set(url) & set("?#& "):
        raise ValueError("give a URL of plain characters, without ? and what follows it")
    message = ndef.message_of(f"{url}?e={_SLOT}&c={_MAC}")
    content = len(message).to_bytes(2, "big") + message
    if len(content) > FILE_BYTES:
        raise ValueError(f"a URL of {len(url)} characters does not fit the card")
    picc_at, mac_at = len(content) - 16 - 3 - 32, len(content) - 16
    return content, Sdm(META, FILE, picc_at=picc_at, input_at=mac_at, mac_at=mac_at)


def wanted_settings(sdm: Sdm) -> FileSettings:
    """Anybody may read, and only the holder of the change key may write."""
    return FileSettings(FREE, CHANGE, CHANGE, CHANGE, "plain", sdm)


def get_settings(exchange: Exchange) -> FileSettings:
    """The NDEF file's settings, without authentication. Raises `StatusError`, `BadSettings`."""
    said = ask(exchange, native(0xF5, bytes((NDEF_FILE,))), "the file's settings", DONE)
    return decode_answer(said)[0]


def change_settings(session: Session, settings: FileSettings) -> None:
    """Changes the NDEF file's settings; it asks for the key that may. Raises `StatusError`."""
    session.command(0x5F, bytes((NDEF_FILE,)), settings.encode(), "full")


def write_ndef(session: Session, content: bytes) -> None:
    """Writes the NDEF file from its beginning. Raises `StatusError`."""
    for at in range(0, len(content), PIECE):
        piece = content[at : at + PIECE]
        session.command(0x8D, _span(at, len(piece)), piece)


def read_ndef(session: Session, length: int) -> bytes:
    """The NDEF file's beginning as it was written: no SUN message is made in it, and none is counted.

    Raises `StatusError`.
    """
    spans = ((at, min(PIECE, length - at)) for at in range(0, length, PIECE))
    return b"".join(session.command(0xAD, _span(*span)) for span in spans)


def _span(at: int, length: int) -> bytes:
    return bytes((NDEF_FILE,)) + at.to_bytes(3, "little") + length.to_bytes(3, "little")
