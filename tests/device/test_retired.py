"""Keys that are wiped: all of them, once and for all, and told of until new papers are laid."""

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.config import load
from device.journal.journal import Journal
from device.own_key import own_key
from device.papers import Papers, lay
from device.retired import is_retired, stay_off, wipe
from tests.notified import Heard
from wire.service import Service
from wire.words import Fault

CONFIG = """
[unit]
id = "cp-01"
role = "checkpoint"
[[broker]]
host = "127.0.0.1"
[journal]
path = "journal.db"
"""


@pytest.fixture
def box(tmp_path):
    """A unit's folder with all its secrets."""
    (tmp_path / "device.toml").write_text(CONFIG)
    folder = tmp_path / "identity"
    lay(folder, Ed25519PrivateKey.generate(), b"certificate", b"authority")
    (folder / "unit.next.pem").write_bytes(b"next key")
    own_key(tmp_path / "unit.key")
    with_settings(tmp_path)
    return tmp_path


def with_settings(box):
    journal = Journal.open(box / "journal.db")
    for name in ("config", "retire", "run"):
        journal.put_setting(name, {"kept": name})
    journal.close()


def settings(box):
    journal = Journal.open(box / "journal.db", read_only=True)
    try:
        return [name for name in ("config", "retire", "run") if journal.get_setting(name)]
    finally:
        journal.close()


def wiped(box):
    journal = Journal.open(box / "journal.db")
    try:
        wipe(box / "identity", box / "unit.key", journal)
    finally:
        journal.close()


def test_nothing_secret_is_left(box):
    secrets = [box / "identity/unit.pem", box / "identity/unit.next.pem", box / "unit.key"]
    held = [path.open("rb") for path in secrets]
    before = [file.read() for file in held]
    wiped(box)
    assert not any(path.exists() for path in secrets)
    for file, text in zip(held, before, strict=True):
        file.seek(0)
        assert file.read() != text
        file.close()
    assert settings(box) == ["run"]
    assert (box / "identity/ca.crt").exists()
    wiped(box)


def test_it_says_so_until_there_are_new_papers(box):
    assert not is_retired(box / "identity")
    wiped(box)
    assert is_retired(box / "identity")
    with pytest.raises(Fault, match="this unit is retired"):
        Papers("cp-01", box / "identity").load()
    lay(box / "identity", Ed25519PrivateKey.generate(), b"certificate", b"authority")
    assert not is_retired(box / "identity")


def test_a_link_in_a_key_s_place_leads_nowhere(box):
    other = box / "other"
    other.write_text("somebody else's")
    (box / "unit.key").unlink()
    (box / "unit.key").symlink_to(other)
    with pytest.raises(Fault, match="not all keys could be wiped"):
        wiped(box)
    assert other.read_text() == "somebody else's"
    assert is_retired(box / "identity")


@pytest.mark.parametrize("how", ["stop", "papers"])
def test_off_duty_it_wipes_what_was_left_and_tells_systemd(box, tmp_path, how):
    (box / "identity/retired").touch()
    heard, stop = Heard(tmp_path / "notify"), threading.Event()
    path = box / "device.toml"
    args = (path, load(path), stop, Service(heard.environ))
    thread = threading.Thread(target=stay_off, args=args)
    thread.start()
    try:
        heard.until("READY=1")
        assert not (box / "unit.key").exists()
        if how == "papers":
            lay(box / "identity", Ed25519PrivateKey.generate(), b"certificate", b"authority")
            thread.join(20)
            assert not thread.is_alive()
    finally:
        stop.set()
        thread.join(20)
        heard.close()
    assert not thread.is_alive()
    assert settings(box) == ["run"]
