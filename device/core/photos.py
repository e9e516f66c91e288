"""The desk of photos: what a photo is taken of, and the record of each, of its failure and of its loss."""

from collections.abc import Mapping

from device.core import effects as ef
from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep
from device.core.moment import Now
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.upload import Upload
from device.core.urgent import Urgent
from wire.orders import PHOTO_ON, PhotoOn, UnitConfig
from wire.records import Alarm, Checkin, Order, OrderOutcome, Photo, Record, Ref

TIDY_EVERY_MS = 600_000
NO_CAMERA = "this unit has no camera"
NOT_WANTED = "photo_on of this unit's configuration leaves orders out"


class Photos(Desk):
    """Asks for a photo once the record that it belongs to is kept; a tap is over by then."""

    def __init__(
        self, camera: bool, scribe: Scribe, clock: ClockKeeper, urgent: Urgent, upload: Upload
    ) -> None:
        self._camera, self._scribe, self._clock = camera, scribe, clock
        self._urgent, self._upload = urgent, upload
        self._on: tuple[PhotoOn, ...] = PHOTO_ON
        self._keep_days = UnitConfig().keep_days
        self._orders: dict[Ref, str] = {}
        self._announced: frozenset[str] = frozenset()
        self._tidied_ms: int | None = None

    def configure(self, config: UnitConfig) -> None:
        self._on, self._keep_days = config.photo_on, config.keep_days

    def recall(self, memory: Memory) -> None:
        """Photos whose record was kept just before the end: they need no second one."""
        self._announced = frozenset(memory.photos)

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.PhotoTaken: self._taken,
            ev.PhotoFailed: self._failed,
            ev.PhotoLost: self._lost,
        }

    def due(self, now: Now) -> list[Effect]:
        """What lies in the folder is asked for at the start; what is old there is removed now and then."""
        if not self._camera:
            return []
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
            return [ef.ForgetPhoto(photo.sha256)]
        self._upload.add(photo.sha256, photo.bytes)
        return [ef.AnnouncePhoto(photo.sha256)]

    # What became of it

    def _taken(self, taken: ev.PhotoTaken, now: Now) -> list[Effect]:
        """The file is on the medium: only now it gets its record. One from before may have it already."""
        if taken.sha256 in self._announced:
            self._upload.add(taken.sha256, taken.size_bytes)
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
        self._upload.remove(lost.sha256)
        return [Keep(self._record(lost, now.up_ms, lost.why[:500]))]

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
