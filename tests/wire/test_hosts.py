"""What a machine may be called, and what not."""

import pytest

from wire.hosts import check_hosts, is_host
from wire.words import Fault

SOUND = [
    "gw",
    "g",
    "7-gw.example.cn",
    "xn--55qx5d.cn",
    "10.0.0.7",
    "::1",
    "fd00::A",
    f"{'a' * 63}.cn",
]
UNSOUND = [
    "", "网关", "a b", "-a", "a-", "a-.cn", "a.", ".a", "a..b", "a_b", "a\n", "gw:8883", "http://a", "[::1]",
    "10.0.0.256", "10.0.0", "7", "::1::g", "fe80::1%eth0", 'fe80::1%a"\n[x]', "a" * 64, ".".join(["abc"] * 64),
]  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_what_is_one(text):
    assert is_host(text)


@pytest.mark.parametrize("text", UNSOUND)
def test_what_is_none(text):
    assert not is_host(text)
    with pytest.raises(Fault, match="is neither a host's name nor an address"):
        check_hosts(["gw", text])
