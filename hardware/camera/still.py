"""A camera through picamera2: one still configuration, made once and kept running.

Written against picamera2 0.3.38 (`picamera2.py`, `request.py`, `job.py`); a test holds every call made
here against that source. Found there, and minded here:
- `save` to a `BytesIO` needs `format`, or it raises "Cannot determine format to save";
- its JPEG path swallows an error of writing, so that what was written is looked at afterwards;
- its EXIF bears the local clock at the time of saving, and is replaced by who knows the record;
- a numeric `wait` raises `TimeoutError` and leaves its job queued; "camera frontend has timed out" also
  blocks `stop` and `close` for ever. So neither is called after a failure: the process is ended.

What it cannot do: change its configuration (memory for the camera runs out on small boards), or tell a
covered lens from a dark night.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import msgspec

from hardware.camera.jpeg import BadJpeg, measure
from hardware.errors import PartRefused, PartSilent, PortError

BUFFERS = 2
"""One that is being filled, one that is being read: two of 2304x1296 take 9 MB."""


class StillSettings(msgspec.Struct, frozen=True):
    """Which camera, the picture's size in pixels, JPEG quality, and how long a frame is waited for."""

    camera_num: int = 0
    width: int = 2304
    height: int = 1296
    quality: int = 85
    wait_s: float = 5.0


class Picture(msgspec.Struct, frozen=True):
    """A whole JPEG; exposure in microseconds and ISO speed, None where the camera did not say."""

    jpeg: bytes
    exposure_us: int | None
    iso: int | None


class StillCamera:
    """The camera, warm. `make` is `picamera2.Picamera2`, or its double."""

    def __init__(self, make: Callable[..., Any], settings: StillSettings) -> None:
        """Opens it and waits for a first frame. Raises `PortError`: there is none; `PartSilent`."""
        self._wait_s = settings.wait_s
        try:
            self._camera = make(settings.camera_num)
        except (RuntimeError, IndexError, OSError) as exc:
            raise PortError(
                f"no camera {settings.camera_num} ({exc}); check its ribbon cable and config.txt"
            ) from exc
        try:
            self._configure(settings)
        except (RuntimeError, OSError) as exc:
            raise PartSilent(f"the camera does not start ({exc}); check dmesg and memory") from exc
        self.look()

    def _configure(self, settings: StillSettings) -> None:
        main = {"size": (settings.width, settings.height), "format": "YUV420"}
        config = self._camera.create_still_configuration(main=main, buffer_count=BUFFERS)
        self._camera.configure(config)
        self._camera.options["quality"] = settings.quality
        self._camera.start()

    def look(self) -> None:
        """Sees that a frame comes. Raises `PartSilent`."""
        self._request().release()

    def shoot(self) -> Picture:
        """A picture of what is before the camera from now on. Raises `PartSilent`, `PartRefused`."""
        request = self._request()
        into = BytesIO()
        try:
            metadata = request.get_metadata()
            request.save("main", into, format="jpeg")
        except (RuntimeError, OSError) as exc:
            raise PartRefused(f"the picture could not be encoded ({exc})") from exc
        finally:
            request.release()
        return Picture(_whole(into.getvalue()), *_exposure(metadata))

    def close(self) -> None:
        """Lets go of a camera that works; for one that does not, end the process instead."""
        self._camera.close()

    def _request(self) -> Any:
        try:
            return self._camera.capture_request(wait=self._wait_s, flush=True)
        except TimeoutError as exc:
            raise PartSilent(
                f"no frame within {self._wait_s:g} s (camera frontend); check its ribbon cable"
            ) from exc


def _whole(jpeg: bytes) -> bytes:
    try:
        measure(jpeg)
    except BadJpeg as exc:
        raise PartRefused(f"the camera gave no whole JPEG: {exc}") from exc
    return jpeg


def _exposure(metadata: dict[str, Any]) -> tuple[int | None, int | None]:
    exposure_us, gain = metadata.get("ExposureTime"), metadata.get("AnalogueGain")
    digital = metadata.get("DigitalGain") or 1.0
    iso = None if gain is None else min(65_535, round(gain * digital * 100))
    return None if exposure_us is None else int(exposure_us), iso
