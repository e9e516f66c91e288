"""The self-test of the camera: a frame, none, no camera at all, and a folder that cannot be."""

import msgspec
import pytest

from device.config import DeviceConfig
from device.core import events as ev
from device.parts import NoPanel, Parts
from device.selftest import camera as module
from device.selftest.camera import try_camera, try_photos
from device.selftest.ears import Ears
from device.selftest.person import Person
from hardware.camera.twin import Control


def config(**camera):
    whole = {
        "unit": {"id": "cp-1", "role": "checkpoint"},
        "broker": [{"host": "h"}],
        "journal": {"path": "journal.db"},
        **({"camera": {"width": 160, "height": 96, **camera}} if camera else {}),
    }
    return msgspec.convert(whole, DeviceConfig)


def tried(config, ears):
    return list(try_camera(config, ears, NoPanel(), Person("en", False)))


@pytest.mark.parametrize(("mode", "verdict"), [("ok", "ok"), ("missing", "fault")])
def test_a_camera_and_none(tmp_path, mode, verdict):
    Control(tmp_path / "camera.control").set(mode)
    ears, wanted = Ears(), config(kind="sim")
    parts = Parts(wanted, tmp_path, ears.put)
    parts.start()
    (finding,) = tried(wanted, ears)
    parts.stop()
    assert (finding.part, finding.verdict) == ("camera", verdict)
    if verdict == "fault":
        assert "camera_auto_detect=1" in finding.remedy.en


def test_one_that_gives_no_frame():
    ears = Ears()
    ears.put(ev.PartSpoke("camera", "silent"))
    (finding,) = tried(config(kind="sim"), ears)
    assert "no frame" in finding.what.en
    assert "rpicam-hello" in finding.remedy.zh


def test_one_that_says_nothing(monkeypatch):
    monkeypatch.setattr(module, "SPEAKS_S", 0.01)
    (finding,) = tried(config(kind="sim"), Ears())
    assert finding.verdict == "fault"


def test_a_unit_without_one_is_not_asked(tmp_path):
    assert tried(config(), Ears()) == []
    assert list(try_photos(tmp_path / "device.toml", config())) == []


def test_the_photos_folder(tmp_path):
    (finding,) = try_photos(tmp_path / "device.toml", config(kind="sim"))
    assert (finding.verdict, finding.what.en) == ("ok", "0 wait for the gateway")
    (tmp_path / "elsewhere").write_text("a file")
    (finding,) = try_photos(tmp_path / "device.toml", config(kind="sim", folder="elsewhere"))
    assert finding.verdict == "fault"
    assert "photos folder" in finding.what.en
