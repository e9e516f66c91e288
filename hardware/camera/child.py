"""The camera's own process: `python -m hardware.camera.child KIND SETTINGS PARENT [CONTROL]`.

It opens the camera, says how that went, and answers one `Ask` after another on its standard input, until
that ends. It dies with the thread that started it (prctl(2)), also where the library hangs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hardware.camera.pipe import Ask, Assembler, Said, encode
from hardware.camera.still import StillCamera, StillSettings
from hardware.errors import PartRefused, PartSilent, PortError

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Has the kernel kill this process when the one that started it ends, however it does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def own_output() -> BinaryIO:
    """The pipe to the parent; whatever a library prints goes to standard error instead."""
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(pipe, "wb")


def maker(kind: str, control: str, scene: list[str]) -> Callable[..., Any]:
    """What makes the camera; a simulated one sees `scene`. Raises `PortError`: no library for it."""
    try:
        if kind == "sim":
            import PIL.Image

            from hardware.camera.twin import Control, SimPicamera2

            PIL.Image.init()
            return partial(SimPicamera2, control=Control(Path(control)), scene=scene)
        from picamera2 import Picamera2
    except ImportError as exc:
        raise PortError(
            f"{exc}; install python3-picamera2 (for a simulated camera: pillow)"
        ) from exc
    make: Callable[..., Any] = Picamera2
    return make


def asks(source: BinaryIO) -> Iterator[Ask]:
    """What the parent asks, until it has closed its end."""
    assembler = Assembler(Ask)
    while data := os.read(source.fileno(), 65_536):
        for message, _ in assembler.feed(data):
            if isinstance(message, Ask):
                yield message


class Child:
    """Says to `out` what became of what was asked."""

    def __init__(self, out: BinaryIO, scene: list[str]) -> None:
        self._out, self._scene = out, scene

    def serve(self, camera: StillCamera, source: BinaryIO) -> None:
        """Until the source ends. Raises `PartSilent`: the camera, and so the process, is of no more use."""
        self.say(Said("ok"))
        for ask in asks(source):
            self._answer(camera, ask)
        camera.close()

    def _answer(self, camera: StillCamera, ask: Ask) -> None:
        if not ask.picture:
            camera.look()
            self.say(Said("ok"))
            return
        self._scene[:] = ask.scene
        try:
            picture = camera.shoot()
        except PartRefused as exc:
            self.say(Said("failed", str(exc)))
            return
        self.say(Said("ok", exposure_us=picture.exposure_us, iso=picture.iso), picture.jpeg)

    def say(self, said: Said, picture: bytes = b"") -> None:
        """Sends a message."""
        self._out.write(encode(said, picture))
        self._out.flush()


def main(kind: str, settings: str, parent: str, control: str = "") -> None:
    """The process. Where the camera failed it ends without the library's own farewell, which may hang."""
    end_with_parent(int(parent))
    scene: list[str] = []
    child = Child(own_output(), scene)
    told = msgspec.json.decode(settings, type=StillSettings)
    try:
        child.serve(StillCamera(maker(kind, control, scene), told), sys.stdin.buffer)
    except PortError as exc:
        child.say(Said("missing", str(exc)))
    except PartSilent as exc:
        child.say(Said("failed", str(exc)))
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
