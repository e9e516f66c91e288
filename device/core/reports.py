"""The desk of reports: an order asks for the unit's logs or a self-test; what was made of it goes up in pieces.

made of ── ReportMade ──► sent, a piece at a time, after all records ── acknowledged ──► done
"""

from base64 import b64encode
from collections.abc import Callable, Mapping

from msgspec import Struct, to_builtins

from device.core import effects as ef
from device.core import events as ev
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Means, Memory
from device.core.urgent import Urgent
from device.link.delivery import Delivery
from wire import codec, topics
from wire.batch import BadPayload
from wire.records import Order, OrderOutcome
from wire.report import MAX_BYTES, PIECE_BYTES, Report, ReportAck

NOTE = "report"
KINDS = ("logs", "selftest")
MAKE_MS, SEND_MS = 120_000, 900_000
RESEND_MS = 5_000
SHARE = 0.5
"""What reports take of the link, while no record waits."""


class _Job(Struct):
    order: str
    what: str
    since_ms: int
    data: bytes | None = None
    says: str = ""
    next: int = 0
    sent_ms: int | None = None
    rest_until_ms: int = 0


class _Note(Struct):
    """The order under way, as it is saved: a restart loses what was made. None: none."""

    order: str | None = None
    what: str = ""


class Reports(Desk):
    """One report at a time."""

    def __init__(
        self,
        unit: str,
        means: Means,
        scribe: Scribe,
        picture: Picture,
        urgent: Urgent,
        delivery: Delivery,
        token: Callable[[], int],
    ) -> None:
        self._unit, self._means, self._scribe = unit, means, scribe
        self._picture, self._urgent = picture, urgent
        self._delivery, self._token = delivery, token
        self._job: _Job | None = None
        self._lost = _Note()

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.ReportMade: self._made,
            ev.Heard: self._heard,
            ev.LinkUp: self._link_changed,
            ev.LinkDown: self._link_changed,
        }

    def recall(self, memory: Memory) -> None:
        self._lost = memory.notes.recall(NOTE, _Note) or _Note()

    # The order, and what is made of it

    def _kept(self, kept: ev.Kept, now: Now) -> list[Effect]:
        order = kept.record
        if not isinstance(order, Order) or order.outcome != "received":
            return []
        if order.what not in KINDS:
            return []
        if self._job is not None:
            return self._say(order.id, order.what, "failed", "another report is under way", now)
        self._job = _Job(order.id, order.what, now.up_ms)
        make = ef.MakeReport(order.id, order.what, order.text, self._parts())
        return [Save(NOTE, to_builtins(_Note(order.id, order.what))), make]

    def _parts(self) -> tuple[tuple[str, str], ...]:
        """Each part's last word: their ports are the running unit's, and nobody else can try them."""
        return tuple(self._picture.parts.items())

    def _made(self, made: ev.ReportMade, now: Now) -> list[Effect]:
        job = self._job
        if job is None or job.order != made.order or job.data is not None:
            return []
        if made.data is None or not 0 < len(made.data) <= MAX_BYTES:
            return self._over("failed", made.says, now)
        job.data, job.says, job.since_ms = made.data, made.says, now.up_ms
        return []

    # What is due

    def due(self, now: Now) -> list[Effect]:
        lost, self._lost = self._lost, _Note()
        if lost.order is not None:
            why = "the unit started anew meanwhile; order it again"
            return [*self._say(lost.order, lost.what, "failed", why, now), self._note()]
        job = self._job
        if job is None:
            return []
        for_ms = now.up_ms - job.since_ms
        if job.data is None:
            return self._over("failed", "nothing was made in time", now) if for_ms > MAKE_MS else []
        if for_ms > SEND_MS:
            return self._over("failed", f"the gateway did not take it; {job.says}", now)
        return self._next(job, job.data, now)

    def _next(self, job: _Job, data: bytes, now: Now) -> list[Effect]:
        """A piece, where none is on its way, no record waits, and the rest of the share is over."""
        if job.sent_ms is not None and now.up_ms - job.sent_ms < RESEND_MS:
            return []
        room = self._delivery.spare()
        if room <= 0 or now.up_ms < job.rest_until_ms:
            return []
        piece = data[job.next : job.next + max(1024, min(PIECE_BYTES, room * 2 // 3))]
        job.sent_ms = now.up_ms
        report = Report(1, job.order, job.next, len(data), b64encode(piece).decode("ascii"))
        topic, token = topics.report_up(self._unit), self._token()
        payload = codec.encode_signed(report, topic, self._means.signer)
        self._delivery.counted(token, len(topic) + len(payload), now.up_ms)
        return [ef.Publish(topic, payload, 1, False, token)]

    def _link_changed(self, event: ev.LinkUp | ev.LinkDown, now: Now) -> list[Effect]:
        del event, now
        if self._job:
            self._job.sent_ms, self._job.rest_until_ms = None, 0
        return []

    # What the gateway says

    def _heard(self, heard: ev.Heard, now: Now) -> list[Effect]:
        job = self._job
        if heard.topic != topics.report_down(self._unit) or job is None or job.data is None:
            return []
        try:
            signed = codec.decode_signed(heard.payload, heard.topic, ReportAck)
        except BadPayload:
            return []
        ack = signed.message
        fault = self._means.verifier.check(topics.GATEWAY, signed.text, signed.kid, signed.sig)
        if fault or ack.order != job.order or ack.next > len(job.data):
            return []
        if ack.next == len(job.data):
            return self._over("done", job.says, now)
        self._acknowledged(job, ack.next, now.up_ms)
        return []

    def _acknowledged(self, job: _Job, below: int, up_ms: int) -> None:
        if job.sent_ms is None:
            return
        took_ms = max(0, up_ms - job.sent_ms - self._delivery.trip_ms())
        job.next, job.sent_ms = below, None
        job.rest_until_ms = up_ms + int(took_ms * (1 / SHARE - 1))

    # Answers

    def _over(self, outcome: OrderOutcome, why: str, now: Now) -> list[Effect]:
        job, self._job = self._job, None
        if job is None:
            return []
        return [*self._say(job.order, job.what, outcome, why, now), self._note()]

    def _say(
        self, order: str, what: str, outcome: OrderOutcome, why: str, now: Now
    ) -> list[Effect]:
        record = self._scribe.write(
            Order, now.up_ms, id=order, outcome=outcome, what=what, why=why[:500]
        )
        self._urgent.add(record)
        return [Keep(record)]

    def _note(self) -> Save:
        return Save(NOTE, to_builtins(_Note()))
