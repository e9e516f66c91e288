"""A gateway's firewall: what it lets in, and that it is there."""

import subprocess
import tomllib

import msgspec
import pytest

from gateway.config import MosquittoSection
from provision.gateway.firewall import (
    APPLY,
    IN_FORCE,
    OURS,
    PORTS,
    RULES,
    SERVICE,
    UNIT,
    firewall,
    rules,
    units_ports,
)
from provision.gateway.job import CONFIG
from provision.host.machine import Answer
from tests.provision.conftest import faulty
from tests.provision.gateway.conftest import STANDING


def test_ssh_stays_open_where_it_listens(make):
    job = make()
    job.machine.says |= {PORTS: "22\n", OURS: "2222\n"}
    assert firewall(job).changed
    assert b"tcp dport { 22, 2222, 8883, 8884 } accept" in job.machine.files[RULES]
    job.machine.says[IN_FORCE] = ""
    assert not firewall(job).changed


def test_one_that_is_not_in_force_is_put_up_again(make):
    job = make()
    job.machine.says[PORTS] = "22\n"
    assert firewall(job).changed and firewall(job).changed
    assert job.machine.ran == [APPLY, APPLY]


def test_a_site_that_stands_keeps_its_own_ports(make):
    job = make()
    job.machine.says |= {PORTS: "22\n", f"cat {CONFIG}": STANDING}
    assert "9000 9001" in firewall(job).words.en
    job.machine.says[f"cat {CONFIG}"] = "[mosquitto\n"
    assert "gateway.toml" in faulty(firewall, job)


def test_the_ports_that_sshd_tells(tmp_path):
    told = "port 22\nlistenaddress [::]:2200\nlistenaddress 0.0.0.0:22\nx11displayoffset 10\n"
    (tmp_path / "sshd").write_text(f"#!/bin/sh\nprintf '{told}'\n")
    (tmp_path / "sshd").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 2022"}
    said = [
        subprocess.run(["sh", "-c", one], env=env, capture_output=True, text=True, check=True)
        for one in (PORTS, OURS)
    ]
    assert [one.stdout.split() for one in said] == [["22", "2200", "22"], ["2022"]]


def test_none_where_nobody_knows_how_we_came_in(make):
    job = make()
    job.machine.says[PORTS] = Answer(False, "", "sshd: no hostkeys")
    assert "no hostkeys" in faulty(firewall, job)
    assert (job.machine.files, job.machine.ran) == ({}, [])


@pytest.mark.parametrize(
    "named", ["", "units_port = 9000", "enrol_port = 9000", "units_port = 9000\nenrol_port = 9002"]
)
def test_a_port_that_its_file_leaves_out_is_the_one_that_the_gateway_takes(make, named):
    job = make(port=9500)
    job.machine.says[f"cat {CONFIG}"] = f"[mosquitto]\n{named}\n"
    taken = msgspec.convert(tomllib.loads(named), MosquittoSection)
    assert units_ports(job) == (taken.units_port, taken.enrol_port)


def test_it_is_up_whenever_nftables_is():
    """Not at a restart alone, which PartOf sees to, but after a stop and a start too."""
    (install,) = (line for line in UNIT.splitlines() if line.startswith("WantedBy="))
    assert {"sysinit.target", "nftables.service"} <= {*install.removeprefix("WantedBy=").split()}


NFT = """#!/bin/sh
text=$(cat "$2")
case $text in *include*) grep -s slip FOLDER/firewall.d/*.nft >&2 && exit 1 ;; esac
printf '%s\\n' "$text" >FOLDER/loaded
"""


@pytest.mark.parametrize("added", ["tcp dport 8885 accept", "slip"])
def test_at_a_start_the_rules_hold_without_what_cannot_be_read(tmp_path, added):
    """nft takes a file in whole or not at all."""
    (tmp_path / "firewall.d").mkdir()
    (tmp_path / "firewall.d/more.nft").write_text(added)
    (tmp_path / "nft").write_text(NFT.replace("FOLDER", str(tmp_path)))
    (tmp_path / "nft").chmod(0o755)
    (tmp_path / "firewall.nft").write_text(rules([22]))
    (start,) = (line for line in UNIT.splitlines() if line.startswith("ExecStart="))
    command = start.removeprefix("ExecStart=").replace("/etc/xunkong", str(tmp_path))
    words = ["sh", "-c", command]
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    loaded = (tmp_path / "loaded").read_text()
    assert "policy drop" in loaded and "tcp dport { 22 } accept" in loaded
    assert ("include" in loaded) == (added != "slip")
    assert (f"reload {SERVICE.removesuffix('.service')}" in done.stderr) == (added == "slip")
