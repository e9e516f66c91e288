"""device.toml, as the unit's own software reads it."""

import tomllib

import pytest

from device.config import DeviceConfig, UpdateSection, load
from provision.host.job import PASSED
from provision.host.site import Broker
from provision.steps.settings import (
    CHRONY_SOCKET,
    OURS,
    PARTS,
    check_settings,
    device_toml,
    read_parts,
    settings,
    to_toml,
)
from provision.steps.software import KEEP
from tests.provision.conftest import facts, faulty, wish


@pytest.fixture
def read(tmp_path):
    """What the unit makes of the text."""

    def make(wanted, known):
        (tmp_path / "device.toml").write_text(device_toml(wanted, known), "utf-8")
        return load(tmp_path / "device.toml")

    return make


def test_a_unit_takes_updates_and_a_technician_says_how(read):
    assert read(wish(), facts()).update == UpdateSection(KEEP)
    swift = wish(parts={"update": {"quiet_s": 5}})
    assert read(swift, facts()).update == UpdateSection(KEEP, quiet_s=5)


@pytest.mark.parametrize(
    ("role", "board", "nfc", "gps"),
    [
        ("checkpoint", "pi4", "/dev/ttyAMA3", None),
        ("checkpoint", "pi5", "/dev/ttyAMA2", None),
        ("vehicle", "pi4", "/dev/ttyAMA3", "/dev/ttyAMA0"),
    ],
)
def test_the_parts_are_where_the_book_wires_them(read, role, board, nfc, gps):
    config = read(wish(role=role), facts(board=board))
    assert config.nfc.port == nfc
    assert (config.gps and config.gps.port) == gps
    assert config.panel.kind == "gpio"
    assert (config.power is not None) == (role == "vehicle")
    assert config.clock.chrony_socket == (CHRONY_SOCKET if gps else None)


def test_what_only_the_services_can_do_is_asked_of_them(read):
    config = read(wish(role="vehicle"), facts())
    assert config.unit.reboot == ("touch", "/run/xunkong-device/reboot")
    assert config.power.off == ("touch", "/run/xunkong-device/poweroff")
    assert config.journal.path == "/var/lib/xunkong/device/journal.db"


def test_brokers_zone_and_other_parts_are_as_wished(read):
    brokers = (Broker("a.example", 1883), Broker("b.example"))
    parts = {"panel": {"kind": "none"}, "nfc": {}, "camera": {"kind": "picamera2"}}
    config = read(wish(brokers=brokers, zone="Asia/Urumqi", parts=parts), facts())
    assert [(one.host, one.port) for one in config.broker] == [
        ("a.example", 1883),
        ("b.example", 8883),
    ]
    assert config.health.zone == "Asia/Urumqi"
    assert (config.nfc, config.panel.kind) == (None, "none")
    assert config.camera.folder == "/var/lib/xunkong/device/photos"


def test_the_one_usb_reader_is_taken(read):
    assert (
        read(wish(), facts(board="pi3", readers=("usb-X",))).nfc.port == "/dev/serial/by-id/usb-X"
    )


@pytest.mark.parametrize("readers", [(), ("usb-X", "usb-Y")])
def test_no_or_two_usb_readers_are_for_a_person_to_settle(readers):
    known = facts(board="zero2w", readers=readers)
    assert "give [nfc] port by --parts" in faulty(device_toml, wish(), known)


def test_a_board_that_the_book_does_not_wire_needs_its_parts(read):
    known = facts(board=None, model="PC")
    assert "does not wire PC as vehicle" in faulty(device_toml, wish(role="vehicle"), known)
    assert read(wish(role="vehicle", parts={"gps": {"port": "/dev/x"}}), known).gps.port == "/dev/x"


def test_strings_lists_and_numbers_are_tomls():
    table = {
        "a": {"text": 'q"\\\n东', "list": ["x", 1], "yes": True, "number": 1.5},
        "b": [{"c": 1}],
    }
    assert tomllib.loads(to_toml(table)) == table


def test_a_file_of_parts(tmp_path):
    path = tmp_path / "parts.toml"
    path.write_text('[nfc]\n[gps]\nport = "/dev/x"\n')
    assert read_parts(path) == {"nfc": {}, "gps": {"port": "/dev/x"}}
    for text, said in (
        *(("[unit]\n", "[unit]"), ("x = 1\n", "[x]"), ("[", "cannot read")),
        ("[gpss]\n", "there is no section [gpss]; give gps, nfc"),
    ):
        path.write_text(text)
        assert said in faulty(read_parts, path)


def test_what_parts_may_name_is_what_a_unit_has():
    assert {*PARTS, *OURS} == {*DeviceConfig.__struct_fields__}


def test_what_the_unit_would_not_start_with_is_told(make_job):
    check_settings(make_job(parts={"gps": {"port": "/dev/x"}}))
    said = faulty(check_settings, make_job(parts={"gps": {"port": 5}}))
    assert "device.toml" in said and "[gps] port" in said and "/tmp" not in said


def test_it_is_laid_with_the_key_of_releases(make_job):
    job = make_job()
    job.site.key = b"key"
    assert settings(job).changed
    assert job.machine.files["/etc/xunkong/release.pub"] == b"key"
    assert job.machine.ran == [f"rm -f {PASSED}"], (
        "what runs has other settings: tested, and started, anew"
    )
    assert not settings(job).changed
    assert len(job.machine.ran) == 1


def test_a_key_of_releases_that_was_carried_along_is_laid_too(make_job):
    job = make_job(release_key=b"carried")
    assert settings(job).words.en == "/etc/xunkong/device.toml"
    assert job.machine.files["/etc/xunkong/release.pub"] == b"carried"


def test_a_unit_without_the_key_of_releases_is_told_of(make_job):
    job = make_job()
    assert "takes no updates: run again with --release-key" in settings(job).words.en
    job.machine.files["/etc/xunkong/release.pub"] = b"from an earlier run"
    assert settings(job).words.en == "/etc/xunkong/device.toml"
