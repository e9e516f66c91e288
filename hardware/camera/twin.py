"""A simulated camera in picamera2's place: real JPEGs of a board with the time, place and unit on it.

`SimPicamera2` and `SimRequest` bear the names and parameters of picamera2 0.3.38 as far as they are used
(a test holds them against its source), and its faults on command: a file that `Control` writes.
What it cannot do: exposure, focus, colour, a lens.
"""

import os
import signal
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import msgspec

Mode = Literal["ok", "missing", "hang", "stuck", "die", "truncated", "slow"]
"""`missing`: no camera; `hang`: no frame comes, and `close` blocks ("camera frontend has timed out");
`stuck`: blocks whatever it was asked to wait; `die`: the process ends; `truncated`: an error of writing
is swallowed; `slow`: a frame takes `slow_s`."""


class Order(msgspec.Struct, frozen=True):
    """How the simulated camera shall behave."""

    mode: Mode = "ok"
    slow_s: float = 2.0


class Control:
    """The file by which a simulated camera is told how to behave; without it all is well."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self, mode: Mode, slow_s: float = 2.0) -> None:
        """From the next frame on; whole or not at all, whoever reads meanwhile."""
        fresh = self._path.with_name(f"{self._path.name}.fresh")
        fresh.write_bytes(msgspec.json.encode(Order(mode, slow_s)))
        fresh.replace(self._path)

    def read(self) -> Order:
        """The order in force. Raises `msgspec.DecodeError` for a file that is none."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Order)
        except FileNotFoundError:
            return Order()


class SimPicamera2:
    """picamera2's `Picamera2`, as far as `StillCamera` uses it. `scene`: the lines on the board."""

    def __init__(self, camera_num: int = 0, *, control: Control, scene: Sequence[str] = ()) -> None:
        if control.read().mode == "missing":
            raise RuntimeError(f"No camera number {camera_num} found (simulated)")
        self._control, self.scene = control, scene
        self.options: dict[str, Any] = {}
        self.configured: list[dict[str, Any]] = []
        self.started = False
        self.free = 0
        self._frame = 0

    def create_still_configuration(
        self, main: dict[str, Any], *, buffer_count: int = 1
    ) -> dict[str, Any]:
        """A configuration; it takes no memory before `configure`."""
        return {"main": main, "buffer_count": buffer_count}

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Takes the buffers' memory, which the real one gives back late or never."""
        self.configured.append(camera_config)
        self.free = camera_config["buffer_count"]

    def start(self) -> None:
        """Frames begin to come."""
        if not self.configured:
            raise RuntimeError("Camera has not been configured")
        self.started = True

    def capture_request(self, wait: float | None = None, *, flush: bool | None = None) -> Any:
        """The next frame. Raises `TimeoutError` when none came within `wait` seconds."""
        del flush
        order = self._control.read()
        if order.mode == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order.mode == "slow":
            _block(order.slow_s)
        if order.mode == "stuck":
            _block(None)
        if order.mode in ("hang", "missing") or not self.free:
            _block(wait)
            raise TimeoutError
        self.free -= 1
        self._frame += 1
        return SimRequest(self, self._frame, order.mode == "truncated")

    def close(self) -> None:
        """Lets go; blocks for ever while no frame comes, as the real one does."""
        if self._control.read().mode in ("hang", "stuck"):
            _block(None)
        self.started = False


class SimRequest:
    """picamera2's `CompletedRequest`: a frame in one of the camera's buffers, until it is released."""

    def __init__(self, camera: SimPicamera2, frame: int, truncated: bool) -> None:
        self._camera, self._frame, self._truncated = camera, frame, truncated

    def get_metadata(self) -> dict[str, Any]:
        """What the sensor says of the frame."""
        return {"ExposureTime": 20_000, "AnalogueGain": 2.0, "DigitalGain": 1.0}

    def save(self, name: str, file_output: BytesIO, format: str | None = None) -> None:
        """Encodes the frame; an error of writing is swallowed, as by the real one's fast path."""
        if format is None:
            raise RuntimeError("Cannot determine format to save")
        camera = self._camera
        size = camera.configured[-1][name]["size"]
        data = render(size, (*camera.scene, f"frame {self._frame}"), camera.options["quality"])
        file_output.write(data[: len(data) // 2] if self._truncated else data)

    def release(self) -> None:
        """Gives the buffer back. Raises RuntimeError the second time."""
        if self._frame < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._frame = -1
        self._camera.free += 1


def render(size: tuple[int, int], lines: tuple[str, ...], quality: int) -> bytes:
    """A JPEG of a board with `lines` on it, before a grainy wall."""
    from PIL import Image, ImageDraw, ImageFont

    grain = Image.effect_noise(size, 40)
    picture = Image.merge("RGB", (grain, grain, grain))
    draw = ImageDraw.Draw(picture)
    height = max(12, size[1] // 16)
    draw.rectangle((0, 0, size[0], (len(lines) + 1) * height), fill="white")
    for number, line in enumerate(lines):
        draw.text(
            (height, (number + 0.5) * height), line, "black", ImageFont.load_default(height * 0.8)
        )
    into = BytesIO()
    picture.save(into, "JPEG", quality=quality)
    return into.getvalue()


def _block(for_s: float | None) -> None:
    threading.Event().wait(for_s)
