"""Whom a unit believes: the newest signing certificate of its authority, and nobody else."""

import pytest

from device.trust import GatewayTrust
from tests.keys import SIGNER, Site
from wire.batch import BadPayload
from wire.words import Fault

TEXT = b"xk1|topic|{"
SITE = Site()
NEWER = SITE.bearer("gw", "sign", serial=2**120 + 1)
OLDER = SITE.bearer("gw", "sign", serial=2**120)


def trusting(held=None, authority=lambda: SITE.authority):
    return GatewayTrust(authority, held)


def check(trust, key, text=TEXT):
    return trust.check("gw", text, key.kid, key.sign(text))


def test_what_the_gateway_signed_is_believed_once_its_certificate_is_known():
    trust = trusting()
    assert check(trust, OLDER) == "the gateway's certificate is not known yet"
    assert trust.admit(OLDER.text) is True
    assert trust.admit(OLDER.text) is False
    assert check(trust, OLDER) is None


def test_a_remembered_certificate_needs_not_be_shown_again():
    trust = trusting(OLDER.text)
    assert check(trust, OLDER) is None
    assert trust.admit(OLDER.text) is False


def test_a_newer_key_takes_the_place_of_the_older_and_never_the_other_way_round():
    trust = trusting(OLDER.text)
    assert trust.admit(NEWER.text) is True
    assert "is not the gateway's" in check(trust, OLDER)
    assert check(trust, NEWER) is None
    with pytest.raises(BadPayload, match="older than the one that is known"):
        trust.admit(OLDER.text)
    assert check(trust, NEWER) is None


@pytest.mark.parametrize(
    "text",
    [
        Site().signing.text,
        SITE.bearer("gw").text,
        SITE.bearer("v-1", "sign").text,
        "nonsense",
        "",
    ],
    ids=["another authority's", "a log-in", "another name", "nonsense", "empty"],
)
def test_another_certificate_is_refused_and_changes_nothing(text):
    trust = trusting(OLDER.text)
    with pytest.raises(BadPayload, match="the gateway's certificate"):
        trust.admit(text)
    assert check(trust, OLDER) is None


def test_a_forged_and_a_missing_signature_are_named():
    trust = trusting(OLDER.text)
    assert check(trust, SIGNER) == f"signed with key {SIGNER.kid}, which is not the gateway's"
    assert trust.check("gw", TEXT, OLDER.kid, SIGNER.sign(TEXT)) == "its signature does not hold"
    assert trust.check("gw", TEXT + b"x", OLDER.kid, OLDER.sign(TEXT)) is not None
    assert trust.check("gw", TEXT, None, None) == "it is not signed"


def test_without_an_authority_nothing_is_believed():
    def none():
        raise Fault("没有", "there is none")

    trust = trusting(OLDER.text, none)
    assert check(trust, OLDER) == "the gateway's certificate is not known yet"
    with pytest.raises(BadPayload, match="there is none"):
        trust.admit(OLDER.text)
