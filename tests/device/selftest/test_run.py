"""The self-test as a technician runs it: simulated parts below the drivers, a real broker, a hand that helps."""

import json

import pytest

from device.config import load
from device.journal.journal import Journal
from device.selftest import machine
from device.selftest.person import Person
from device.selftest.run import selftest
from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin
from hardware.modem.meaning import ModemReading
from hardware.panel.twin import fingers
from hardware.pn532.twin import Pn532Twin
from sim.broker import Broker, find_mosquitto, free_port
from tests.keys import Site

CARD = "04a1b2c3d4e5f6"


@pytest.fixture
def broker(tmp_path):
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def reader():
    twin = Pn532Twin()
    yield twin
    twin.stop()


@pytest.fixture
def make_gps():
    made = []

    def make(stream=None, **more):
        data = b"".join(drive(1_790_000_000_000, 120, 1)) if stream is None else stream
        made.append(GpsTwin(data, restamp=True, loop=True, rate=4, **more))
        made[-1].start()
        return made[-1]

    yield make
    for twin in made:
        twin.stop()


@pytest.fixture
def unit(tmp_path):
    def write(port, parts, role="checkpoint"):
        path = tmp_path / "device.toml"
        Site().lay_papers("cp-1", tmp_path / "identity")
        path.write_text(
            f'[unit]\nid = "cp-1"\nrole = "{role}"\n[[broker]]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n'
            f'[journal]\npath = "journal.db"\n{parts}',
            "utf-8",
        )
        return path

    return write


@pytest.fixture
def run(capsys):
    def run(path, touch=False, language="en"):
        code = selftest(path, load(path), touch, True, language)
        *lines, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert last == {"fit": code == 0}
        return code, {line["part"]: line for line in lines}

    return run


def verdicts(found):
    return {part: line["verdict"] for part, line in found.items()}


class TestUnattended:
    def test_a_sound_checkpoint_is_fit(self, unit, run, broker, reader):
        parts = f'[nfc]\nport = "{reader.port}"\n[panel]\nkind = "sim"\n'
        code, found = run(unit(broker.port, parts))
        assert code == 0, found
        assert verdicts(found) == {
            "journal": "ok",
            "clock": found["clock"]["verdict"],
            "cpu": found["cpu"]["verdict"],
            "nfc": "ok",
            "nfc card": "untried",
            "panel": "ok",
            "panel buttons": "untried",
            f"broker 127.0.0.1:{broker.port}": "ok",
        }

    def test_a_sound_vehicle_is_fit(self, unit, run, broker, make_gps):
        gps = make_gps()
        code, found = run(unit(broker.port, f'[gps]\nport = "{gps.port}"\n', "vehicle"))
        assert (code, found["gps"]["verdict"]) == (0, "ok")

    def test_a_receiver_at_another_rate_is_named(self, unit, run, broker, make_gps):
        gps = make_gps(baud=38400)
        code, found = run(unit(broker.port, f'[gps]\nport = "{gps.port}"\nbaud = 9600\n'))
        assert (code, found["gps"]["verdict"]) == (1, "fault")
        assert found["gps baud"]["remedy"] == "set baud = 38400 in [gps]"

    def test_a_silent_receiver(self, unit, run, broker, make_gps, monkeypatch):
        monkeypatch.setattr("device.selftest.baud.LISTEN_S", 0.2)
        gps = make_gps(b"\n")
        code, found = run(unit(broker.port, f'[gps]\nport = "{gps.port}"\n'))
        assert (code, found["gps"]["verdict"]) == (1, "fault")
        assert "cmdline.txt" in found["gps baud"]["remedy"]

    def test_a_mute_reader(self, unit, run, broker, reader):
        reader.mute()
        code, found = run(unit(broker.port, f'[nfc]\nport = "{reader.port}"\n'))
        assert (code, found["nfc"]["verdict"]) == (1, "fault")
        assert "HSU" in found["nfc"]["remedy"]
        assert "拨码" in found["nfc"]["remedy_zh"]

    @pytest.mark.parametrize(("section", "part"), [("nfc", "nfc"), ("gps", "gps")])
    def test_a_port_that_is_not_there(self, unit, run, broker, section, part):
        code, found = run(unit(broker.port, f'[{section}]\nport = "/dev/ttyNONE9"\n'))
        assert (code, found[part]["verdict"]) == (1, "fault")
        assert "/dev/ttyNONE9" in found[part]["remedy"]

    def test_no_broker_is_a_fault_one_of_two_a_warning(self, unit, run, broker):
        code, found = run(unit(free_port(), ""))
        assert code == 1
        assert [line["verdict"] for part, line in found.items() if "broker" in part] == ["fault"]
        other = f'[[broker]]\nhost = "127.0.0.1"\nport = {free_port()}\ntls = false\n'
        code, found = run(unit(broker.port, other))
        assert code == 0
        told = [line["verdict"] for part, line in found.items() if "broker" in part]
        assert sorted(told) == ["ok", "warning"]

    def test_a_running_unit_is_left_alone(self, unit, run, tmp_path, reader):
        path = unit(free_port(), f'[nfc]\nport = "{reader.port}"\n')
        journal = Journal.open(tmp_path / "journal.db")
        code, found = run(path)
        journal.close()
        assert code == 1
        assert list(found) == ["journal"]
        assert "stop it first" in found["journal"]["remedy"]

    def test_an_ignition_that_is_off(self, unit, run, broker):
        parts = '[panel]\nkind = "sim"\n[power]\nhold_s = 10\n'
        _, found = run(unit(broker.port, parts, "vehicle"))
        assert found["ignition"]["verdict"] == "warning"

    @pytest.mark.parametrize(
        ("listed", "said"),
        [("echo '{\"modem-list\":[]}'", "no modem"), ("exit 1", "mmcli: "), ("echo ?", "mmcli: ")],
    )
    def test_a_modem_that_is_not_there(self, unit, run, broker, tmp_path, listed, said):
        mmcli = tmp_path / "mmcli"
        mmcli.write_text(f"#!/bin/sh\n{listed}\n", "ascii")
        mmcli.chmod(0o755)
        code, found = run(unit(broker.port, f'[modem]\ncommand = "{mmcli}"\n'))
        assert (code, found["modem"]["verdict"]) == (1, "fault")
        assert found["modem"]["what"].startswith(said)
        assert "SIM" in found["modem"]["remedy"]

    def test_a_modem_gets_its_time_after_the_machines_start(self, unit, run, broker, monkeypatch):
        words = ["no modem", "not connected (searching)", "ok", "never asked"]
        monkeypatch.setattr(machine.Mmcli, "read", lambda self: ModemReading(words.pop(0)))
        monkeypatch.setattr(machine.system, "up_ms", lambda: 1_000)
        monkeypatch.setattr(machine, "LOOK_S", 0.0)
        code, found = run(unit(broker.port, "[modem]\n"))
        assert (code, found["modem"]["verdict"], words) == (0, "ok", ["never asked"])

    def test_nothing_is_left_behind(self, unit, run, broker, tmp_path):
        path = unit(broker.port, "")
        run(path)
        before = set(tmp_path.iterdir())
        run(path)
        assert set(tmp_path.iterdir()) == before


class TestWithAPerson:
    @pytest.fixture
    def path(self, unit, broker, reader):
        panel = '[panel]\nkind = "sim"\nfingers = "fingers"\n'
        return unit(broker.port, f'[nfc]\nport = "{reader.port}"\n{panel}')

    def test_who_does_what_is_asked_finds_it_fit(self, path, run, reader, tmp_path, monkeypatch):
        def help_out(self, words):
            del self
            if "card" in words.en:
                reader.present(CARD)
            for button, name in (("ack", "acknowledge"), ("sos", "SOS")):
                if f"press {name}" in words.en:
                    fingers(tmp_path / "fingers", button, "down")

        monkeypatch.setattr(Person, "ask", help_out)
        code, found = run(path, touch=True)
        assert code == 0, found
        assert found["nfc card"]["what"] == f"read card {CARD}"
        assert (found["panel ack"]["verdict"], found["panel sos"]["verdict"]) == ("ok", "ok")

    def test_who_does_nothing_is_told_what_to_look_at(self, path, run, monkeypatch):
        monkeypatch.setattr("device.selftest.parts.HAND_S", 0.3)
        code, found = run(path, touch=True)
        assert code == 1
        assert verdicts(found)["nfc card"] == verdicts(found)["panel ack"] == "fault"
        assert "antenna" in found["nfc card"]["remedy"]


def test_for_people_it_speaks_their_language(unit, capsys):
    path = unit(free_port(), "")
    assert selftest(path, load(path), False, False, "zh") == 1
    told = capsys.readouterr().out
    assert "不可上岗" in told
    assert "连接不上" in told
    assert "→" in told
