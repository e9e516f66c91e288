"""The self-test of the camera: it is there, and gives a frame; its photos can be kept."""

from collections.abc import Iterator
from pathlib import Path

from device.config import DeviceConfig
from device.core import events as ev
from device.parts import Display
from device.photos.folder import PhotoFault, PhotoFolder
from device.selftest.ears import Ears
from device.selftest.finding import Finding
from device.selftest.person import Person
from wire.words import Words

SPEAKS_S = 35.0
"""The library alone takes ten seconds to load on a small board."""

WRONG = {
    "missing": (
        Words("没有找到摄像头", "there is no camera"),
        Words(
            "断电后检查排线（蓝面方向、两端卡扣）；config.txt 是否有 camera_auto_detect=1；"
            "是否装了 python3-picamera2",
            "power off and check the ribbon cable at both ends, camera_auto_detect=1 in config.txt, "
            "and that python3-picamera2 is installed",
        ),
    ),
    "silent": (
        Words("摄像头没有画面", "the camera gives no frame"),
        Words(
            "检查排线与供电；运行 rpicam-hello --list-cameras；查看 dmesg",
            "check the ribbon cable and the power; run rpicam-hello --list-cameras; look at dmesg",
        ),
    ),
}


def try_camera(
    config: DeviceConfig, ears: Ears, panel: Display, person: Person
) -> Iterator[Finding]:
    """The camera gives a frame. What is before it, and whether it is sharp, a person must look at."""
    del panel, person
    if config.camera.kind == "none":
        return
    word = _word(ears)
    if word == "ok":
        yield Finding("camera", "ok", Words("摄像头有画面", "the camera gives frames"))
        return
    what, remedy = WRONG.get(word or "silent", WRONG["silent"])
    yield Finding("camera", "fault", what, remedy)


def try_photos(path: Path, config: DeviceConfig) -> Iterator[Finding]:
    """The photos' folder can be opened; how many wait."""
    if config.camera.kind == "none":
        return
    camera = config.camera
    try:
        folder = PhotoFolder(path.parent / camera.folder, camera.max_photos, camera.max_mb * 2**20)
    except PhotoFault as exc:
        yield Finding("photos", "fault", exc.words, Words("见上", "as said"))
        return
    waiting = len(folder.list("waiting"))
    yield Finding("photos", "ok", Words(f"{waiting} 张待传", f"{waiting} wait for the gateway"))


def _word(ears: Ears) -> str | None:
    def spoke(event: ev.Event) -> bool:
        return isinstance(event, ev.PartSpoke) and event.part == "camera"

    said = [event for event in ears.heard if spoke(event)]
    last = said[-1] if said else ears.wait(spoke, SPEAKS_S)
    return last.word if isinstance(last, ev.PartSpoke) else None
