"""The desk of photos on their way: a chunk at a time, after all records, gone on with where the gateway says.

The gateway alone knows how much of a photo it has: after a start the first chunk is sent anew, and its
answer says where to go on. A photo that is refused waits longer each time, and lets the others pass.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from msgspec import Struct

from device.core import effects as ef
from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.economy import Economy
from device.core.effects import Effect, Publish
from device.core.moment import Now
from device.core.picture import Picture
from device.link.delivery import Delivery
from wire import codec, topics
from wire.batch import BadPayload
from wire.chain import Verifier
from wire.limits import MAX_CHUNK_BYTES
from wire.orders import PhotoAck, Refused

FIRST_CHUNK_BYTES = 4 * 1024
"""On a fresh connection, whose pace is not known yet; doubled with each answer."""

LEAST_CHUNK_BYTES = 1024
"""No smaller ones: each costs a message and an answer."""

RESEND_MS = 4_000
RESEND_MAX_MS = 60_000
REFUSED_MS = 60_000
REFUSED_MAX_MS = 3_600_000


class _Waiting(Struct):
    size_bytes: int
    next: int = 0
    tries: int = 0
    hold_until_ms: int = 0


class _InFlight(Struct):
    token: int
    sha256: str
    offset: int
    asked_ms: int
    digest: str = ""
    taken_ms: int | None = None


class Upload(Desk):
    """Photos that wait for the gateway. One chunk is on its way at a time, so that records overtake them."""

    def __init__(
        self,
        unit: str,
        verifier: Verifier,
        clock: ClockKeeper,
        picture: Picture,
        delivery: Delivery,
        token: Callable[[], int],
        economy: Economy,
    ) -> None:
        self._unit, self._verifier, self._clock = unit, verifier, clock
        self._picture, self._delivery, self._token = picture, delivery, token
        self._economy = economy
        self._waiting: dict[str, _Waiting] = {}
        self._in_flight: _InFlight | None = None
        self._chunk_bytes = FIRST_CHUNK_BYTES
        self._tries = 0

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.PhotosFound: self._found,
            ev.ChunkRead: self._read,
            ev.Handed: self._handed,
            ev.Heard: self._heard,
            ev.LinkUp: self._link_changed,
            ev.LinkDown: self._link_changed,
        }

    # What waits

    def add(self, digest: str, size_bytes: int) -> None:
        """A photo that is on record waits from now on."""
        self._waiting.setdefault(digest, _Waiting(size_bytes))
        self._count()

    def remove(self, digest: str) -> None:
        """A photo is with the gateway, or lost."""
        self._waiting.pop(digest, None)
        if self._in_flight and self._in_flight.sha256 == digest:
            self._in_flight = None
        self._count()

    def _count(self) -> None:
        self._picture.photos(len(self._waiting))

    def _found(self, found: ev.PhotosFound, now: Now) -> list[Effect]:
        """Those of runs before come first: they are older."""
        del now
        older = {digest: _Waiting(size_bytes) for digest, size_bytes in found.waiting}
        self._waiting = {**older, **{k: v for k, v in self._waiting.items() if k not in older}}
        self._count()
        return []

    # What goes out

    def due(self, now: Now) -> list[Effect]:
        """The next chunk, where no record waits, the link has room for it and the SIM's plan allows it."""
        self._give_up_waiting(now.up_ms)
        wanted = self._waiting and not self._in_flight and self._economy.photos
        spare = self._delivery.spare() if wanted else 0
        if spare < LEAST_CHUNK_BYTES:
            return []
        for digest, photo in self._waiting.items():
            if now.up_ms >= photo.hold_until_ms:
                return [self._ask(digest, photo, spare, now.up_ms)]
        return []

    def _ask(self, digest: str, photo: _Waiting, spare: int, up_ms: int) -> Effect:
        self._in_flight = _InFlight(self._token(), digest, photo.next, up_ms)
        most = min(MAX_CHUNK_BYTES, self._chunk_bytes, spare)
        return ef.ReadChunk(digest, photo.next, most, self._in_flight.token)

    def _read(self, read: ev.ChunkRead, now: Now) -> list[Effect]:
        sent = self._in_flight
        if sent is None or sent.token != read.token:
            return []
        sent.digest = sha256(read.data).hexdigest()
        self._delivery.counted(read.token, len(read.data), now.up_ms)
        topic = topics.photo(self._unit, read.sha256, read.offset)
        return [Publish(topic, read.data, 1, False, read.token)]

    def _handed(self, handed: ev.Handed, now: Now) -> list[Effect]:
        if self._in_flight and self._in_flight.token == handed.token:
            self._in_flight.taken_ms = now.up_ms
        return []

    def _give_up_waiting(self, up_ms: int) -> None:
        """What the broker took and the gateway did not answer, or the folder did not give, is asked anew."""
        sent = self._in_flight
        since_ms = sent.taken_ms if sent and sent.digest else sent.asked_ms if sent else None
        if since_ms is None:
            return
        if up_ms - since_ms > min(RESEND_MAX_MS, RESEND_MS * 2**self._tries):
            self._tries = min(self._tries + 1, 8)
            self._in_flight = None

    def _link_changed(self, event: ev.LinkUp | ev.LinkDown, now: Now) -> list[Effect]:
        del event, now
        self._in_flight, self._chunk_bytes = None, FIRST_CHUNK_BYTES
        return []

    # What the gateway says

    def _heard(self, heard: ev.Heard, now: Now) -> list[Effect]:
        if heard.topic != topics.ack(self._unit, "photo"):
            return []
        try:
            answer = codec.decode_photo_answer(heard.payload, heard.topic)
        except BadPayload as exc:
            self._picture.alarm("photo", f"unreadable answer about a photo: {exc}")
            return []
        fault = self._verifier.check(topics.GATEWAY, answer.text, answer.kid, answer.sig)
        if fault:
            self._picture.alarm("photo", f"answer about a photo not believed: {fault}")
            return []
        if isinstance(answer.message, Refused):
            return self._refused(answer.message, now)
        return self._acknowledged(answer.message, now)

    def _refused(self, answer: Refused, now: Now) -> list[Effect]:
        sent = self._in_flight
        if sent is None or sent.digest != answer.sha256:
            return []
        photo = self._waiting.pop(sent.sha256)
        photo.hold_until_ms = now.up_ms + min(REFUSED_MAX_MS, REFUSED_MS * 2**photo.tries)
        photo.tries, photo.next = min(photo.tries + 1, 8), 0
        self._waiting[sent.sha256] = photo
        self._in_flight = None
        self._picture.alarm(
            "photo", f"the gateway refused photo {sent.sha256[:8]}: {answer.refused}"
        )
        return []

    def _acknowledged(self, ack: PhotoAck, now: Now) -> list[Effect]:
        photo = self._waiting.get(ack.sha256)
        if photo is None:
            return []
        if ack.done:
            self._answered()
            self.remove(ack.sha256)
            return [ef.PhotoDone(ack.sha256, self._clock.stamp(now.up_ms).at_ms)]
        sent = self._in_flight
        if sent is None or sent.sha256 != ack.sha256 or ack.next in (sent.offset, photo.size_bytes):
            return []
        photo.next = min(ack.next, photo.size_bytes)
        self._answered()
        return []

    def _answered(self) -> None:
        """The link bears as much; with the time it may bear more."""
        self._picture.alarm("photo", None)
        self._in_flight, self._tries = None, 0
        self._chunk_bytes = min(MAX_CHUNK_BYTES, self._chunk_bytes * 2)
