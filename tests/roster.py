"""Cards of a roster: as a unit has them, by the UID that a test knows, and as the gateway reads them."""

from zoneinfo import ZoneInfo

from gateway.roster import keyed
from gateway.unit_config import read_unit_file
from wire.cards.digest import card_digest
from wire.orders import Badge, DutyCard


def badge(uid, *args, key=b"", **more):
    """The badge with this UID; `key`: the roster's, an empty one where none was sealed."""
    return Badge(card_digest(key, uid), *args, **more)


def duty_card(uid, duty, key=b""):
    return DutyCard(card_digest(key, uid), duty)


def cards_in(path):
    """The cards of a roster file that prove themselves, as the gateway takes them: UID and family."""
    return keyed(read_unit_file(path, ZoneInfo("UTC")).badges, now_ms=0)
