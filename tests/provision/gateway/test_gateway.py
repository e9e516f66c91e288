"""A gateway's steps on a machine of ten lines; its files; and what cannot be."""

import argparse
import re
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.config import GatewayConfig
from gateway.fleet.certificates import certify, new_issuer
from provision.bundle.bundle import Bundle
from provision.gateway import steps as steps_room
from provision.gateway.command import wish_of
from provision.gateway.job import CONFIG, GATEWAY, KEPT, GatewayJob
from provision.gateway.site import (
    FINISH,
    MAY_BE_MADE,
    RELEASE_KEY,
    STANDS,
    gateway_toml,
    making,
    site,
)
from provision.gateway.standing import BROKER_CRT
from provision.gateway.steps import STEPS
from provision.host.job import UNIT
from provision.host.machine import Answer
from provision.steps.services import service_files
from provision.steps.shared import facts as facts_step
from tests.provision.conftest import facts_said, faulty
from tests.provision.gateway.conftest import STANDING, Shell, wish

NOW_MS = 1_790_000_000_000
SYSTEMD = Path(__file__).parents[3] / "systemd"


def test_a_bundle_is_for_one_of_both(bundle):
    assert (
        "is a bundle for a gateway; make the right one: xunkong provision bundle --for unit"
        in faulty(Bundle, bundle.path)
    )


def test_a_machine_that_is_a_unit_already(make):
    job = make()
    job.machine.says = {"/etc/os-release": facts_said(), "test -e /etc/xunkong/device.toml && ": ""}
    assert "/etc/xunkong/device.toml" in faulty(facts_step, job)


@pytest.mark.parametrize(
    ("there", "fits"),
    [("", True), ("device", False), ("gateway", True), ("device gateway", True)],
)
def test_what_it_is_already_counts_more_than_what_else_lies_there(bundle, tmp_path, there, fits):
    (tmp_path / "etc").mkdir()
    for name in there.split():
        (tmp_path / f"etc/{name}.toml").touch()
    job = GatewayJob(Shell(tmp_path, tmp_path), wish(), bundle)
    job.machine.says["/etc/os-release"] = facts_said()
    if fits:
        assert not facts_step(job).changed
    else:
        assert "something else already" in faulty(facts_step, job)


def test_every_unit_file_is_somebodys():
    """What is for neither would never run; what both take is shared on purpose."""
    names = {
        str(path.relative_to(SYSTEMD))
        for path in (SYSTEMD / "system").rglob("*.*")
        if path.is_file()
    }
    ours = {name for name in names if not GATEWAY.strangers.search(name)}
    theirs = {name for name in names if not UNIT.strangers.search(name)}
    assert ours | theirs == names
    assert {name.split("/")[1] for name in ours & theirs} == {"xunkong-.service.d"}


def test_the_services_files_are_the_gateways(make):
    paths = {one.path.rpartition("/")[2] for one in service_files(make())}
    assert paths == {"xunkong-ingest.service", "xunkong.conf"}


class TestSite:
    def test_made_once(self, make):
        job = make()
        job.machine.says[MAY_BE_MADE] = ""
        assert site(job).changed
        first, last = job.machine.ran
        assert "gateway init" in first and "unfinished" in last
        assert tomllib.loads(job.machine.files[CONFIG].decode())["site"]["zone"] == "Asia/Shanghai"

    def test_one_that_stands_is_left_as_it_is_but_for_the_release_key(self, make):
        job = make(release_key=b"key")
        job.machine.says[STANDS] = ""
        assert site(job).changed and job.machine.ran == []
        assert job.machine.files == {RELEASE_KEY: b"key"}
        assert not site(job).changed

    @pytest.mark.parametrize(
        ("there", "made"),
        [
            ("", True),
            ("keys/ca.key unfinished", True),
            ("keys/ca.key etc/gateway.toml unfinished", True),
            ("keys/ca.key", False),
            ("etc/gateway.toml", False),
            ("store/store.db", False),
        ],
    )
    def test_what_is_there_is_thrown_away_only_while_it_is_unfinished(
        self, bundle, tmp_path, there, made
    ):
        kept = tmp_path / "kept"
        for name in ("keys", "store", "etc"):
            (kept / name).mkdir(parents=True)
        for name in there.split():
            (kept / name).write_text("old")
        job = GatewayJob(Shell(kept, tmp_path), wish(), bundle)
        if made:
            assert site(job).changed
            assert (kept / "keys/ca.key").read_text() == "new\n"
            assert not (kept / "unfinished").exists()
        else:
            assert "put back what is missing" in faulty(site, job)
            assert (kept / there).read_text() == "old"

    def test_the_configuration_is_one(self):
        found = tomllib.loads(gateway_toml(wish(port=9000, platform="https://p.example/e")))
        config = msgspec.convert(found, GatewayConfig)
        assert (config.broker[0].port, config.mosquitto.enrol_port) == (9002, 9001)
        assert config.sink[0].url == "https://p.example/e"
        assert config.store.url == "sqlite:////var/lib/xunkong/gateway/store/store.db"

    def test_the_scripts_are_the_shells(self):
        for script in (making(wish(hosts=("a", "b"))), FINISH):
            assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


@pytest.fixture(scope="module")
def broker_crt():
    issuer = new_issuer("site", NOW_MS)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    made = certify(issuer, "Broker", key, "serve", NOW_MS, 9, ("gw.local", "10.0.0.7"))
    return made.public_bytes(Encoding.PEM).decode()


class TestASiteThatStands:
    @pytest.fixture
    def standing_job(self, make, broker_crt):
        def made(**other):
            job = make(**other)
            job.machine.says = {
                "/etc/os-release": facts_said(),
                "/etc/xunkong/device.toml": Answer(False, "", ""),
                f"cat {CONFIG}": STANDING,
                f"cat {BROKER_CRT}": broker_crt,
                STANDS: "",
            }
            return job

        return made

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"port": 8883}, "--port 8883, but it has 9000"),
            ({"zone": "Asia/Shanghai"}, "--zone Asia/Shanghai, but it has Asia/Urumqi"),
            (
                {"platform": "https://q.example/e"},
                "--platform https://q.example/e, but it has http",
            ),
            (
                {"hosts": ("10.0.0.7", "10.0.0.8")},
                "--host 10.0.0.8, but its broker's certificate has gw.local 10.0.0.7 alone (sudo ",
            ),
        ],
    )
    def test_what_is_asked_otherwise_is_refused_before_anything_is_done(
        self, standing_job, asked, said
    ):
        job = standing_job(**asked, asked=frozenset(asked) - {"platform"})
        assert said in faulty(steps_room.look, job)
        assert (job.machine.ran, job.machine.files) == ([], {})

    def test_what_it_is_may_be_asked_for_and_what_is_not_asked_for_is_its_own(self, standing_job):
        asked = {"port": 9000, "zone": "Asia/Urumqi", "hosts": ("gw.local",)}
        same = standing_job(**asked, platform="https://p.example/e", asked=frozenset(asked))
        for job in (same, standing_job()):
            steps_room.look(job)
            assert job.report["zone"] == "Asia/Urumqi"
            assert job.report["brokers"] == ["gw.local:9000", "10.0.0.7:9000"]

    def test_one_that_was_left_unfinished_holds_nobody_to_it(self, standing_job):
        job = standing_job(port=8883, asked=frozenset({"port"}))
        job.machine.says[STANDS] = Answer(False, "", "")
        steps_room.look(job)
        assert job.report["brokers"] == ["gateway.local:8883"]

    @pytest.mark.parametrize(
        ("url", "file"),
        [
            ("sqlite:////var/lib/xunkong/gateway/store/store.db", f"{KEPT}/store/store.db"),
            ("sqlite:///store.db?timeout=9", "/etc/xunkong/store.db"),
            ("postgresql+psycopg://gw@host/db", None),
        ],
    )
    def test_a_lost_store_is_not_begun_anew(self, standing_job, url, file):
        job = standing_job()
        job.machine.says[f"cat {CONFIG}"] = f'{STANDING}[store]\nurl = "{url}"\n'
        if file:
            job.machine.says[f"test -e {file}"] = Answer(False, "", "")
            assert f"{file}, which {CONFIG} names, is not there" in faulty(steps_room.look, job)
            assert (job.machine.ran, job.machine.files) == ([], {})
            job.machine.says[f"test -e {file}"] = ""
        steps_room.look(job)

    @pytest.mark.parametrize(
        "text",
        [
            "[mosquitto\n",
            "mosquitto = 5\n",
            '[[sink]]\nurl = 5\n[site]\nzone = []\n[mosquitto]\nunits_port = "x"',
        ],
    )
    def test_a_damaged_configuration_is_named(self, standing_job, text):
        job = standing_job()
        job.machine.says[f"cat {CONFIG}"] = text
        assert f"{CONFIG}: " in faulty(steps_room.look, job)


def test_units_take_their_time_from_it(make):
    job = make()
    assert steps_room.time_server(job).changed
    assert b"allow\n" in job.machine.files[steps_room.CHRONY]
    assert not steps_room.time_server(job).changed


def test_every_step_has_a_name_of_its_own_and_words_in_both_languages():
    assert len({one.name for one in STEPS}) == len(STEPS)
    for one in STEPS:
        assert one.words.zh != one.words.en and one.remedy.zh != one.remedy.en


class TestWish:
    def args(self, **other):
        known = {"zone": None, "units_reach": None, "port": None, "platform": None}
        return argparse.Namespace(**known | {"keys_only": False, "release_key": None} | other)

    def test_units_reach_it_where_we_did(self):
        assert wish_of(self.args(), "192.168.1.10").hosts == ("192.168.1.10",)
        assert wish_of(self.args(units_reach=["g", "fd00::1"]), "x").hosts == ("g", "fd00::1")

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            ({"units_reach": ["a b"]}, "--host 'a b'"),
            ({"units_reach": ["gw-"]}, "--host 'gw-' is neither a host's name nor an address"),
            ({"units_reach": ['fe80::1%a"\n[x]']}, "--host 'fe80::1%a"),
            ({"port": 65_534}, "--port 65534: give 1024 to 65533"),
            ({"port": 443}, "--port 443: give 1024 to 65533"),
            ({"units_reach": ["gw:8883"]}, "--host 'gw:8883'"),
            ({"platform": "ftp://x"}, "--platform 'ftp://x'"),
            ({"platform": "https://u:secret@p.example/e"}, "put it into headers of [[sink]]"),
            ({"zone": "Mars"}, "--zone 'Mars'"),
        ],
    )
    def test_what_is_wrong_is_said(self, other, said):
        found = faulty(wish_of, self.args(**other), "x")
        assert re.search(re.escape(said), found) and "secret" not in found

    def test_what_was_asked_for_is_known_from_what_is_usual(self):
        assert wish_of(self.args(), "x").asked == frozenset()
        wanted = wish_of(self.args(port=8883, zone="Asia/Shanghai"), "x")
        assert wanted.asked == {"port", "zone"}
