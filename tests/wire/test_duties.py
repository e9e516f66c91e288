"""The table of duties."""

import pytest

from wire.duties import AUXILIARY, DutyKind, duty_table
from wire.words import Fault


def test_there_are_eight_of_an_auxiliary_and_all_have_both_names():
    assert len(AUXILIARY) == 8
    for kind in duty_table().values():
        assert kind.en.isascii()
        assert not kind.zh.isascii()


def test_a_site_has_its_own_beside_them():
    own = DutyKind("lantern", "灯会", "lantern fair")
    assert duty_table([own])["lantern"] == own
    assert "patrol" in duty_table([own])


def test_none_is_given_twice():
    with pytest.raises(Fault, match="'patrol' is there already"):
        duty_table([DutyKind("patrol", "巡", "p")])
