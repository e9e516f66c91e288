"""Cards of a roster as a unit has them, by the UID that a test knows."""

from wire.cards.digest import card_digest
from wire.orders import Badge, DutyCard


def badge(uid, *args, key=b"", **more):
    """The badge with this UID; `key`: the roster's, an empty one where none was sealed."""
    return Badge(card_digest(key, uid), *args, **more)


def duty_card(uid, duty, key=b""):
    return DutyCard(card_digest(key, uid), duty)
