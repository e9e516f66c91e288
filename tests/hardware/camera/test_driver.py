"""The camera's thread and process: a hang, a death, no camera, half pictures; and nothing left behind."""

import gc
import os
import queue
import select
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from hardware.camera.driver import WAITING, Camera, CameraStatus, CameraTimes, NoShot, Shot
from hardware.camera.jpeg import Size
from hardware.camera.process import command
from hardware.camera.still import StillSettings
from hardware.camera.twin import Control

WAIT_S = 40
QUICK = CameraTimes(shot_s=5.0, first_wait_s=0.05, longest_wait_s=0.2)
SETTINGS = StillSettings(width=160, height=96, wait_s=0.2)


class Stage:
    def __init__(self, folder, times=QUICK, mode="ok", settings=SETTINGS):
        self.control = Control(folder / "control")
        self.control.set(mode)
        self.heard = queue.Queue()
        words = command("sim", msgspec.json.encode(settings).decode(), str(folder / "control"))
        self.camera = Camera(words, self.heard.put, times)

    def next(self):
        return self.heard.get(timeout=WAIT_S)

    def until(self, kind):
        """The next event of a kind; and the statuses before it."""
        statuses = []
        while not isinstance(event := self.next(), kind):
            statuses.append(event.status)
        return event, statuses


@contextmanager
def running(folder, **how):
    stage = Stage(folder, **how)
    stage.camera.start()
    try:
        yield stage
    finally:
        stage.camera.stop()


def gone(pid):
    """Whether a process ends within a time, also where nobody takes its exit code."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], WAIT_S)[0])
    finally:
        os.close(fd)


def test_a_picture(tmp_path):
    with running(tmp_path) as stage:
        assert stage.next() == CameraStatus("ok", "the camera gives pictures")
        stage.camera.shoot(7, ["v-1"])
        shot = stage.next()
        assert isinstance(shot, Shot)
        assert (shot.token, shot.size, shot.iso) == (7, Size(160, 96), 200)


def test_picamera2_962_1090_1264_a_hang_is_killed_told_and_gone_on_from(tmp_path):
    with running(tmp_path) as stage:
        stage.next()
        first = stage.camera.pid
        stage.control.set("hang")
        stage.camera.shoot(1)
        failed, statuses = stage.until(NoShot)
        assert (failed.token, statuses[0]) == (1, "silent")
        assert "no frame within 0.2 s" in failed.why
        assert gone(first)
        stage.control.set("ok")
        while stage.next() != CameraStatus("ok", "the camera gives pictures"):
            pass
        stage.camera.shoot(2)
        assert stage.until(Shot)[0].token == 2


def test_a_process_stuck_in_the_library_is_killed(tmp_path):
    times = msgspec.structs.replace(QUICK, shot_s=0.3, start_s=3.0)
    with running(tmp_path, times=times) as stage:
        stage.next()
        first = stage.camera.pid
        stage.control.set("stuck")
        stage.camera.shoot(1)
        assert stage.next().status == "silent"
        assert gone(first)
        assert "did not answer" in stage.until(NoShot)[0].why


def test_a_process_that_dies_is_started_again_and_the_picture_taken(tmp_path):
    with running(tmp_path) as stage:
        stage.next()
        os.kill(stage.camera.pid, 9)
        stage.camera.shoot(1)
        shot, statuses = stage.until(Shot)
        assert (shot.token, statuses) == (1, ["silent", "ok"])


def test_one_that_dies_at_every_picture_fails_after_a_few_tries(tmp_path):
    with running(tmp_path) as stage:
        stage.next()
        stage.control.set("die")
        stage.camera.shoot(1)
        assert "ended" in stage.until(NoShot)[0].why


def test_no_camera_is_missing_until_there_is_one(tmp_path):
    with running(tmp_path, mode="missing") as stage:
        assert stage.next().status == "missing"
        stage.control.set("ok")
        assert stage.next().status == "ok"


def test_a_picture_asked_for_without_a_camera_fails_and_says_why(tmp_path):
    times = msgspec.structs.replace(QUICK, first_wait_s=30.0, longest_wait_s=30.0)
    with running(tmp_path, mode="missing", times=times) as stage:
        stage.next()
        stage.camera.shoot(1)
        assert "ribbon cable" in stage.next().why


def test_picamera2_swallows_a_write_error_half_pictures_are_taken_again_then_told(tmp_path):
    with running(tmp_path) as stage:
        stage.next()
        first = stage.camera.pid
        stage.control.set("truncated")
        stage.camera.shoot(1)
        failed, statuses = stage.until(NoShot)
        assert statuses == ["silent"]
        assert "no whole JPEG: truncated" in failed.why
        stage.control.set("ok")
        stage.camera.shoot(2)
        assert stage.until(Shot)[1] == ["ok"]
        assert stage.camera.pid == first


def test_a_hang_while_nobody_asks_is_found(tmp_path):
    times = msgspec.structs.replace(QUICK, look_every_s=0.05)
    with running(tmp_path, times=times) as stage:
        stage.next()
        stage.control.set("hang")
        assert stage.next().status == "silent"


def test_requests_beyond_those_that_wait_are_refused_at_once(tmp_path):
    stage = Stage(tmp_path)
    for token in range(WAITING + 2):
        stage.camera.shoot(token)
    assert [stage.next().token for _ in range(2)] == [WAITING, WAITING + 1]
    stage.camera.stop()


def test_a_request_that_waited_too_long_is_refused(tmp_path):
    times = msgspec.structs.replace(QUICK, stale_s=0.0)
    with running(tmp_path, times=times) as stage:
        stage.next()
        stage.camera.shoot(1)
        assert stage.next() == NoShot(1, "it was asked for too long ago")


def test_stop_ends_a_camera_that_hangs(tmp_path):
    stage = Stage(tmp_path, settings=msgspec.structs.replace(SETTINGS, wait_s=600.0))
    stage.camera.start()
    stage.next()
    stage.control.set("hang")
    stage.camera.shoot(1)
    pid = stage.camera.pid
    stage.camera.stop()
    assert gone(pid)


def held():
    """How many descriptors and threads this process holds; earlier tests' may go at any time, but come no more."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def test_nothing_is_left_of_a_hundred_pictures_and_some_deaths(tmp_path):
    with running(tmp_path) as stage:
        stage.next()
        fds, threads = held()
        for token in range(60):
            if token % 20 == 10:
                os.kill(stage.camera.pid, 9)
            stage.camera.shoot(token)
            stage.until(Shot)
        fds_after, threads_after = held()
    assert (fds_after <= fds, threads_after <= threads) == (True, True)


def test_what_a_library_prints_does_not_reach_the_pipe(tmp_path):
    words = command("sim", "{}", "")
    program = (
        "import sys; from hardware.camera.child import own_output; out = own_output();"
        "print('libcamera says hello'); sys.stdout.flush(); out.write(b'ours')"
    )
    done = subprocess.run([words[0], "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"ours", b"libcamera says hello\n")


@pytest.mark.parametrize("mode", ["ok", "stuck"])
def test_the_process_dies_with_the_unit_also_where_it_hangs(tmp_path, mode):
    Control(tmp_path / "control").set("ok")
    program = f"""
import queue, sys
from pathlib import Path
from hardware.camera.driver import Camera
from hardware.camera.process import command
from hardware.camera.twin import Control
heard = queue.Queue()
camera = Camera(command("sim", '{{"width": 160, "height": 96}}', {str(tmp_path / "control")!r}), heard.put)
camera.start()
heard.get()
if {mode!r} == "stuck":
    Control(Path({str(tmp_path / "control")!r})).set("stuck")
    camera.shoot(1)
print(camera.pid, flush=True)
sys.stdin.read()
"""
    unit = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid = int(unit.stdout.readline())
    unit.kill()
    assert gone(pid)
    unit.wait()
    unit.stdin.close()
    unit.stdout.close()
