"""The thread that owns the photos' folder: what the core wants of photos, one thing after another.

Threads: `photos` alone touches the folder; the camera has its own, so that a camera that hangs holds up no
upload. `submit` and what the camera says only go into the queue; what came of it becomes an event.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from device.core import effects as ef
from device.core import events as ev
from device.core.economy import URGENT
from device.photos.exif import About, about, stamp
from device.photos.folder import Entry, PhotoFault, PhotoFolder, Rotten
from hardware.camera.driver import CameraEvent, CameraStatus, NoShot, Shot
from hardware.camera.jpeg import BadJpeg, Size, measure
from wire.records import Checkin

log = logging.getLogger("xunkong.device")


class TakesPhotos(Protocol):
    """A camera, as `hardware.camera.driver.Camera` is one."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def shoot(self, token: int, scene: tuple[str, ...]) -> None: ...


class Budget(msgspec.Struct, frozen=True):
    """Where photos lie, how many of how many bytes in all, and what they leave free of the medium."""

    path: Path
    most_count: int
    most_bytes: int
    keep_free_bytes: int = 0


class PhotoWorker:
    """`put` takes events from this thread; `make_camera` is given what the camera's events go to.

    `reached` is called at the folder's named points.
    """

    def __init__(
        self,
        unit: str,
        budget: Budget,
        make_camera: Callable[[Callable[[CameraEvent], None]], TakesPhotos],
        put: Callable[[ev.Event], None],
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._reached = reached
        self._unit, self._budget, self._put = unit, budget, put
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._camera = make_camera(self._queue.put)
        self._folder: PhotoFolder | None = None
        self._wanted: dict[int, ef.TakePhoto] = {}
        self._tokens = 0
        self._list_owed = False
        self._words = {"camera": "", "folder": ""}
        self._thread = threading.Thread(target=self._run, name="photos", daemon=True)
        self._table: dict[type, Callable[[Any], None]] = {
            ef.TakePhoto: self._take,
            ef.ListPhotos: self._list,
            ef.AnnouncePhoto: self._announce,
            ef.ReadChunk: self._read,
            ef.PhotoDone: self._done,
            ef.ResendPhoto: self._resend,
            ef.ForgetPhoto: lambda effect: self._there().forget(effect.sha256),
            ef.TidyPhotos: self._tidy,
            CameraStatus: self._camera_is,
            NoShot: self._no_shot,
            Shot: self._shot,
        }

    def start(self) -> None:
        """Begins to work, and wakes the camera."""
        self._thread.start()
        self._camera.start()

    def stop(self) -> None:
        """Ends within a few seconds; what is queued still gets done."""
        self._camera.stop()
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def submit(self, effect: ef.PhotoEffect) -> None:
        """Puts work into the queue; any thread may call it, and it never waits."""
        self._queue.put(effect)

    # The thread

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                self._table[type(job)](job)
                if self._list_owed and self._folder:
                    self._list(ef.ListPhotos())
            except PhotoFault as exc:
                self._trouble(job, exc)

    def _there(self) -> PhotoFolder:
        """The folder; one that could not be opened is tried again each time."""
        if self._folder is None:
            budget = self._budget
            self._folder = PhotoFolder(
                budget.path,
                budget.most_count,
                budget.most_bytes,
                budget.keep_free_bytes,
                reached=self._reached,
            )
        return self._folder

    def _trouble(self, job: object, exc: PhotoFault | ValueError) -> None:
        log.error("%s", exc)
        self._say("folder", str(exc))
        if isinstance(job, ef.TakePhoto):
            self._put(ev.PhotoFailed(job.ref, job.reason, str(exc)))

    def _say(self, about: str, word: str) -> None:
        """The part's word: the folder's trouble first, as no camera mends that."""
        before = self._words["folder"] or self._words["camera"]
        self._words[about] = word
        after = self._words["folder"] or self._words["camera"]
        if after and after != before:
            self._put(ev.PartSpoke("camera", after))

    def _list(self, _: ef.ListPhotos) -> None:
        self._list_owed = True
        folder = self._there()
        self._list_owed = False
        self._put(_found(folder.list("waiting")))
        for entry in folder.list("new"):
            try:
                jpeg = folder.read(entry.sha256, 0, entry.size_bytes)
            except Rotten as exc:
                self._give_up(entry.sha256, str(exc))
            else:
                self._put(self._taken(entry, jpeg, None))
        self._tell_lost("given up in a run before")

    def _announce(self, announced: ef.AnnouncePhoto) -> None:
        self._there().move(announced.sha256, "waiting")

    # Taking

    def _take(self, wanted: ef.TakePhoto) -> None:
        self._tokens += 1
        self._wanted[self._tokens] = wanted
        self._camera.shoot(self._tokens, scene(self._unit, wanted))

    def _camera_is(self, said: CameraStatus) -> None:
        log.info("camera %s: %s", said.status, said.detail)
        self._say("camera", said.status)

    def _no_shot(self, none: NoShot) -> None:
        wanted = self._wanted.pop(none.token)
        self._put(ev.PhotoFailed(wanted.ref, wanted.reason, none.why))

    def _shot(self, shot: Shot) -> None:
        wanted = self._wanted.pop(shot.token)
        whose = About(self._unit, wanted.reason, wanted.ref)
        try:
            jpeg = stamp(shot.jpeg, whose, wanted.record, shot.exposure_us, shot.iso)
            entry = self._there().keep(jpeg, wanted.reason in URGENT)
        except (PhotoFault, ValueError) as exc:
            self._trouble(wanted, exc)
            return
        self._say("folder", "")
        self._put(self._taken(entry, jpeg, shot.up_ms))
        self._tell_lost("no room: [camera] max_photos, max_mb")

    def _taken(self, entry: Entry, jpeg: bytes, up_ms: int | None) -> ev.PhotoTaken:
        size, whose = _said(jpeg, self._unit)
        return ev.PhotoTaken(
            sha256=entry.sha256,
            size_bytes=entry.size_bytes,
            width=size.width,
            height=size.height,
            reason=whose.reason,
            ref=whose.ref,
            up_ms=up_ms,
        )

    # The way out

    def _read(self, wanted: ef.ReadChunk) -> None:
        try:
            data = self._there().read(wanted.sha256, wanted.offset, wanted.most_bytes)
        except Rotten as exc:
            self._give_up(wanted.sha256, str(exc))
            return
        self._put(ev.ChunkRead(wanted.token, wanted.sha256, wanted.offset, data))

    def _done(self, done: ef.PhotoDone) -> None:
        if self._there().move(done.sha256, "done"):
            self._there().mark(done.sha256, done.utc_ms)

    def _resend(self, wanted: ef.ResendPhoto) -> None:
        """One that waits, or has no record yet, goes out anyway; a loss is told anyway."""
        held = self._there().find(wanted.sha256)
        if held and held.state != "done":
            return
        if held and self._there().move(wanted.sha256, "waiting"):
            self._put(_found([held]))
        else:
            self._put(ev.PhotoGone(wanted.sha256))

    def _tidy(self, tidy: ef.TidyPhotos) -> None:
        if tidy.utc_ms is not None:
            self._there().tidy(tidy.utc_ms, tidy.keep_days)

    # Losses

    def _give_up(self, digest: str, why: str) -> None:
        log.error("%s", why)
        if self._there().move(digest, "lost"):
            self._tell_lost(why)
        else:
            self._put(ev.PhotoLost(digest, 0, 0, 0, "unknown", None, why))

    def _tell_lost(self, why: str) -> None:
        """Told again and again until it is on record: `ForgetPhoto` ends that."""
        folder = self._there()
        for entry in folder.list("lost"):
            size, whose = _said(folder.rest(entry.sha256), self._unit)
            self._put(
                ev.PhotoLost(
                    entry.sha256,
                    entry.size_bytes,
                    size.width,
                    size.height,
                    whose.reason,
                    whose.ref,
                    why,
                )
            )


def scene(unit: str, wanted: ef.TakePhoto) -> tuple[str, ...]:
    """What a simulated camera has before it: the record's time and place, and the unit."""
    record = wanted.record
    place = record.place if isinstance(record, Checkin) else None
    where = f"{record.pos.lat:.5f} {record.pos.lon:.5f}" if record.pos else "no position"
    return (
        f"{unit} {wanted.reason}",
        f"at {record.at_ms} ms UTC",
        f"{place or ''} {where}".strip(),
    )


def _found(entries: Sequence[Entry]) -> ev.PhotosFound:
    return ev.PhotosFound(
        tuple((entry.sha256, entry.size_bytes) for entry in entries),
        tuple(entry.sha256 for entry in entries if entry.urgent),
    )


def _said(jpeg: bytes, unit: str) -> tuple[Size, About]:
    """A file's size in pixels and whose it is, as far as it still says so."""
    try:
        size = measure(jpeg)
    except BadJpeg:
        size = Size(0, 0)
    return size, about(jpeg) or About(unit, "unknown", None)
