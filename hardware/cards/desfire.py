"""What a technician's program asks of a DESFire EV2 or EV3: an application of our own for AES keys.

The application stands beside those of others. It has no files: what it proves is that the card has its
keys. What this does not touch is the card's own master key, which in a new card everybody knows: whoever
has the card in hand may erase the application with it, and can make none that would prove anything.

Source: MF3D(H)x3 (short data sheet); M075031 (the first DESFire) for CreateApplication and its settings.
"""

from hardware.cards.apdu import DONE, BadAnswer, Exchange, StatusError, ask, native

PICC = bytes(3)
"""Selects the card itself."""

MASTER_CHANGEABLE, FREE_LISTING, FREE_FILES, CHANGEABLE = 0x01, 0x02, 0x04, 0x08
"""Bits of an application's settings; the four above say which key changes the others (0: key 0)."""

AES, COUNT = 0x80, 0x0F
"""Of the second byte: the kind of its keys, and how many."""

SETTINGS = bytes((MASTER_CHANGEABLE | FREE_LISTING | CHANGEABLE, AES | 5))
"""Ours: key 0 changes all five keys and makes files; anybody may read these two bytes."""

NO_APPLICATION = 0x91A0


def has_application(exchange: Exchange, application: bytes) -> bool:
    """Selects the application (3 bytes, as they are sent); False where there is none. Raises `StatusError`."""
    try:
        ask(exchange, native(0x5A, application), "our application", DONE)
    except StatusError as exc:
        if exc.status == NO_APPLICATION:
            return False
        raise
    return True


def create_application(exchange: Exchange, application: bytes) -> None:
    """Makes the application, whose keys are five zero keys of version 0, and selects it.

    Asks for no authentication, as a new card does not. Raises `StatusError`.
    """
    ask(exchange, native(0x5A, PICC), "the card itself", DONE)
    ask(exchange, native(0xCA, application + SETTINGS), "a new application", DONE)
    ask(exchange, native(0x5A, application), "our application", DONE)


def get_settings(exchange: Exchange) -> bytes:
    """The two bytes of the selected application's settings. Raises `StatusError`, `BadAnswer`."""
    said = ask(exchange, native(0x45), "the application's settings", DONE)
    if len(said) != 2:
        raise BadAnswer(f"application settings of {len(said)} bytes")
    return said
