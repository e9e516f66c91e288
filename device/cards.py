"""What the unit's core cannot do itself with cards: open the sealed keys, and check a SUN message.

The ciphers are imported at the first need: a unit without card keys never loads them.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from device.own_key import own_key
from wire.cards.ring import PURPOSE, KeyRing, decode
from wire.words import Fault

if TYPE_CHECKING:
    from wire.cards.sun import SunMessage


class CardCiphers:
    """The ciphers of one unit, by the key in the file `key`; one that is out of order opens nothing."""

    def __init__(self, unit: str, key: Path) -> None:
        self._unit = unit
        self._key: bytes | Fault
        try:
            self._key = own_key(key)
        except Fault as exc:
            self._key = exc

    @property
    def public(self) -> str | None:
        """The public key that secrets are sealed to (hex); None where the unit's own is out of order."""
        from wire.seal import public_of

        return None if isinstance(self._key, Fault) else public_of(self._key)

    def open(self, sealed: str) -> KeyRing:
        """The keys that were sealed to this unit. Raises `Fault`."""
        from wire.seal import unseal

        if isinstance(self._key, Fault):
            raise self._key
        return decode(unseal(sealed, self._key, self._unit, PURPOSE))

    def counter(self, keys: KeyRing, uid: str, sun: str) -> int | None:
        """The read counter that the message `sun` proves of card `uid`; None where it is no SUN message.

        Raises `Fault` for one that the card's key does not bear out, or that is another card's.
        """
        from wire.cards import sun as messages

        try:
            message = messages.parse(sun)
        except messages.BadSun:
            return None
        for ring in keys.earlier:
            try:
                return _proven(message, ring, uid)
            except Fault:
                continue
        return _proven(message, keys, uid)


def _proven(message: "SunMessage", keys: KeyRing, uid: str) -> int:
    from wire.cards.sun import SunKeys, verify

    tap = verify(message, SunKeys(keys.meta, keys.sun[uid]))
    if tap.uid != uid:
        raise Fault(f"SUN 消息属于卡 {tap.uid}", f"the SUN message is of card {tap.uid}")
    return tap.counter
