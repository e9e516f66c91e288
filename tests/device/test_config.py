"""`device.toml`: what is right is read, what is wrong names file, section, key and limit."""

import pytest

from device.config import ClockSection, journal_path, load
from device.link.mqtt import Broker
from wire.words import Fault

GOOD = """
[unit]
id = "car-1"
role = "vehicle"
[[broker]]
host = "10.0.0.1"
[[broker]]
host = "mqtt.example"
port = 1883
tls = false
[journal]
path = "data/journal.db"
[gps]
port = "/dev/ttyAMA0"
baud = 38400
[nfc]
port = "/dev/ttyAMA3"
[panel]
kind = "sim"
trace = "trace.jsonl"
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "device.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_whole_configuration(write):
    path = write(GOOD)
    config = load(path)
    assert (config.unit.id, config.unit.role) == ("car-1", "vehicle")
    assert config.brokers() == [
        Broker("10.0.0.1", 8883, tls=True),
        Broker("mqtt.example", 1883, tls=False),
    ]
    assert (config.gps.port, config.gps.baud) == ("/dev/ttyAMA0", 38400)
    assert config.nfc.port == "/dev/ttyAMA3"
    assert journal_path(path, config) == path.parent / "data" / "journal.db"


def test_parts_left_out_are_absent(write):
    config = load(write(GOOD[: GOOD.index("[gps]")]))
    assert (config.gps, config.nfc, config.panel.kind, config.camera.kind) == (
        None,
        None,
        "none",
        "none",
    )


def test_a_camera(write):
    camera = '[camera]\nkind = "picamera2"\nmax_mb = 64\nwidth = 1152\n[panel]'
    config = load(write(GOOD.replace("[panel]", camera)))
    assert (config.camera.kind, config.camera.folder, config.camera.max_mb) == (
        "picamera2",
        "photos",
        64,
    )
    assert (config.camera.width, config.camera.height) == (1152, 1296)


def test_an_absolute_journal_path_stays(write):
    path = write(GOOD.replace("data/journal.db", "/data/j.db"))
    assert str(journal_path(path, load(path))) == "/data/j.db"


WRONG = {
    "unknown key": (("[nfc]", "[nfc]\nbaud = 115200"), "[nfc]", "baud"),
    "unknown section": (("[nfc]", "[nfd]"), "", "nfd"),
    "wrong type": (("port = 1883", 'port = "1883"'), "port", "Expected `int`, got `str`"),
    "too large": (("port = 1883", "port = 70000"), "70000", "<= 65535"),
    "too small": (("port = 1883", "port = 0"), "port", ">= 1"),
    "no such baud": (("baud = 38400", "baud = 12345"), "[gps] baud", "12345"),
    "no such role": (('role = "vehicle"', 'role = "boat"'), "[unit] role", "boat"),
    "no id": (('id = "car-1"', ""), "[unit]", "id"),
    "an id with capitals": (('id = "car-1"', 'id = "Car-1"'), "[unit] id", "Car-1"),
    "an id of two lines": (('id = "car-1"', 'id = "car-1\\n"'), "[unit] id", "car-1"),
    "no broker": ((GOOD[GOOD.index("[[broker]]") : GOOD.index("[journal]")], ""), "", "broker"),
    "an empty path": (('path = "data/journal.db"', 'path = ""'), "[journal] path", ">= 1"),
    "no such camera": (("[panel]", '[camera]\nkind = "pi"\n[panel]'), "[camera] kind", "pi"),
    "a width no camera has": (
        ("[panel]", '[camera]\nkind = "sim"\nwidth = 1000\n[panel]'),
        "[camera] width",
        "32",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_wrong_is_named(write, name, language):
    (before, after), *mentioned = WRONG[name]
    assert before in GOOD
    path = write(GOOD.replace(before, after))
    with pytest.raises(Fault) as fault:
        load(path)
    said = fault.value.words.say(language)
    for part in (str(path), *mentioned, "再启动" if language == "zh" else "start again"):
        assert part in said


def test_the_gateways_name_is_not_for_a_unit(write):
    path = write(GOOD.replace("car-1", "gw"))
    with pytest.raises(Fault, match="the gateway's own name; choose another") as fault:
        load(path)
    assert "网关自己的名字；请换一个" in fault.value.words.zh


def test_no_file_and_no_toml(tmp_path, write):
    with pytest.raises(Fault, match="check the path"):
        load(tmp_path / "none.toml")
    with pytest.raises(Fault, match="line 1"):
        load(write("[unit\n"))


def test_the_systems_clock_is_left_alone_unless_it_is_asked_for(write):
    assert load(write(GOOD)).clock == ClockSection(set_system=False, chrony_socket=None)
    asked = load(
        write(GOOD + '[clock]\nset_system = true\nchrony_socket = "/run/chrony.xunkong.sock"\n')
    )
    assert asked.clock == ClockSection(True, "/run/chrony.xunkong.sock")


def test_the_modems_plan_and_the_cards_budget(write):
    health = "[modem]\ncap_mb = 1000\nmonth_day = 31\n[health]\nsd_write_mb_day = 500\n"
    config = load(write(GOOD + health))
    assert (config.modem.cap_mb, config.modem.month_day) == (1000, 31)
    assert (config.health.sd_write_mb_day, config.health.zone) == (500, "Asia/Shanghai")


def test_no_known_zone_is_said_to_be_so(write):
    with pytest.raises(Fault, match=r"\[health\] zone 'Nowhere' is no known time zone"):
        load(write(GOOD + '[health]\nzone = "Nowhere"\n'))
