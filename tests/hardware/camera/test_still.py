"""The adapter over picamera2's double: one configuration, every buffer given back, what is not whole refused."""

from functools import partial
from io import BytesIO

import pytest
from PIL import Image

from hardware.camera.still import StillCamera, StillSettings
from hardware.camera.twin import Control, SimPicamera2
from hardware.errors import PartRefused, PartSilent, PortError

SETTINGS = StillSettings(width=160, height=96, wait_s=0.01)


class Stage:
    def __init__(self, folder):
        self.control = Control(folder / "control")
        self.made = []
        self.make = partial(SimPicamera2, control=self.control, scene=["v-1"])

    def remembered(self, camera_num):
        self.made.append(self.make(camera_num))
        return self.made[-1]

    def camera(self):
        return StillCamera(self.remembered, SETTINGS)


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_a_picture_is_a_whole_jpeg_of_the_size_that_was_set(stage):
    picture = stage.camera().shoot()
    with Image.open(BytesIO(picture.jpeg)) as image:
        image.load()
        assert image.size == (160, 96)
    assert (picture.exposure_us, picture.iso) == (20_000, 200)


def test_picamera2_1125_and_1130_memory_one_configuration_and_no_mode_switch(stage):
    camera = stage.camera()
    for _ in range(50):
        camera.shoot()
        camera.look()
    (made,) = stage.made
    (config,) = made.configured
    assert config["main"] == {"size": (160, 96), "format": "YUV420"}
    assert made.free == config["buffer_count"] == 2


def test_a_buffer_is_given_back_after_a_failure_too(stage):
    camera = stage.camera()
    stage.control.set("truncated")
    for _ in range(5):
        with pytest.raises(PartRefused):
            camera.shoot()
    stage.control.set("ok")
    assert camera.shoot()


def test_picamera2_swallows_a_write_error_a_truncated_photo_is_refused(stage):
    camera = stage.camera()
    stage.control.set("truncated")
    with pytest.raises(PartRefused, match="no whole JPEG: truncated"):
        camera.shoot()


def test_picamera2_962_1090_1264_no_frame_is_told_and_stop_is_not_called(stage):
    camera = stage.camera()
    stage.control.set("hang")
    with pytest.raises(PartSilent, match=r"no frame within 0\.01 s"):
        camera.shoot()


def test_no_camera_is_told_apart_from_a_silent_one(stage):
    stage.control.set("missing")
    with pytest.raises(PortError, match=r"no camera 0 .* ribbon cable"):
        stage.camera()
    stage.control.set("hang")
    with pytest.raises(PartSilent):
        stage.camera()


def test_one_that_does_not_start_says_why(stage):
    class OutOfMemory(SimPicamera2):
        def start(self):
            raise OSError(12, "Cannot allocate memory")

    stage.make = partial(OutOfMemory, control=stage.control)
    with pytest.raises(PartSilent, match="Cannot allocate memory"):
        stage.camera()


def test_the_scene_is_drawn(stage):
    camera = stage.camera()
    stage.made[0].scene = []
    blank = camera.shoot().jpeg
    stage.made[0].scene = ["2026-11-24T08:00:00Z", "27.24 111.47", "v-1"]
    drawn = camera.shoot().jpeg

    def white(jpeg):
        with Image.open(BytesIO(jpeg)) as image:
            return image.convert("L").histogram()[255]

    assert white(drawn) > 1.5 * white(blank)
