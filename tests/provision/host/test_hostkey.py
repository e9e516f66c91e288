"""A host key is asked about once; a host that is known is not asked about again."""

import socket
import subprocess

import pytest
from paramiko import ECDSAKey

from provision.host.hostkey import check_host_key, fingerprint
from provision.host.machine import Login, Machine
from tests.provision.conftest import faulty


def test_it_is_asked_about_once(ssh_server, tmp_path):
    port, key = ssh_server
    known, asked = tmp_path / "ssh" / "known_hosts", []

    def agree(question, shown):
        asked.append((question.en, shown))
        return True

    for _ in range(2):
        check_host_key("127.0.0.1", port, known, agree)
    assert asked[0][1] == fingerprint(key)
    assert len(asked) == 1
    assert known.read_text().split()[:2] == [f"[127.0.0.1]:{port}", key.get_name()]


def test_one_that_came_to_be_known_after_another_was_connected_to_is(ssh_server, tmp_path):
    """The SSH library reads the file once a process."""
    port, _ = ssh_server
    known = tmp_path / "known_hosts"
    login = Login("127.0.0.1", port, "root", password="x", known_hosts=known)
    assert "No host key" in faulty(Machine, login)
    check_host_key("127.0.0.1", port, known, lambda question, shown: True)
    assert "No host key" not in faulty(Machine, login)


def test_a_no_ends_it_and_nothing_is_remembered(ssh_server, tmp_path):
    port, key = ssh_server
    known = tmp_path / "known_hosts"
    said = faulty(check_host_key, "127.0.0.1", port, known, lambda question, shown: False)
    assert f"give --host-key {fingerprint(key)}" in said
    assert not known.exists()


def test_a_host_that_is_not_there(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    known = tmp_path / "known_hosts"
    assert "cannot reach" in faulty(check_host_key, "127.0.0.1", port, known, lambda q, s: True)


def test_a_fingerprint_is_as_ssh_keygen_shows_it(tmp_path):
    key = ECDSAKey.generate()
    (tmp_path / "k.pub").write_text(f"{key.get_name()} {key.get_base64()}\n")
    words = ["ssh-keygen", "-l", "-f", str(tmp_path / "k.pub")]
    try:
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed: apt install openssh-client")
    assert shown.split()[1] == fingerprint(key)
