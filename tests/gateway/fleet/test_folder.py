"""The site's keys as files: private, whole or not at all, and what is wrong with them said to a person."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.fleet.certificates import certify, new_issuer, revocation_list
from gateway.fleet.folder import KeyFolder, replace_file
from wire.words import Fault


@pytest.fixture
def folder(tmp_path):
    return KeyFolder(tmp_path / "keys")


@pytest.fixture
def issuer():
    return new_issuer("test", 1_795_000_000_000)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_put_there_is_read_back(folder, issuer):
    key = Ed25519PrivateKey.generate()
    made = certify(issuer, "gw", key.public_key(), "sign", 1_795_000_000_000, 30)
    folder.put_key("ca", issuer.key)
    folder.put_certificate("ca", issuer.certificate)
    folder.put_key("signing", key)
    folder.put_certificate("signing", made)
    assert folder.revocations() is None
    folder.put_revocations(revocation_list(issuer, (), 1))
    assert folder.issuer().certificate == issuer.certificate
    assert folder.key("signing").private_bytes_raw() == key.private_bytes_raw()
    assert folder.certificate("signing") == made
    assert len(folder.revocations()) == 0


def test_private_keys_are_their_owner_s_alone_even_where_all_may_read(folder, issuer):
    before = os.umask(0)
    try:
        folder.put_key("ca", issuer.key)
        folder.put_certificate("ca", issuer.certificate)
    finally:
        os.umask(before)
    assert mode(folder.path / "ca.key") == 0o600
    assert mode(folder.path / "ca.crt") == 0o644
    assert sorted(path.name for path in folder.path.iterdir()) == ["ca.crt", "ca.key"]


def test_a_key_that_others_can_read_is_refused(folder, issuer):
    folder.put_key("ca", issuer.key).chmod(0o640)
    with pytest.raises(Fault, match=r"ca.key can be read by others; run chmod 600 .*ca.key"):
        folder.issuer()


def test_a_file_replaced_keeps_whose_it_was(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = replace_file(tmp_path / "crl.pem", b"1", 0o644)
    os.chown(path, 12345, 12345)
    replace_file(path, b"2", 0o644)
    assert (path.read_bytes(), path.stat().st_uid) == (b"2", 12345)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n-----END"])
def test_a_spoilt_key_is_named_and_not_shown(folder, content):
    replace_file(folder.path / "ca.key", content, 0o600)
    with pytest.raises(Fault, match=r"ca.key cannot be used: .*; put it back from a backup"):
        folder.issuer()


def test_a_key_of_another_kind(folder, issuer):
    folder.put_certificate("ca", issuer.certificate)
    folder.put_key("ca", Ed25519PrivateKey.generate())
    with pytest.raises(Fault, match="not a P-256 key"):
        folder.issuer()
    folder.put_key("ca", ec.generate_private_key(ec.SECP256R1()))
    assert folder.issuer()


def test_what_is_missing_says_how_it_is_made(folder):
    assert not folder.has_issuer
    with pytest.raises(
        Fault, match=r"cannot read .*ca.key: .*; xunkong gateway init makes the keys"
    ):
        folder.issuer()


def test_where_nothing_can_be_written():
    with pytest.raises(Fault, match=r"cannot write /proc/xunkong/ca\.crt"):
        replace_file(Path("/proc/xunkong/ca.crt"), b"", 0o644)


def test_a_key_may_be_read_by_a_group_of_services_and_stays_so_when_it_is_replaced(folder, issuer):
    key = Ed25519PrivateKey.generate()
    folder.put_key("signing", key).chmod(0o640)
    assert folder.key("signing").private_bytes_raw() == key.private_bytes_raw()
    assert mode(folder.put_key("signing", key)) == 0o640
    folder.put_key("signing", key).chmod(0o644)
    with pytest.raises(Fault, match=r"signing.key can be read by others"):
        folder.key("signing")
