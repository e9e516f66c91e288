"""The cards' ciphers stand twice, as `wire` and `hardware` import none of ours: they stay the same."""

import inspect

import pytest

from hardware.cards import aes
from wire.cards import cipher


@pytest.mark.parametrize("name", ["encrypt", "decrypt", "cmac", "short_mac"])
def test_both_are_the_same(name):
    assert inspect.getsource(getattr(aes, name)) == inspect.getsource(getattr(cipher, name))
