"""`xunkong fleet list`."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.care.listing import DAY_MS, ago, until
from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.by_hand import key_folder
from gateway.fleet.roll import Asked, issue


def names(rows):
    return [row["unit"] for row in rows]


def test_all_units_with_what_matters(rows):
    one, two, three = rows("list")
    assert (one["unit"], one["online"], one["queue"]) == ("cp-01", True, {"event": 3})
    assert one["alarms"] == ["part nfc: \x1b[31msilent"]
    assert (two["version"], two["cert_end_ms"]) == ("0.1.0", None)
    assert (three["role"], three["online"]) == ("vehicle", False)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("cp-*",), ["cp-01", "cp-02"]),
        (("cp-02", "v-*"), ["cp-02", "v-01"]),
        (("--offline",), ["v-01"]),
        (("--alarm",), ["cp-01"]),
        (("--version", "0.2.0"), ["cp-01", "v-01"]),
        (("--version", "0.2.0", "--offline", "cp-*"), []),
    ],
)
def test_those_that_are_asked_for(rows, words, found):
    assert names(rows("list", *words)) == found


def test_in_a_terminal(typed):
    code, out, _ = typed("list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:4] == ["UNIT", "STATE", "HEARD", "VERSION"]
    assert len({line.index("0.") for line in lines[1:4]}) == 1
    assert "\x1b" not in out
    assert lines[-1] == "3 units: 2 online, 1 offline, 1 with alarms"
    assert re.search("[\u4e00-\u9fff]", typed("list", language="zh")[1])
    assert typed("list", "no-such-*")[1].splitlines()[-1].startswith("0 units")


def test_until_when_its_certificate_holds(site, rows):
    path, store = site
    public = Ed25519PrivateKey.generate().public_key()
    with store.changing() as connection:
        asked = Asked("cp-02", public, "log-in", 30)
        issue(connection, key_folder(load(path)).issuer(), asked, now_ms())
    (row,) = rows("list", "cp-02")
    days = (row["cert_end_ms"] - now_ms()) / DAY_MS
    assert 29 < days <= 30


def test_times_in_words():
    assert [ago(s, "en") for s in (None, -1, 59, 61, 7200, 90_000)] == [
        "-", "0 s", "59 s", "1 min", "2 h", "1 d",
    ]  # fmt: skip
    assert [until(ms, 0, "en") for ms in (None, 0, 3 * DAY_MS, 30 * DAY_MS)] == [
        "none!", "over!", "3 d!", "30 d",
    ]  # fmt: skip
