"""The parts by configuration: what each thread says arrives as the core's events; what is left out is not imported."""

import ast
import json
import os
import queue
import subprocess
import sys
import types
from functools import partial
from pathlib import Path

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from device.config import DeviceConfig
from device.core import effects as ef
from device.core import events as ev
from device.parts import Keys, NoPanel, Parts, card_event, fix_event
from device.parts import _examine as examined
from hardware.camera.twin import Control
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.gps.epoch import GpsFix
from hardware.panel.panel import Panel
from hardware.pn532.poller import CardArrived
from hardware.pn532.twin import Pn532Twin
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import AIDS, DESFIRE, NTAG424, card_keys
from wire.cards.ring import site_ring
from wire.records import Checkin, Ref
from wire.words import Fault

WAIT_S = 20


def config(**parts):
    base = {
        "unit": {"id": "car-1", "role": "vehicle"},
        "broker": [{"host": "127.0.0.1"}],
        "journal": {"path": "journal.db"},
    }
    return msgspec.convert({**base, **parts}, DeviceConfig)


def test_nothing_configured_is_nothing_imported():
    program = """
import sys, msgspec
from pathlib import Path
from device.config import DeviceConfig
from device.parts import Parts
unit = {"id": "car-1", "role": "vehicle"}
whole = {"unit": unit, "broker": [{"host": "h"}], "journal": {"path": "j"}}
Parts(msgspec.convert(whole, DeviceConfig), Path("."), print)
print(sorted({"serial", "gpiozero", "pynmea2", "piexif"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_no_panel_takes_everything(tmp_path):
    parts = Parts(config(), tmp_path, [].append)
    assert isinstance(parts.panel, NoPanel)
    parts.start()
    parts.panel.signal("accepted")
    parts.panel.trouble(True)
    parts.stop()


def told(heard):
    """What a part said next; the board's gauges are measured meanwhile."""
    while isinstance(event := heard.get(timeout=WAIT_S), ev.Measured):
        continue
    return event


def test_the_board_is_measured_and_tells_of_each_parts_sign_of_life(tmp_path):
    heard, twin = queue.Queue(), Pn532Twin()
    parts = Parts(config(nfc={"port": twin.port}), tmp_path, heard.put)
    parts.start()
    measured = until(heard, ev.Measured)
    assert measured.disk_free_mb > 0
    assert set(measured.heard_ms) <= {"nfc"}
    parts.stop()
    twin.stop()


def test_a_modem_is_asked_where_it_is_configured(tmp_path):
    heard = queue.Queue()
    modem = {"command": str(tmp_path / "no mmcli")}
    parts = Parts(config(modem=modem), tmp_path, heard.put)
    parts.start()
    assert "install modemmanager" in until(heard, ev.ModemSaid).word
    parts.stop()


def test_a_card_arrives_as_the_cores_event_and_leaving_is_nothing(tmp_path):
    heard, twin = queue.Queue(), Pn532Twin()
    parts = Parts(config(nfc={"port": twin.port}), tmp_path, heard.put)
    parts.start()
    assert told(heard) == ev.PartSpoke("nfc", "ok")
    twin.present("04a1b2c3d4e5f6")
    shown = told(heard)
    assert (type(shown), shown.uid) == (ev.CardShown, "04a1b2c3d4e5f6")
    twin.remove()
    twin.mute()
    assert told(heard) == ev.PartSpoke("nfc", "silent")
    parts.stop()
    twin.stop()


def test_a_missing_receiver_and_reader_are_said_to_be_so(tmp_path):
    heard = queue.Queue()
    absent = str(tmp_path / "no port")
    parts = Parts(config(nfc={"port": absent}, gps={"port": absent}), tmp_path, heard.put)
    parts.start()
    said = {told(heard) for _ in range(2)}
    assert {(event.part, event.word) for event in said} == {
        ("nfc", "unplugged"),
        ("gps", "unplugged"),
    }
    parts.stop()


def test_a_simulated_panel_is_traced_beside_the_configuration(tmp_path):
    heard = queue.Queue()
    panel = {"kind": "sim", "trace": "trace.jsonl"}
    parts = Parts(config(panel=panel), tmp_path, heard.put)
    assert isinstance(parts.panel, Panel)
    parts.panel.signal("accepted")
    parts.stop()
    lines = (tmp_path / "trace.jsonl").read_text("ascii").splitlines()
    assert {json.loads(line)["pin"] for line in lines} >= {"GPIO18", "GPIO23"}


def test_a_panel_that_cannot_be_opened_stops_the_start_and_says_what_to_do(tmp_path):
    panel = {"kind": "sim", "trace": "no folder/trace.jsonl"}
    with pytest.raises(Fault, match="use none") as fault:
        Parts(config(panel=panel), tmp_path, print)
    assert "或改为 none" in fault.value.words.zh


class Lgpio(types.ModuleType):
    """`gpiozero.pins.lgpio`, which makes lgpio's pipe as soon as it is used."""

    def __getattr__(self, name):
        if name != "LGPIOFactory":
            raise AttributeError(name)
        Path(os.environ.get("LG_WD", "."), ".lgd-nfy0").touch()
        return partial(MockFactory, pin_class=MockPWMPin)


def test_gpiozero_1106_lgpios_pipe_is_not_in_the_working_directory(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("LG_WD", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", Lgpio("lgpio"))
    Parts(config(panel={"kind": "gpio"}), tmp_path, print).stop()
    assert list(here.iterdir()) == []
    assert [path.name for path in elsewhere.iterdir()] == [".lgd-nfy0"]


FORKS = {"fork", "forkpty", "preexec_fn", "multiprocessing", "ProcessPoolExecutor"}
"""What makes a process that has the pins' descriptors and threads' locks, and no exec after it."""


def test_gpiozero_1131_nothing_of_the_unit_forks_without_exec():
    root = Path(__file__).parents[2]
    names = []
    for path in sorted([*root.glob("device/**/*.py"), *root.glob("hardware/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            used = {getattr(node, key, None) for key in ("attr", "id", "arg", "module", "name")}
            names += [(path.name, name) for name in FORKS & used]
    assert names == []


def test_gpiozero_1131_the_cameras_process_inherits_no_descriptor(tmp_path):
    heard = queue.Queue()
    (tmp_path / "chip").touch()
    pins = os.open(tmp_path / "chip", os.O_RDONLY)
    os.set_inheritable(pins, True)
    parts = Parts(config(camera=CAMERA, panel={"kind": "sim"}), tmp_path, heard.put)
    parts.start()
    assert until(heard, ev.PartSpoke) == ev.PartSpoke("camera", "ok")
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    (pid,) = [line.split()[0] for line in children.stdout.splitlines() if "camera.child" in line]
    held = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    parts.stop()
    os.close(pins)
    assert str(tmp_path / "chip") not in held


def test_a_fix_is_taken_over_whole():
    shared = {
        "up_ms": 5,
        "lat": 27.2,
        "lon": 111.4,
        "utc_ms": 1_790_000_000_000,
        "clock_ok": True,
        "speed_m_s": 8.3,
        "course_deg": 271.5,
        "hacc_m": 2.1,
        "sats": 9,
    }
    others = {name: None for name in GpsFix.__struct_fields__ if name not in shared}
    assert fix_event(GpsFix(**shared, **others)) == ev.Fix(**shared)


class Evidence(msgspec.Struct):
    proof: str
    sun: str | None = None
    forged: bool = False


@pytest.mark.parametrize(
    ("evidence", "proof", "sun"),
    [
        (None, "uid", None),
        (Evidence("uid"), "uid", None),
        (Evidence("sun", "https://x.example/"), "uid", "https://x.example/"),
        (Evidence("ev2"), "ev2", None),
        (Evidence("uid", forged=True), "uid", None),
    ],
)
def test_a_message_that_nobody_verified_is_no_proof_yet(evidence, proof, sun):
    card = CardArrived("04a1b2c3", 5, evidence)
    forged = evidence is not None and evidence.forged
    assert card_event(card) == ev.CardShown("04a1b2c3", 5, proof, sun, forged)


CHECKIN = Checkin(
    boot="9c1b22f0",
    up_ms=61_000,
    at_ms=1_763_890_000_000,
    clock="gnss",
    clock_err_ms=30,
    badge="04a1b2c3",
    person=None,
    place=None,
    method="nfc",
    proof="uid",
    result="unknown",
)
CAMERA = {"kind": "sim", "width": 160, "height": 96}


def until(heard, kind):
    while not isinstance(event := heard.get(timeout=WAIT_S), kind):
        continue
    return event


def test_a_camera_takes_a_photo_into_the_folder_beside_the_configuration(tmp_path):
    heard = queue.Queue()
    parts = Parts(config(camera=CAMERA), tmp_path, heard.put)
    parts.start()
    assert until(heard, ev.PartSpoke) == ev.PartSpoke("camera", "ok")
    parts.photo(ef.TakePhoto("checkin", Ref("event", "e" * 16, 1), CHECKIN))
    taken = until(heard, ev.PhotoTaken)
    assert (taken.width, taken.height) == (160, 96)
    parts.stop()
    (path,) = (tmp_path / "photos" / "new").glob("*.jpg")
    assert taken.sha256 in path.name


def test_photos_work_is_handed_over_whatever_the_camera_does(tmp_path):
    heard = queue.Queue()
    Control(tmp_path / "camera.control").set("stuck")
    parts = Parts(config(camera=CAMERA), tmp_path, heard.put)
    parts.start()
    for _ in range(20):
        parts.photo(ef.TakePhoto("checkin", Ref("event", "e" * 16, 1), CHECKIN))
    assert "wait already" in until(heard, ev.PhotoFailed).why
    parts.stop()


def test_a_unit_without_a_camera_has_no_photos_work(tmp_path):
    parts = Parts(config(), tmp_path, [].append)
    parts.photo(ef.ListPhotos())
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize("family", [NTAG424, DESFIRE])
@pytest.mark.parametrize("holds", [0, 1])
def test_while_cards_are_moved_the_reader_takes_either_key(family, holds):
    uid, masters = "04de5f1eacc040", [bytes(16), bytes(range(16))]
    site = SiteKeys(masters[1], 2, (SiteKeys(masters[0], 1),))
    keys = Keys()
    keys.ring = site_ring(site, [(uid, family)], "ev2", meta=True)
    own = list(card_keys(masters[holds], uid, family).slots)
    card = Ntag424(bytes.fromhex(uid), own)
    if family == DESFIRE:
        card = Desfire(bytes.fromhex(uid), AIDS[DESFIRE], own)
        card.applications[AIDS[DESFIRE]].versions[:] = [1 + holds] * 5
    else:
        card.versions[:] = [1 + holds] * 5
    found = examined(keys, card.exchange, types.SimpleNamespace(uid=uid, sak=0x20))
    assert (found.proof, found.failed) == ("ev2", None)
