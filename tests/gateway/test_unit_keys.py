"""Card keys sealed to a unit: only those it needs, only to the key that a technician set."""

from pathlib import Path

import pytest

from device.cards import CardCiphers
from device.own_key import own_key
from gateway.config import CardsSection
from gateway.unit_config import push
from gateway.unit_keys import SealedKeys, seal_of, set_unit_key, unit_key, with_card_keys
from wire.cards.keyfile import write_keys
from wire.orders import Badge, UnitConfig
from wire.seal import public_of
from wire.words import Fault

TAG, FIRE, GONE, OLD = "04de5f1eacc040", "04c767f2066180", "04996c6a926980", "041e3c8a2d6b80"
CARDS = [(uid, "desfire" if uid == FIRE else "ntag424") for uid in (TAG, FIRE, GONE, OLD)]
CONFIG = UnitConfig(
    badges=[Badge(TAG, "a"), Badge(FIRE, "b"), Badge(GONE, "c", revoked=True), Badge(OLD, "d", valid_to_ms=1)]
)  # fmt: skip


@pytest.fixture
def section(tmp_path):
    write_keys(tmp_path / "card-keys.toml")
    return CardsSection(str(tmp_path / "card-keys.toml"))


@pytest.fixture
def ciphers(tmp_path, store):
    """The unit cp-1's, whose public key the gateway was told."""
    set_unit_key(store, "cp-1", public_of(own_key(tmp_path / "unit.key")))
    return CardCiphers("cp-1", tmp_path / "unit.key")


def test_the_unit_opens_what_was_sealed_for_it(store, section, ciphers):
    sealed, _ = with_card_keys(store, "cp-1", CONFIG, CARDS, section)
    keys = ciphers.open(sealed.card_keys)
    assert (set(keys.sun), set(keys.desfire), set(keys.ev2)) == ({TAG}, {FIRE}, set())


def test_what_is_sealed_is_noted_with_the_version(store, section, ciphers):
    config, sealed = with_card_keys(store, "cp-1", CONFIG, CARDS, section)
    assert sealed == SealedKeys(2, unit_key(store, "cp-1"))
    versions = [
        push(store, "cp-1", CONFIG),
        push(store, "cp-1", config, sealed),
    ]
    assert [seal_of(store, "cp-1", version) for version in versions] == [None, sealed]


def test_neither_the_master_nor_a_key_stands_in_the_configuration_in_clear(store, section, ciphers):
    sealed, _ = with_card_keys(store, "cp-1", CONFIG, CARDS, section)
    keys = ciphers.open(sealed.card_keys)
    said = repr(sealed)
    master = Path(section.keys).read_text("utf-8").split('"')[1]
    assert master not in said
    assert not any(key.hex() in said for key in (*keys.sun.values(), *keys.desfire.values()))


def test_another_unit_opens_nothing(store, section, ciphers, tmp_path):
    sealed, _ = with_card_keys(store, "cp-1", CONFIG, CARDS, section)
    for name, key in (("cp-2", "unit.key"), ("cp-1", "other.key")):
        with pytest.raises(Fault, match="cannot be opened"):
            CardCiphers(name, tmp_path / key).open(sealed.card_keys)


def test_a_roster_of_plain_cards_needs_neither_key(store):
    plain = [(uid, "uid") for uid, _ in CARDS]
    assert with_card_keys(store, "cp-1", CONFIG, plain, CardsSection()) == (CONFIG, None)


def test_what_is_wanting_is_said(store, section):
    with pytest.raises(Fault, match=r"no \[cards\] keys"):
        with_card_keys(store, "cp-1", CONFIG, CARDS, CardsSection())
    with pytest.raises(Fault, match="unit-key set"):
        with_card_keys(store, "cp-1", CONFIG, CARDS, section)


def test_a_card_whose_uid_gives_no_key_is_refused(store, section, ciphers):
    short = UnitConfig(badges=[Badge("04a1b2c3", "a")])
    with pytest.raises(Fault, match="7 bytes"):
        with_card_keys(store, "cp-1", short, [("04a1b2c3", "ntag424")], section)


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
