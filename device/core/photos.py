"""The desk of photos: what a photo is taken of, and the record of each, of its failure and of its loss."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from device.core import effects as ef
from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.economy import URGENT
from device.core.effects import Effect, Keep, Light, Save
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.upload import Upload
from device.core.urgent import Urgent
from wire.orders import PHOTO_ON, PhotoOn, UnitConfig
from wire.records import Alarm, Checkin, Order, OrderOutcome, Photo, Record, Ref

NOTE = "photos"
TIDY_EVERY_MS = 600_000
NOT_KEPT = "not kept on the unit any more"
LOSING = "photos lost"
"""The alarm's name in the live picture."""

NO_CAMERA = "this unit has no camera"
NOT_WANTED = "photo_on of this unit's configuration leaves orders out"


class Note(Struct):
    """What outlasts a restart. `losing`: photos were lost, and why; None: whatever waited went out since."""

    losing: str | None = None


class Photos(Desk):
    """Asks for a photo once the record that it belongs to is kept; a tap is over by then."""

    def __init__(
        self,
        camera: bool,
        scribe: Scribe,
        clock: ClockKeeper,
        picture: Picture,
        urgent: Urgent,
        upload: Upload,
    ) -> None:
        self._camera, self._scribe, self._clock = camera, scribe, clock
        self._picture, self._urgent, self._upload = picture, urgent, upload
        self._stands: Callable[[str], bool] = lambda digest: False
        self._note, self._gone = Note(), set[str]()
        self._on: tuple[PhotoOn, ...] = PHOTO_ON
        self._keep_days = UnitConfig().keep_days
        self._orders: dict[Ref, str] = {}
        self._tidied_ms: int | None = None

    def configure(self, config: UnitConfig) -> None:
        self._on, self._keep_days = config.photo_on, config.keep_days

    def recall(self, memory: Memory) -> None:
        """Photos whose record was kept before the end need no second one; a loss that was alarmed still is."""
        self._stands = memory.photo_stands
        self._note = memory.notes.recall(NOTE, Note) or Note()
        self._picture.alarm(LOSING, self._note.losing)

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.PhotoTaken: self._taken,
            ev.PhotoFailed: self._failed,
            ev.PhotoLost: self._lost,
            ev.PhotoGone: self._not_kept,
        }

    def due(self, now: Now) -> list[Effect]:
        """What lies in the folder is asked for at the start; what is old there is removed now and then."""
        if not self._camera:
            return []
        return self._over(now) + self._folder_due(now)

    def _folder_due(self, now: Now) -> list[Effect]:
        begun, last_ms = self._tidied_ms is None, self._tidied_ms or 0
        if not begun and now.up_ms - last_ms < TIDY_EVERY_MS:
            return []
        self._tidied_ms = now.up_ms
        tidy = ef.TidyPhotos(self._clock.stamp(now.up_ms).at_ms, self._keep_days)
        return [ef.ListPhotos(), tidy] if begun else [tidy]

    # What a photo is taken of

    def _kept(self, kept: ev.Kept, now: Now) -> list[Effect]:
        record, ref = kept.record, Ref(kept.stream, kept.log, kept.seq)
        if isinstance(record, Photo):
            return self._on_record(record)
        reason = _reason(record)
        if reason is None:
            return []
        if reason == "order" and isinstance(record, Order):
            return self._ordered(record, ref, now)
        wanted = self._camera and reason in self._on
        return [ef.TakePhoto(reason, ref, record)] if wanted else []

    def _ordered(self, order: Order, ref: Ref, now: Now) -> list[Effect]:
        if not self._camera:
            return self._answer(order.id, "failed", NO_CAMERA, now)
        if "order" not in self._on:
            return self._answer(order.id, "failed", NOT_WANTED, now)
        self._orders[ref] = order.id
        return [ef.TakePhoto("order", ref, order)]

    def _on_record(self, photo: Photo) -> list[Effect]:
        if photo.lost is not None:
            self._gone.add(photo.sha256)
            return [ef.ForgetPhoto(photo.sha256)]
        self._upload.add(photo.sha256, photo.bytes, photo.reason in URGENT)
        return [ef.AnnouncePhoto(photo.sha256)]

    # What became of it

    def _taken(self, taken: ev.PhotoTaken, now: Now) -> list[Effect]:
        """The file is on the medium: only now it gets its record. One from before may have it already."""
        if taken.up_ms is None and self._stands(taken.sha256):
            self._upload.add(taken.sha256, taken.size_bytes, taken.reason in URGENT)
            return [ef.AnnouncePhoto(taken.sha256)]
        up_ms = now.up_ms if taken.up_ms is None else taken.up_ms
        effects: list[Effect] = [Keep(self._record(taken, up_ms, None))]
        order = self._orders.pop(taken.ref, None) if taken.ref else None
        return effects + (self._answer(order, "done", None, now) if order else [])

    def _failed(self, failed: ev.PhotoFailed, now: Now) -> list[Effect]:
        """The part's own word raises the alarm; an order wants its answer."""
        order = self._orders.pop(failed.ref, None)
        return self._answer(order, "failed", failed.why, now) if order else []

    def _lost(self, lost: ev.PhotoLost, now: Now) -> list[Effect]:
        """On record first, then alarmed; what is left of the file goes when the record is kept."""
        self._upload.remove(lost.sha256)
        record = self._record(lost, now.up_ms, lost.why[:500])
        return [Keep(record), *self._losing(lost.why, now)]

    def _not_kept(self, gone: ev.PhotoGone, now: Now) -> list[Effect]:
        """The gateway asks no more once it knows; it is told once in a run, however often it asks."""
        if gone.sha256 in self._gone:
            return []
        self._gone.add(gone.sha256)
        lost = ev.PhotoLost(gone.sha256, 0, 0, 0, "unknown", None, NOT_KEPT)
        return [Keep(self._record(lost, now.up_ms, NOT_KEPT))]

    # The alarm of losses: from the first until nothing waits any more

    def _losing(self, why: str, now: Now) -> list[Effect]:
        if self._note.losing is not None:
            return []
        return self._alarm(f"photos lost: {why}"[:500], now)

    def _over(self, now: Now) -> list[Effect]:
        if self._note.losing is None or not self._upload.emptied:
            return []
        return self._alarm(None, now)

    def _alarm(self, losing: str | None, now: Now) -> list[Effect]:
        what = losing or self._note.losing or ""
        self._note.losing = losing
        self._picture.alarm(LOSING, losing)
        alarm = self._scribe.write(
            Alarm,
            now.up_ms,
            alarm="storage",
            what=what,
            part="photos",
            active=losing is not None,
        )
        save = Save(NOTE, {"losing": losing})
        return [Keep(alarm), save, Light(self._picture.troubled)]

    def _record(self, photo: ev.PhotoTaken | ev.PhotoLost, up_ms: int, lost: str | None) -> Photo:
        return self._scribe.write(
            Photo,
            up_ms,
            sha256=photo.sha256,
            bytes=photo.size_bytes,
            width=photo.width,
            height=photo.height,
            reason=photo.reason,
            ref=photo.ref,
            lost=lost,
        )

    def _answer(self, order: str, outcome: OrderOutcome, why: str | None, now: Now) -> list[Effect]:
        record = self._scribe.write(
            Order, now.up_ms, id=order, outcome=outcome, what="photo", why=why and why[:500]
        )
        self._urgent.add(record)
        return [Keep(record)]


def _reason(record: Record) -> PhotoOn | None:
    """What a photo of `record` would be called, None where none is taken of it."""
    match record:
        case Checkin():
            return "checkin"
        case Alarm(alarm="sos", active=True):
            return "sos"
        case Order(outcome="received", what="photo"):
            return "order"
    return None
