"""Units' public keys: set by a technician, or by a unit's own signed greeting."""

import pytest

from gateway.unit_keys import sealed_to, set_unit_key, unit_key
from wire.seal import public_of
from wire.words import Fault


def test_a_greeting_replaces_the_key(any_store):
    for public in ("ab" * 32, "cd" * 32):
        with any_store.changing() as connection:
            sealed_to(connection, "cp-1", public, 1)
        assert unit_key(any_store, "cp-1") == public


def test_a_key_can_be_replaced_and_says_so(any_store):
    one, two = public_of(bytes(32)), public_of(bytes(range(32)))
    said = [set_unit_key(any_store, "cp-1", key) for key in (one, one, f" {two.upper()}\n")]
    assert said == [False, False, True]
    assert unit_key(any_store, "cp-1") == two


@pytest.mark.parametrize(
    ("unit", "public"), [("gw", "a" * 64), ("cp-1", "zz"), ("cp-1", "00" * 32)]
)
def test_what_is_no_unit_or_no_key_is_refused(store, unit, public):
    with pytest.raises(Fault):
        set_unit_key(store, unit, public)
    assert unit_key(store, unit) is None
