"""The fleet's command: what goes to all, and what is asked before anything begins."""

import json
import socket

import pytest

import xunkong
from provision.fleet import command as room
from provision.fleet.list import Member
from provision.fleet.run import Outcome
from provision.host.hostkey import fingerprint
from tests.provision.fleet.test_run import good


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Runs the command on a list; exit code, output, and what each process was told. Nobody is asked by SSH."""
    told = []

    def run(words, stdin):
        told.append((list(words), stdin))
        return good(words[words.index("--unit") + 1])

    keep = room.run_fleet
    monkeypatch.setattr(room, "run_fleet", lambda *words: keep(*words, run=run))

    def make(text, *more):
        (tmp_path / "fleet.csv").write_text(text)
        words = [
            "--lang",
            "en",
            "provision",
            "fleet",
            str(tmp_path / "fleet.csv"),
            "--gateway",
            "g",
        ]
        known = ["--known-hosts", str(tmp_path / "known_hosts")]
        code = xunkong.main([*words, *known, *more])
        said = capsys.readouterr()
        return code, said.out + said.err, told

    return make


def known(tmp_path, *hosts):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6h4hWvBrFqPqR3dJ2Mx0cK0n0B3qz5cC1pXoVQ1Q2b"
    (tmp_path / "known_hosts").write_text("".join(f"{host} {key}\n" for host in hosts))


def test_options_go_to_all_and_the_table_ends_it(call, tmp_path):
    known(tmp_path, "h1", "h2")
    code, said, told = call(
        "host,unit,role\nh1,u1,vehicle\nh2,u2,checkpoint\n",
        *(
            "--bundle",
            "b.zip",
            "--broker",
            "a",
            "--broker",
            "b:1",
            "--release-key",
            "r.pub",
            "--dry-run",
            "--keys-only",
            "--parallel",
            "1",
        ),
    )
    assert code == 0
    assert said.splitlines()[-1] == "2 of 2 on duty"
    words = told[0][0]
    assert words[:6] == ["--gateway", "g", "--release-key", "r.pub", "--bundle", "b.zip"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--broker"] == ["a", "b:1"]
    assert "--dry-run" in words and "--keys-only" in words and "--test-again" not in words
    assert told[0][1] == ""


def test_a_host_that_cannot_be_trusted_holds_up_no_other(call, tmp_path):
    known(tmp_path, "h2")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = f"host,unit,role\n127.0.0.1:{port},u1,vehicle\nh2,u2,vehicle\n"
    code, said, told = call(text, "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert (code, len(told)) == (1, 1)
    assert [(row["unit"], row["done"]) for row in rows] == [("u1", False), ("u2", True)]
    assert "cannot reach" in rows[0]["why"]


def test_a_line_may_give_the_fingerprint_that_is_trusted(call, ssh_server):
    port, key = ssh_server
    text = f"host,unit,role,host_key\n127.0.0.1:{port},u1,vehicle,"
    _, said, told = call(text + "SHA256:other\n")
    assert f"or give host_key {fingerprint(key)}" in said and told == []
    code, _, told = call(text + fingerprint(key) + "\n")
    assert (code, len(told)) == (0, 1)
    assert not any("SHA256" in word for word in told[0][0])


def test_on_a_dry_run_nobody_is_said_to_be_on_duty():
    member = Member("h", "u", "vehicle")
    one = Outcome(member, {"changed": ["boot"], "dry_run": True}, 1.0)
    said = [words.en for words in room.table([one])]
    assert said[0].endswith("would change: boot")
    assert said[1] == "1 of 1 can be made"


def test_how_many_at_a_time_has_limits(call):
    code, said, told = call("host,unit,role\nh1,u1,vehicle\n", "--parallel", "0")
    assert (code, told) == (2, [])
    assert "--parallel 0: give 1 to 50" in said


def test_one_network_for_all_comes_from_files(call, tmp_path):
    known(tmp_path, "h1")
    text = "host,unit,role\nh1,u1,vehicle\n"
    code, said, told = call(text, "--wifi", "Station 5")
    assert (code, told, "--wifi-password: give a file" in said) == (2, [], True)
    code, _, told = call(text, "--wifi", "Station 5", "--wifi-password", "w.txt")
    assert (code, told[0][1]) == (0, "")
    words = told[0][0]
    assert words[words.index("--wifi-password") + 1] == "w.txt"


def test_a_gateway_over_ssh_is_made_known_before_any_machine_is_begun(call, tmp_path):
    known(tmp_path, "h1")
    code, said, told = call(
        "host,unit,role\nh1,u1,vehicle\n", "--bundle", "b", "--gateway", "ssh://127.0.0.1:1"
    )
    assert (code, told) == (2, [])
    assert "cannot reach 127.0.0.1 port 1" in said


def test_each_process_reaches_the_gateway_over_ssh_as_it_was_given(call, tmp_path):
    known(tmp_path, "h1", "gw")
    url = ("--gateway", "ssh://me@gw/a/gateway.toml", "--gateway-key", "k")
    code, _, told = call("host,unit,role\nh1,u1,vehicle\n", "--bundle", "b", *url)
    words = told[0][0]
    assert code == 0
    assert [words[words.index(name) + 1] for name in url[::2]] == [*url[1::2]]
