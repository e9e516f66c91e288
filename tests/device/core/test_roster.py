"""The roster by itself: what a badge is worth, and that it knows cards by keyed digests alone."""

import secrets

import msgspec
import pytest

from device.core.economy import Economy
from device.core.picture import Picture
from device.core.proofs import Proofs
from device.core.roster import Roster, Verdict
from device.core.station import NoCards
from gateway.roster import RosterBadge, RosterDuty, Wanted, for_unit
from tests.roster import badge
from wire.cards.ring import PURPOSE, decode
from wire.orders import UnitConfig
from wire.seal import public_of, unseal

KNOWN, REVOKED, STRANGE, DUTY = "04a1b2c3", "04a1b2c4", "04a1b2ff", "04d00001"
CONFIG = UnitConfig(
    badges=[
        badge(KNOWN, "p-1", valid_from_ms=100, valid_to_ms=200),
        badge(REVOKED, "p-2", revoked=True),
    ]
)


def roster(config=None, cards=None):
    made = Roster(
        Proofs(cards or NoCards()), Picture("v-1", "checkpoint", "9c1b22f0", "0", Economy())
    )
    if config:
        made.configure(config)
    return made


@pytest.mark.parametrize(
    ("uid", "at_ms", "person", "result"),
    [
        (KNOWN, 99, "p-1", "expired"),
        (KNOWN, 100, "p-1", "accepted"),
        (KNOWN, 199, "p-1", "accepted"),
        (KNOWN, 200, "p-1", "expired"),
        (KNOWN, None, "p-1", "accepted"),
        (REVOKED, 150, "p-2", "revoked"),
        (REVOKED, None, "p-2", "revoked"),
        (STRANGE, 150, None, "unknown"),
    ],
)
def test_what_a_badge_is_worth(uid, at_ms, person, result):
    assert roster(CONFIG).judge(uid, at_ms) == Verdict(person, result)


def test_without_a_configuration_every_badge_is_unknown():
    assert roster().judge(KNOWN, 150) == Verdict(None, "unknown")


class Opened:
    """The unit's own key, by which it opens what was sealed to it."""

    def __init__(self):
        self.private = secrets.token_bytes(32)

    def open(self, sealed):
        return decode(unseal(sealed, self.private, "v-1", PURPOSE))


WANTED = Wanted(badges=[RosterBadge(KNOWN, "p-1")], duties=[RosterDuty(DUTY, "patrol")])


def test_what_the_gateway_sealed_is_known_here_and_stands_nowhere_in_clear():
    own = Opened()
    told = for_unit(WANTED, "v-1", public_of(own.private), None)
    text = msgspec.json.encode(told).decode()
    assert not any(uid in text for uid in (KNOWN, DUTY))
    made = roster(told, own)
    assert made.judge(KNOWN, None) == Verdict("p-1", "accepted")
    assert (made.duty(DUTY), made.duty(KNOWN), made.badge(DUTY)) == ("patrol", None, None)


def test_two_units_have_other_digests_of_one_badge():
    told = [for_unit(WANTED, "v-1", public_of(secrets.token_bytes(32)), None) for _ in range(2)]
    assert len({config.badges[0].card for config in told}) == 2
