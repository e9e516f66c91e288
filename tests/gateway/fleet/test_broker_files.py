"""mosquitto's files: what they say, whose they are, and that mosquitto takes them."""

import os
import stat

import pytest
from msgspec import structs

from gateway.config import MosquittoSection
from gateway.fleet.broker_files import ACLS, configuration
from gateway.fleet.broker_folder import BrokerFolder, default_account, now_ms
from gateway.fleet.codes import give_code
from gateway.fleet.folder import replace_file, tls_context
from gateway.fleet.site_keys import renew
from gateway.fleet.visitor import TurnedAway, Visitor
from wire import topics
from wire.codes import meant, password
from wire.words import Fault


def listeners(text):
    """Settings by listener's port; those before the first under None."""
    found, at = {None: {}}, None
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "listener":
            at = int(value.split()[0])
            found[at] = {"address": value.split()[1:]}
        elif line and not line.startswith("#"):
            found[at][name] = value
    return found


def test_nobody_comes_in_without_a_name(tmp_path):
    section = MosquittoSection(str(tmp_path), address="10.0.0.1")
    said = listeners(configuration(section, tmp_path / "keys", "mosquitto"))
    assert set(said) == {None, 8883, 8884, 8885}
    for port in (8883, 8884, 8885):
        assert said[port]["allow_anonymous"] == "false"
        assert said[port]["tls_version"] == "tlsv1.2"
        assert int(said[port]["max_connections"]) > 0
    for port in (8883, 8885):
        assert said[port]["require_certificate"] == said[port]["use_identity_as_username"] == "true"
        assert said[port]["crlfile"].endswith("/crl.pem")
    assert said[8883]["use_username_as_clientid"] == "true"
    assert "use_username_as_clientid" not in said[8885]
    assert (said[8883]["address"], said[8885]["address"]) == (["10.0.0.1"], ["127.0.0.1"])
    assert said[None]["per_listener_settings"] == said[None]["persistence"] == "true"
    limits = ("max_packet_size", "max_queued_messages", "max_queued_bytes", "memory_limit")
    assert all(int(said[None][name]) > 0 for name in limits)


def test_a_path_that_would_begin_a_line_of_its_own_is_refused(tmp_path):
    with pytest.raises(Fault, match="line break"):
        configuration(MosquittoSection("/srv\nallow_anonymous true"), tmp_path, "root")


def test_secrets_are_the_broker_s_alone(site, site_store):
    folder = BrokerFolder(site.config)
    give_code(site_store, "cp-01", 1, now_ms())
    folder.write(site_store, now_ms())
    mode = stat.S_IMODE((folder.path / "passwords").stat().st_mode)
    assert mode == 0o600
    keys = [path for path in site.keys.path.iterdir() if path.suffix == ".key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_what_mosquitto_reads_again_is_its_own(site, site_store):
    if os.geteuid() != 0 or default_account() != "mosquitto":
        pytest.skip("only root can give files away, and only where there is a user mosquitto")
    folder = BrokerFolder(site.config)
    folder.write(site_store, now_ms())
    given = [*folder.path.iterdir(), site.keys.path / "broker.key"]
    assert {path.owner() for path in given} == {"mosquitto"}
    others = [path for path in site.keys.path.iterdir() if path.name != "broker.key"]
    assert "mosquitto" not in {path.owner() for path in others}


def test_a_link_laid_in_the_broker_s_folder_gives_its_user_no_file_of_root_s(
    site, site_store, tmp_path, monkeypatch
):
    """It is his folder: what was written there a moment ago he may have replaced."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    root_s = tmp_path / "shadow"
    root_s.touch(0o600)
    written = []

    def and_replaced(path, *rest):
        written.append(replace_file(path, *rest).owner())
        path.unlink()
        path.symlink_to(root_s)
        return path

    monkeypatch.setattr("gateway.fleet.broker_folder.replace_file", and_replaced)
    folder = BrokerFolder(site.config, "nobody")
    for _ in range(2):
        folder.write(site_store, now_ms())
    assert root_s.owner() == "root"
    assert set(written) == {"nobody"}


def test_an_account_that_is_not_there(site, site_store):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    with pytest.raises(Fault, match=r"cannot give .* to user nobody-of-ours: .*--account"):
        BrokerFolder(site.config, "nobody-of-ours").write(site_store, now_ms())


def test_a_broker_that_another_command_reloads(site, tmp_path):
    def with_reload(*command):
        section = structs.replace(site.config.authority, reload=list(command))
        return BrokerFolder(structs.replace(site.config, authority=section))

    told = tmp_path / "told"
    assert with_reload("touch", str(told)).reload()
    assert told.exists()
    for command in (["false"], ["/nowhere/at/all"]):
        with pytest.raises(Fault, match=r"could not be told .* run systemctl reload mosquitto"):
            with_reload(*command).reload()


# With a real mosquitto


def enrolling(site, unit, secret):
    visitor = Visitor(unit, tls_context(site.keys.path / "ca.crt", None, None))
    visitor.client.username_pw_set(unit, secret)
    return visitor.inside("127.0.0.1", site.config.mosquitto.enrol_port)


def test_a_code_lets_its_unit_ask_for_its_certificate_and_nothing_else(site, site_store, broker):
    code = meant(give_code(site_store, "cp-01", 1, now_ms()))
    folder = BrokerFolder(site.config)
    assert folder.keep_passwords(site_store, now_ms())
    assert not folder.keep_passwords(site_store, now_ms())
    assert folder.reload()
    with site.gateway() as gateway, enrolling(site, "cp-01", password(code)) as unit:
        gateway.listen(topics.ALL_UP)
        unit.listen(topics.all_down("cp-01"))
        for topic in (topics.hello("cp-01"), topics.csr("cp-02"), topics.csr("cp-01")):
            unit.say(topic, b"1")
        assert gateway.heard(topics.csr("cp-01"), b"1")
        assert [topic for topic, _ in gateway.came] == [topics.csr("cp-01")]
        for topic in (topics.config("cp-01"), topics.cert("cp-02"), topics.cert("cp-01")):
            gateway.say(topic, b"2")
        assert unit.heard(topics.cert("cp-01"), b"2")
        assert [topic for topic, _ in unit.came] == [topics.cert("cp-01")]
    for unit, secret in (("cp-01", code), ("cp-02", password(code)), ("gw", password(code))):
        with pytest.raises(TurnedAway, match="Not authorized"), enrolling(site, unit, secret):
            pass


def test_what_is_retained_outlives_the_broker_in_good_order(site, site_store, broker):
    with site.gateway() as gateway:
        gateway.client.publish(topics.config("cp-01"), b"kept", 1, True).wait_for_publish(10)
    broker._process.terminate()
    broker._process.wait(10)
    broker.start()
    tls, *_ = site.unit(site_store, "cp-01")
    with site.visit("cp-01", tls) as unit:
        unit.listen(topics.all_down("cp-01"))
        assert unit.heard(topics.config("cp-01"), b"kept")


def test_a_new_certificate_of_the_broker_is_in_use_after_a_reload(site, site_store, broker):
    made = renew(site.keys, site_store, "broker", 30, now_ms())
    BrokerFolder(site.config).reload()
    with site.gateway():
        pass  # the reload may find this one accepted already
    with site.gateway() as gateway:
        shown = gateway.client.socket().getpeercert()
    assert int(shown["serialNumber"], 16) == made.serial_number


def test_the_acl_warns_of_nothing_that_matters(site, broker):
    """mosquitto warns of a pattern without %u, which is meant so: all may read how the workers are."""
    lines = [line for line in broker.log.read_text().splitlines() if "Error" in line]
    assert lines == []
    assert "%u" in ACLS["acl-units"]
