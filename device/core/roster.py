"""The desk of the roster: whose a card is, and what it stands for. It knows cards by keyed digests alone."""

from msgspec import Struct

from device.core.desk import Desk
from device.core.picture import Picture
from device.core.proofs import Proofs
from wire.cards.digest import card_digest
from wire.orders import Badge, UnitConfig
from wire.records import Result


class Verdict(Struct, frozen=True):
    """What a badge is worth: `person` None where the roster does not know it."""

    person: str | None
    result: Result


class Roster(Desk):
    """The cards of one configuration. Without a configuration every badge is unknown."""

    def __init__(self, proofs: Proofs, picture: Picture) -> None:
        self._proofs, self._picture = proofs, picture
        self._badges: dict[str, Badge] = {}
        self._duties: dict[str, str] = {}

    def configure(self, config: UnitConfig) -> None:
        """A badge stays a badge, whatever else its tag is enrolled as: nobody's presence is lost."""
        fault = self._proofs.configure(config)
        self._picture.alarm("card keys", fault and f"card keys: {fault}")
        self._badges = {badge.card: badge for badge in config.badges}
        self._duties = {d.card: d.duty for d in config.duties if d.card not in self._badges}

    def badge(self, uid: str) -> Badge | None:
        """The badge with this UID; None where the roster has none."""
        return self._badges.get(self._digest(uid))

    def duty(self, uid: str) -> str | None:
        """The duty that this tag stands for; None where it is no duty card."""
        return self._duties.get(self._digest(uid))

    def judge(self, uid: str, at_ms: int | None) -> Verdict:
        """Judges a badge at UTC `at_ms`; None (no clock) passes it, and the gateway judges again."""
        badge = self.badge(uid)
        if badge is None:
            return Verdict(None, "unknown")
        if badge.revoked:
            return Verdict(badge.person, "revoked")
        return Verdict(badge.person, "accepted" if _valid(badge, at_ms) else "expired")

    def _digest(self, uid: str) -> str:
        return card_digest(self._proofs.keys.roster or b"", uid)


def _valid(badge: Badge, at_ms: int | None) -> bool:
    if at_ms is None:
        return True
    begun = badge.valid_from_ms is None or at_ms >= badge.valid_from_ms
    return begun and (badge.valid_to_ms is None or at_ms < badge.valid_to_ms)
