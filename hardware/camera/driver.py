"""The thread that owns the camera's process for ever: pictures on request, and how the camera is.

Threads: `camera` alone touches the process; `shoot` only puts into its queue. A process that hangs, dies
or sends nonsense is killed, told of as `silent`, and started again with back-off; one that finds no camera
is told of as `missing` and asked again likewise. `ok` is said of a camera that has given a frame.
What it cannot do: take a picture of a moment that is past; a request that waited too long is refused.
"""

import os
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from hardware.camera.jpeg import BadJpeg, Size, measure
from hardware.camera.pipe import Ask, Said
from hardware.camera.process import CameraProcess, Stopped
from hardware.errors import HardwareError, PartRefused, PortError

WAITING = 4
"""Requests that may wait; those beyond are refused at once: each would come too late."""


class CameraTimes(msgspec.Struct, frozen=True):
    """How long things may take, in seconds. `stale_s`: after that a picture shows another moment."""

    start_s: float = 30.0
    shot_s: float = 8.0
    stale_s: float = 15.0
    look_every_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0


USUAL = CameraTimes()
TRIES = 3


class CameraStatus(msgspec.Struct, frozen=True):
    """`ok`, `missing` (there is no camera) or `silent` (it hangs, dies, or gives no whole JPEG)."""

    status: str
    detail: str


class Shot(msgspec.Struct, frozen=True):
    """The picture asked for as `token`: a whole JPEG, and CLOCK_BOOTTIME ms when it had come."""

    token: int
    jpeg: bytes
    size: Size
    up_ms: int
    exposure_us: int | None
    iso: int | None


class NoShot(msgspec.Struct, frozen=True):
    """There is no picture for `token`; `why` for people."""

    token: int
    why: str


CameraEvent = CameraStatus | Shot | NoShot


class _Wanted(msgspec.Struct, frozen=True):
    token: int
    scene: tuple[str, ...]
    until_s: float


def boottime_ms() -> int:
    """CLOCK_BOOTTIME in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Camera:
    """Owns the process and one thread, which calls `put` with events and nothing else of the caller's."""

    def __init__(
        self,
        words: Sequence[str],
        put: Callable[[CameraEvent], None],
        times: CameraTimes = USUAL,
    ) -> None:
        self._words, self._put, self._times = words, put, times
        self._wanted: queue.Queue[_Wanted | None] = queue.Queue(WAITING)
        self._stop, self._stop_fd = threading.Event(), os.eventfd(0)
        self._process: CameraProcess | None = None
        self._said, self._why = "", "it is being started"
        self._start_at_s = self._look_at_s = 0.0
        self._wait_s = times.first_wait_s
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Begins to look after the camera, and goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within a few seconds."""
        self._stop.set()
        os.eventfd_write(self._stop_fd, 1)
        with suppress(queue.Full):
            self._wanted.put_nowait(None)
        if self._thread.ident is not None:
            self._thread.join(timeout=5)
        if not self._thread.is_alive():
            os.close(self._stop_fd)

    def shoot(self, token: int, scene: Sequence[str] = ()) -> None:
        """Asks for a picture; `Shot` or `NoShot` follows. Never waits."""
        until_s = time.monotonic() + self._times.stale_s
        try:
            self._wanted.put_nowait(_Wanted(token, tuple(scene), until_s))
        except queue.Full:
            self._put(
                NoShot(token, f"{WAITING} pictures wait already: {self._why or 'it is slow'}")
            )

    # The thread

    def _run(self) -> None:
        try:
            with suppress(Stopped):
                self._work()
        finally:
            if self._process:
                self._process.end()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._look_after()
            wanted = self._next()
            if wanted:
                self._serve(wanted)

    def _next(self) -> _Wanted | None:
        due_s = self._look_at_s if self._process else self._start_at_s
        try:
            return self._wanted.get(timeout=max(0.0, due_s - time.monotonic()))
        except queue.Empty:
            return None

    def _look_after(self) -> None:
        now_s = time.monotonic()
        if self._process is None and now_s >= self._start_at_s:
            self._begin()
        elif self._process and now_s >= self._look_at_s:
            self._try(Ask(picture=False))

    def _begin(self) -> None:
        """A process that opens the camera is no proof that it lasts: the back-off goes on until a frame."""
        try:
            self._process = CameraProcess(self._words, self._stop_fd)
            _judge(self._process.answer(self._times.start_s)[0])
        except HardwareError as exc:
            self._failed("missing" if isinstance(exc, PortError) else "silent", exc)
            return
        self._look_at_s = time.monotonic() + self._times.look_every_s
        self._tell("ok", "the camera gives pictures")

    def _serve(self, wanted: _Wanted) -> None:
        """Tries until there is a picture, or it would be one of another moment."""
        for _ in range(TRIES):
            if time.monotonic() >= wanted.until_s or not self._ready(wanted.until_s):
                break
            shot = self._shot(wanted)
            if shot:
                self._put(shot)
                return
        self._put(NoShot(wanted.token, self._why or "it was asked for too long ago"))

    def _ready(self, until_s: float) -> bool:
        """Whether there is a process to ask; waits for its start where that is soon enough."""
        if self._process is None and self._start_at_s < until_s:
            if self._stop.wait(max(0.0, self._start_at_s - time.monotonic())):
                raise Stopped
            self._begin()
        return self._process is not None

    def _shot(self, wanted: _Wanted) -> Shot | None:
        answer = self._try(Ask(True, wanted.scene))
        if answer is None:
            return None
        said, jpeg = answer
        up_ms = boottime_ms()
        try:
            size = measure(jpeg)
        except BadJpeg as exc:
            self._tell("silent", f"the camera gave no whole JPEG: {exc}")
            return None
        self._works()
        return Shot(wanted.token, jpeg, size, up_ms, said.exposure_us, said.iso)

    def _try(self, ask: Ask) -> tuple[Said, bytes] | None:
        assert self._process is not None
        self._look_at_s = time.monotonic() + self._times.look_every_s
        try:
            said, picture = self._process.ask(ask, self._times.shot_s)
            _judge(said)
        except PartRefused as exc:
            self._tell("silent", str(exc))
            return None
        except HardwareError as exc:
            self._failed("silent", exc)
            return None
        if not ask.picture:
            self._works()
        return said, picture

    def _works(self) -> None:
        self._wait_s = self._times.first_wait_s
        self._tell("ok", "the camera gives pictures")

    def _failed(self, status: str, exc: HardwareError) -> None:
        """Ends the process, and says when the next one begins."""
        if self._process:
            self._process.kill()
            self._process = None
        self._start_at_s = time.monotonic() + self._wait_s * random.uniform(0.7, 1.3)
        self._wait_s = min(self._times.longest_wait_s, self._wait_s * 2)
        self._tell(status, str(exc))

    def _tell(self, status: str, detail: str) -> None:
        self._why = "" if status == "ok" else detail
        if status != self._said:
            self._said = status
            self._put(CameraStatus(status, detail))


def _judge(said: Said) -> None:
    if said.status == "missing":
        raise PortError(said.why)
    if said.status == "failed":
        raise PartRefused(said.why)
