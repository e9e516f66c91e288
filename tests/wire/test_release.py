"""A release's file: nothing of one is believed that is cut, changed, or signed by nobody or somebody else."""

import io
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import SIGNER
from wire.keys import KeySigner
from wire.release import (
    BadRelease,
    Deb,
    Manifest,
    Named,
    Wheel,
    head_bytes,
    named,
    part_bytes,
    public_key,
    rank,
    read_head,
    verify,
)
from wire.words import Fault

PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
BODIES = {"xunkong-0.2.0-py3-none-any.whl": b"first" * 100, "lamp-1.0-py3-none-any.whl": b"second"}


def manifest(**changes):
    wheels = [Wheel(name, len(body), sha256(body).hexdigest()) for name, body in BODIES.items()]
    fields = {
        "v": 1,
        "version": "0.2.0",
        "least": "0.1",
        "journal": 1,
        "arch": "aarch64",
        "os": "bookworm",
        "made_ms": 0,
        "wheels": wheels,
    }
    return Manifest(**{**fields, **changes})


def text(signer=SIGNER, **changes):
    return head_bytes(manifest(**changes), signer) + b"".join(BODIES.values())


WHOLE = text()
DEB = Deb("Packages", 4, sha256(b"debs").hexdigest())


def test_a_whole_and_signed_one_is_read():
    head = verify(io.BytesIO(WHOLE), PUBLIC)
    assert (head.manifest.version, head.manifest.machine) == ("0.2.0", "aarch64-bookworm")
    assert (head.size, head.manifest.kid) == (len(WHOLE), SIGNER.kid)
    for wheel in head.manifest.wheels:
        assert b"".join(part_bytes(io.BytesIO(WHOLE), head, wheel)) == BODIES[wheel.name]


def test_patches_are_read_too_and_are_known_for_what_they_are():
    head = verify(
        io.BytesIO(head_bytes(manifest(wheels=[], journal=0, debs=[DEB])) + b"debs"), None
    )
    assert (head.manifest.kind, [part.name for part in head.manifest.files]) == (
        "patches",
        ["Packages"],
    )
    assert verify(io.BytesIO(WHOLE), PUBLIC).manifest.kind == "software"


@given(st.integers(0, len(WHOLE) - 1))
def test_cut_anywhere_it_is_refused(at):
    with pytest.raises(BadRelease):
        verify(io.BytesIO(WHOLE[:at]), PUBLIC)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_with_any_byte_changed_it_is_refused(at, by):
    spoilt = bytearray(WHOLE)
    spoilt[at] ^= by
    with pytest.raises(BadRelease):
        verify(io.BytesIO(bytes(spoilt)), PUBLIC)


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (text(None), "not signed"),
        (text(KeySigner(Ed25519PrivateKey.generate())), "signature does not hold"),
        (WHOLE + b"x", "follows the last file"),
        (text(wheels=manifest().wheels[:1] * 2), "twice"),
        (text(version="0.2.0; rm -rf /"), "manifest cannot be read"),
        (text(arch="mips"), "manifest cannot be read"),
        (text(wheels=[Wheel("../x.whl", 1, "0" * 64)]), "manifest cannot be read"),
        (text(wheels=[]), "wheels, or debs"),
        (text(debs=[DEB]), "wheels, or debs"),
        (text(journal=0), "journal's format"),
        (text(wheels=[], debs=[DEB]), "patches have none"),
        (text(wheels=[], debs=[Deb("x.whl", 1, "0" * 64)]), "manifest cannot be read"),
        (b"XKR1 999999 -\n", "more than"),
        (b"PK\x03\x04", "no release"),
        (b"", "no release"),
    ],
)
def test_what_is_refused_is_told_why(whole, why):
    with pytest.raises(BadRelease, match=why):
        verify(io.BytesIO(whole), PUBLIC)


def test_without_a_key_to_hold_it_against_an_unsigned_one_can_be_looked_at():
    assert verify(io.BytesIO(text(None)), None).sig is None


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_be_refused(raw):
    with pytest.raises(BadRelease):
        read_head(io.BytesIO(raw))


def test_a_wheel_that_changes_between_two_looks_is_found_at_its_end():
    """What checks and what unpacks read the file one after the other, and somebody else may write it."""
    head = verify(io.BytesIO(WHOLE), PUBLIC)
    spoilt = bytearray(WHOLE)
    spoilt[head.body_at] ^= 1
    with pytest.raises(BadRelease, match="not what the manifest says"):
        list(part_bytes(io.BytesIO(bytes(spoilt)), head, head.manifest.wheels[0]))


@pytest.mark.parametrize(
    "order", [("0.9", "0.10"), ("0.9.9", "1.0"), ("1", "1.0.1"), ("0.2", "0.2.0.1")]
)
def test_versions_are_ordered_by_number(order):
    assert rank(order[0]) < rank(order[1])
    assert rank("1.0") == rank("1.0.0")


def test_an_order_names_a_release_in_words():
    one = Named("0.2.0", "ab" * 32, 1234)
    assert named(str(one)) == one


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "0.2.0",
        f"0.2.0 {'ab' * 32}",
        f"0.2.0 {'ab' * 32} 0",
        f"0.2.0 {'ab' * 32} -1",
        f"0.2.0 {'ab' * 32} 99999999999",
        f"0.2.0 {'AB' * 32} 5",
        f"v2 {'ab' * 32} 5",
        f"0.2.0  {'ab' * 32} 5",
        f"0.2.0 {'ab' * 32} 5\n",
    ],
)
def test_other_words_name_none(said):
    assert named(said) is None


def test_a_public_key_that_is_none_is_told_of(tmp_path):
    path = tmp_path / "release.pub"
    with pytest.raises(Fault, match="release keys makes it"):
        public_key(path)
    path.write_text("no key")
    with pytest.raises(Fault, match="cannot be used"):
        public_key(path)
