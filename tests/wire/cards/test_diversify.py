"""Diversified keys: AN10922's own example, and CMAC by hand for each length."""

import pytest

from wire.cards.cipher import cmac
from wire.cards.diversify import diversify

MASTER = bytes.fromhex("00112233445566778899aabbccddeeff")


def test_the_published_example():
    """AN10922 2.2.1: UID 04782E21801D80, application 3042F5, system "NXP Abu"."""
    card = bytes.fromhex("04782e21801d80") + bytes.fromhex("3042f5") + b"NXP Abu"
    assert diversify(MASTER, card).hex() == "a8dd63a3b89d54b37ca802473fda9175"


@pytest.mark.parametrize(
    ("card", "key"),
    [
        (b"\x42", "3d1106b2ba806a03e611645583343c60"),
        (bytes(range(15)), "5a3c7f6f0687f24f82dee7eda0970d08"),
    ],
)
def test_short_inputs_are_padded_to_two_blocks(card, key):
    """Not CMAC's own one block; worked out with openssl's AES-CBC and the K2 that AN10922 prints."""
    assert diversify(MASTER, card).hex() == key != cmac(MASTER, b"\x01" + card).hex()


@pytest.mark.parametrize("length", [16, 30, 31])
def test_long_ones_are_plain_cmac(length):
    card = bytes(range(length))
    assert diversify(MASTER, card) == cmac(MASTER, b"\x01" + card)


def test_every_length_gives_another_key():
    assert len({diversify(MASTER, bytes(n)) for n in range(1, 32)}) == 31


@pytest.mark.parametrize("length", [0, 32])
def test_other_lengths_are_refused(length):
    with pytest.raises(ValueError, match="1 to 31 bytes"):
        diversify(MASTER, bytes(length))
