"""A gateway's machine from bare sshd, by one command; a unit that is provisioned through it; and a tap's whole way."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paramiko import HostKeys

from hardware.gps.synthetic import drive
from provision.gateway.job import GATEWAY
from provision.gateway.site import UNFINISHED
from provision.gateway.steps import STEPS
from provision.host.hostkey import fingerprint
from sim.city import wait_for
from tests.virtual_pi.depot import BADGE, MODEL, UNIT_CONFIG, WAIT_S, flashed, make_bundle, reported
from tests.virtual_pi.parts import Parts
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(1200)]

EVENTS = "/var/lib/platform.jsonl"
PLATFORM = (
    "systemd-run -q --unit platform /opt/xunkong/current/bin/xunkong sim platform "
    f"--port 8800 --store {EVENTS}"
)
TURNED_AWAY_S = 2.0


class Town:
    """A gateway's machine and a unit's, bare trixies; what a technician brings to both."""

    def __init__(self, folder: Path, yard: Yard) -> None:
        self.folder = folder
        self.bundle = make_bundle(folder, "trixie", made_for="gateway")
        stream = b"".join(drive(time.time_ns() // 1_000_000, 3600, seed=1))
        self.parts = Parts(stream, folder)
        self.gateway = flashed(yard.pi("gw", debian_root("trixie")))
        self.unit_bundle = make_bundle(folder, "trixie")

    def words(self, *more: str) -> list[str]:
        """The whole command that makes the gateway."""
        words = ["provision", "gateway", self.gateway.address, "--bundle", self.bundle]
        words += ["--platform", "http://127.0.0.1:8800/events", "--user", "pi"]
        words += ["--key", self.gateway.place.key, "--known-hosts", self.gateway.known_hosts]
        words += ["--report", self.folder, "--json", *more]
        return [sys.executable, "-m", "xunkong", *map(str, words)]

    def unit_words(self, pi: Pi) -> list[str]:
        """The command that makes `pi` a unit of it, through it."""
        key, known = pi.place.key, self.folder / "known_hosts"
        known.write_text(self.gateway.known_hosts.read_text())
        differs = self.folder / "parts.toml"
        differs.write_text('[panel]\nkind = "none"\n[gps]\nport = "/dev/ttyAMA0"\n', "utf-8")
        words = ["provision", "host", pi.address, "--unit", "cp-1", "--role", "checkpoint"]
        words += ["--gateway", f"ssh://pi@{self.gateway.address}", "--gateway-key", key]
        words += ["--bundle", self.unit_bundle, "--user", "pi"]
        words += ["--key", key, "--known-hosts", known, "--model-file", MODEL]
        shown = HostKeys(str(pi.known_hosts))[pi.address]["ssh-ed25519"]
        words += ["--host-key", fingerprint(shown)]
        words += ["--parts", differs, "--report", self.folder, "--json"]
        return [sys.executable, "-m", "xunkong", *map(str, words)]

    def says(self, words: str) -> list[dict[str, Any]]:
        """What `xunkong gateway WORDS` says there."""
        command = f"xunkong gateway {words} --config /etc/xunkong/gateway.toml --json"
        return [json.loads(line) for line in self.gateway.run(command).splitlines()]

    def lets_in(self, port: int) -> bool:
        """Whether its firewall lets a connection from here to `port`."""
        try:
            socket.create_connection((self.gateway.address, port), TURNED_AWAY_S).close()
        except TimeoutError:
            return False
        return True


@pytest.fixture(scope="module")
def town(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"), yard)
    made.gateway.power_on()
    with made.parts:
        yield made


def test_a_dry_run_changes_nothing(town: Town) -> None:
    code, report = reported(town.words("--dry-run"))
    assert (code, report["done"]) == (0, True), report
    assert {"packages", "software", "site", "firewall"} <= {*report["changed"]}
    assert not town.gateway.tries("test -e /opt/xunkong || test -e /etc/xunkong")


def test_broken_off_while_the_site_is_made_it_is_made_by_the_next_run(town: Town) -> None:
    names = [one.name for one in STEPS]
    before = names[names.index("site") - 1]
    with subprocess.Popen(town.words(), stdout=subprocess.PIPE, text=True) as laptop:
        assert laptop.stdout is not None
        for line in laptop.stdout:
            if json.loads(line).get("step") == before:
                break
        begun = town.gateway.tree / UNFINISHED.lstrip("/")
        assert wait_for(begun.exists, WAIT_S)
        laptop.kill()
    code, report = reported(town.words())
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    assert {"site", "check"} <= {*report["changed"]}
    assert not town.gateway.tries(f"test -e {UNFINISHED}")


def test_all_services_are_at_work_and_nothing_else_comes_in(town: Town) -> None:
    active = f"systemctl is-active {' '.join(GATEWAY.services)}"
    assert town.gateway.run(active).split() == ["active"] * len(GATEWAY.services)
    assert town.gateway.run("systemctl --failed --no-legend --plain") == ""
    assert [town.lets_in(port) for port in (22, 8883, 8884, 8885)] == [True, True, True, False]
    ended = "journalctl -q -u xunkong-authority | grep -q 'broker-check-1 was revoked.*is ended'"
    assert wait_for(lambda: town.gateway.tries(ended), WAIT_S)
    keys = town.gateway.run("stat -c '%a %U' /var/lib/xunkong/gateway/keys/ca.key")
    assert keys.split() == ["600", "xunkong-authority"]


def test_a_second_run_changes_nothing(town: Town) -> None:
    authority = town.gateway.run("sha256sum /var/lib/xunkong/gateway/keys/*")
    code, report = reported(town.words())
    assert (code, report["done"], report["changed"]) == (0, True, [])
    assert town.gateway.run("sha256sum /var/lib/xunkong/gateway/keys/*") == authority


def test_what_the_site_is_not_is_refused_and_may_be_changed_on_it(town: Town) -> None:
    other = ("--host", town.gateway.address, "--host", "gw.example.cn")
    code, report = reported(town.words(*other, "--port", "9000"))
    (step,) = report["steps"]
    assert (code, report["changed"], step["result"]) == (1, [], "failed")
    assert "--port 9000, but it has 8883" in step["words"]
    assert "--host gw.example.cn, but its broker's certificate has" in step["words"]
    town.says("ca renew broker --keep-key --host gw.example.cn")
    code, report = reported(town.words(*other, "--port", "8883"))
    assert (code, report["changed"]) == (0, []), report["steps"][-1]
    assert town.gateway.run("systemctl is-active mosquitto").strip() == "active"
    served = f"openssl s_client -connect {town.gateway.address}:8883 </dev/null 2>/dev/null"
    names = f"{served} | openssl x509 -noout -ext subjectAltName | grep -q DNS:gw.example.cn"
    assert wait_for(lambda: town.gateway.tries(names), WAIT_S)


def test_a_firewall_that_was_flushed_is_put_up_again_with_what_the_site_adds(town: Town) -> None:
    town.gateway.run(
        "mkdir -p /etc/xunkong/firewall.d && "
        "echo 'tcp dport 8885 accept' >/etc/xunkong/firewall.d/more.nft && nft flush ruleset"
    )
    code, report = reported(town.words())
    assert (code, report["changed"]) == (0, ["firewall"])
    assert not town.lets_in(9)
    assert "tcp dport 8885 accept" in town.gateway.run("nft list table inet xunkong")
    town.gateway.run("rm -r /etc/xunkong/firewall.d && systemctl reload nftables-xunkong")
    town.gateway.run("systemctl stop nftables && systemctl start nftables")
    assert wait_for(lambda: town.gateway.tries("nft list table inet xunkong"), WAIT_S)
    assert not town.lets_in(9)


def test_another_bundle_or_a_unit_is_refused(town: Town) -> None:
    words = town.words()
    words[words.index("--bundle") + 1] = str(town.unit_bundle)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "--for gateway" in done.stderr


def test_a_unit_is_made_through_it_and_its_tap_is_at_the_platform(town: Town, yard: Yard) -> None:
    town.gateway.run(PLATFORM)
    pi = flashed(yard.pi("cp1", debian_root("trixie"), town.parts.binds)).power_on()
    with left_on(pi):
        code, report = reported(town.unit_words(pi))
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    (town.folder / "unit.toml").write_text(UNIT_CONFIG, "utf-8")
    town.gateway.put(town.folder / "unit.toml", into="/root")
    town.says("config push --unit cp-1 /root/unit.toml")
    assert wait_for(lambda: town.says("units")[0]["config"] == 1, WAIT_S)
    town.parts.reader.present(BADGE)
    arrived = f"grep -q cn.xunkong.checkin.v1 {EVENTS}"
    assert wait_for(lambda: town.gateway.tries(arrived), WAIT_S)
    town.parts.reader.remove()


def test_after_a_power_cut_all_is_at_work_again_whatever_the_site_added_to_the_firewall(
    town: Town,
) -> None:
    town.gateway.run(
        "mkdir /etc/xunkong/firewall.d && echo 'tcp dport 9 acept' >/etc/xunkong/firewall.d/slip.nft && sync"
    )
    town.gateway.power_cut()
    town.gateway.power_on()
    began_s = time.monotonic()
    active = f"systemctl is-active {' '.join(GATEWAY.services)} | grep -cx active"
    assert wait_for(lambda: town.gateway.run(f"{active} || true").strip() == "4", WAIT_S)
    assert not town.lets_in(8885)

    def heard_since() -> bool:
        (unit,) = town.says("units")
        return unit["online"] and unit["heard_age_s"] < time.monotonic() - began_s

    assert wait_for(heard_since, WAIT_S)
