"""`xunkong gateway order …`, as somebody types it."""

import json
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import xunkong
from gateway.config import load
from gateway.fleet.folder import KeyFolder
from gateway.fleet.roll import Asked, issue, strike_out
from gateway.site import lay_out
from gateway.store.open import open_store
from gateway.store.schema import units


@pytest.fixture
def xk(tmp_path, capsys):
    toml = tmp_path / "site" / "gateway.toml"
    lay_out(toml.parent)
    store = open_store(load(toml).store.url)
    with store.changing() as connection:
        for unit in ("cp-01", "cp-02"):
            connection.execute(units.insert().values(unit=unit, online=False))
        strike_out(connection, "cp-02", "scrapped", 1)
        key = Ed25519PrivateKey.generate().public_key()
        at_ms = time.time_ns() // 1_000_000
        issuer = KeyFolder(toml.parent / "keys").issuer()
        issue(connection, issuer, Asked("spare-1", key, "log-in", 30), at_ms)
    store.close()

    def run(*words, language="en"):
        command = ["--lang", language, "gateway", "order", *words, "--config", str(toml)]
        code = xunkong.main(command)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_order_is_kept_and_listed(xk):
    assert xk("send", "--unit", "cp-01", "text", "come in")[0] == 0
    assert xk("send", "--unit", "cp-01", "locate")[0] == 0
    listed = [json.loads(line) for line in xk("list", "--json")[1].splitlines()]
    assert [(row["what"], row["text"], row["outcome"]) for row in listed] == [
        ("text", "come in", "waiting"),
        ("locate", None, "waiting"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("phto",), "there is no order 'phto'; give locate, patch, photo"),
        (("text",), "text needs TEXT"),
    ],
)
def test_a_slip_of_the_pen_is_no_order(xk, words, said):
    code, out, err = xk("send", "--unit", "cp-01", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert re.search("[\u4e00-\u9fff]", xk("send", "--unit", "cp-01", *words, language="zh")[2])
    assert xk("list", "--json")[1] == ""


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("nobody", "no unit 'nobody' is known; see xunkong fleet list"),
        ("cp-02", "cp-02 is out of service (scrapped)"),
    ],
)
def test_who_would_never_hear_of_it_is_given_none(xk, unit, said):
    code, out, err = xk("send", "--unit", unit, "photo")
    assert (code, out) == (2, "")
    assert said in err
    assert xk("list", "--json")[1] == ""


def test_who_has_papers_may_come_yet(xk):
    assert xk("send", "--unit", "spare-1", "photo")[0] == 0
