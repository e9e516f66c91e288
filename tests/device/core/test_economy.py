"""Less is sent as the cap nears: photos first, then positions, never events."""

import pytest

from device.core.economy import Economy, Plan
from wire.orders import Sampling


@pytest.mark.parametrize(
    ("used", "saving"),
    [
        (0, None),
        (799, None),
        (800, "photos"),
        (949, "photos"),
        (950, "positions"),
        (5_000, "positions"),
    ],
)
def test_photos_first_then_positions(used, saving):
    assert Plan(1_000).saving(used) == saving


def test_thinned_means_recorded_more_seldom_with_every_corner():
    economy = Economy()
    wanted = Sampling(moving_s=1, rest_s=60, corner_deg=20)
    assert economy.sampling(wanted) is wanted
    assert economy.photos(urgent=False)
    economy.saving = "photos"
    assert economy.sampling(wanted) is wanted
    assert not economy.photos(urgent=False)
    assert economy.photos(urgent=True)
    economy.saving = "positions"
    assert economy.sampling(wanted) == Sampling(moving_s=5, rest_s=300, corner_deg=20)
    assert not economy.photos(urgent=False)
    assert economy.photos(urgent=True)


def test_a_city_that_wants_fewer_still_gets_no_more():
    economy = Economy()
    economy.saving = "positions"
    assert economy.sampling(Sampling(moving_s=30, rest_s=3600)).moving_s == 30


def test_an_order_or_an_sos_is_followed_live_whatever_the_cap():
    economy = Economy()
    economy.saving = "positions"
    assert economy.pos_every_ms(1_000, pressing=False) == 10_000
    assert economy.pos_every_ms(1_000, pressing=True) == 1_000
