"""The desk of photos on their way: a chunk at a time, after all records, gone on with where the gateway says.

The gateway alone knows how much of a photo it has: of one from before it is asked by a chunk without bytes,
and its answer says where to go on. What it has lost waits again. A photo that is refused waits longer each
time, and lets the others pass.

Photos take no more than their share of the link. How long a chunk held the link is what it took beyond a
round trip: the next one is as large as fits into the share of a second, and follows when the rest of the
time is over too.
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

FIRST_CHUNK_BYTES = 2 * 1024
"""On a fresh connection, whose pace is not known yet; doubled as long as there is time."""

LEAST_CHUNK_BYTES = 1024
"""No smaller ones: each costs a message and an answer."""

RESEND_MS = 4_000
RESEND_MAX_MS = 60_000
REFUSED_MS = 60_000
REFUSED_MAX_MS = 3_600_000


class _Waiting(Struct):
    """`next`: the gateway has all below; None: it is to be asked."""

    size_bytes: int
    urgent: bool
    next: int | None = 0
    tries: int = 0
    hold_until_ms: int = 0


class _InFlight(Struct):
    token: int
    sha256: str
    offset: int
    asked_ms: int
    size: int = 0
    digest: str = ""
    taken_ms: int | None = None


class Upload(Desk):
    """Photos that wait for the gateway. One chunk is on its way at a time, so that records overtake them.

    `share` (0 to 1): what photos may take of the link. `nonce()`: of the unit's latest greeting.
    """

    def __init__(
        self,
        unit: str,
        verifier: Verifier,
        nonce: Callable[[], str],
        clock: ClockKeeper,
        picture: Picture,
        delivery: Delivery,
        token: Callable[[], int],
        economy: Economy,
        share: float,
    ) -> None:
        self._share, self._nonce = share, nonce
        self._unit, self._verifier, self._clock = unit, verifier, clock
        self._picture, self._delivery, self._token = picture, delivery, token
        self._economy = economy
        self._waiting: dict[str, _Waiting] = {}
        self._in_flight: _InFlight | None = None
        self._chunk_bytes = FIRST_CHUNK_BYTES
        self._tries = 0
        self._rest_until_ms = 0
        self._looked = False

    @property
    def emptied(self) -> bool:
        """Whether nothing waits, as far as the folder was heard of."""
        return self._looked and not self._waiting

    @property
    def waits(self) -> bool:
        """Whether a photo waits, of those that are known."""
        return bool(self._waiting)

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

    def add(self, digest: str, size_bytes: int, urgent: bool) -> None:
        """A photo that is on record waits from now on."""
        self._waiting.setdefault(digest, _Waiting(size_bytes, urgent))
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
        """They come before those of now: they are older."""
        del now
        urgent = frozenset(found.urgent)
        older = {
            digest: _Waiting(size_bytes, digest in urgent, None)
            for digest, size_bytes in found.waiting
            if digest not in self._waiting
        }
        self._waiting, self._looked = {**older, **self._waiting}, True
        self._count()
        return []

    # What goes out

    def due(self, now: Now) -> list[Effect]:
        """The next chunk, where no record waits, the link has room for it and the SIM's plan allows it."""
        self._give_up_waiting(now.up_ms)
        if self._in_flight or not self._waiting or now.up_ms < self._rest_until_ms:
            return []
        chosen = self._chosen(now.up_ms)
        spare = self._delivery.spare() if chosen else 0
        if chosen is None or spare < LEAST_CHUNK_BYTES:
            return []
        return [self._ask(chosen, self._waiting[chosen], spare, now.up_ms)]

    def _chosen(self, up_ms: int) -> str | None:
        """The photo that goes on: the oldest of those that somebody waits for, else the oldest; None: none may."""
        for urgent in (True, False):
            if not self._economy.photos(urgent):
                continue
            for digest, photo in self._waiting.items():
                if photo.urgent is urgent and up_ms >= photo.hold_until_ms:
                    return digest
        return None

    def _ask(self, digest: str, photo: _Waiting, spare: int, up_ms: int) -> Effect:
        """Asks the folder for a chunk, or the gateway how much it has."""
        self._in_flight = _InFlight(self._token(), digest, photo.next or 0, up_ms)
        if photo.next is None:
            return self._publish(self._in_flight, b"", up_ms)
        most = min(MAX_CHUNK_BYTES, self._chunk_bytes, spare)
        return ef.ReadChunk(digest, photo.next, most, self._in_flight.token)

    def _read(self, read: ev.ChunkRead, now: Now) -> list[Effect]:
        sent = self._in_flight
        if sent is None or sent.token != read.token:
            return []
        sent.asked_ms, sent.size = now.up_ms, len(read.data)
        return [self._publish(sent, read.data, now.up_ms)]

    def _publish(self, sent: _InFlight, data: bytes, up_ms: int) -> Publish:
        sent.digest = sha256(data).hexdigest()
        topic = topics.photo(self._unit, sent.sha256, sent.offset)
        self._delivery.counted(sent.token, len(topic) + len(data), up_ms)
        return Publish(topic, data, 1, False, sent.token)

    def _handed(self, handed: ev.Handed, now: Now) -> list[Effect]:
        sent = self._in_flight
        if sent and sent.token == handed.token:
            sent.taken_ms = now.up_ms
            if sent.size:
                took_ms = now.up_ms - sent.asked_ms - self._delivery.trip_ms()
                self._bore(sent.size, max(0, took_ms), now.up_ms)
        return []

    def _bore(self, size: int, took_ms: int, up_ms: int) -> None:
        """A chunk held the link for `took_ms`: how long it is left alone now, and how large the next one is."""
        self._rest_until_ms = up_ms + int(took_ms * (1 / self._share - 1))
        fits_ms = 1000 * self._share
        if took_ms > fits_ms:
            self._chunk_bytes = max(LEAST_CHUNK_BYTES, int(size * fits_ms / took_ms))
        elif took_ms < fits_ms / 2 and size >= self._chunk_bytes // 2:
            self._chunk_bytes = min(MAX_CHUNK_BYTES, self._chunk_bytes * 2)

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
        self._in_flight, self._chunk_bytes, self._rest_until_ms = None, FIRST_CHUNK_BYTES, 0
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
        photo.tries, photo.next = min(photo.tries + 1, 8), None
        self._waiting[sent.sha256] = photo
        self._in_flight = None
        self._picture.alarm(
            "photo", f"the gateway refused photo {sent.sha256[:8]}: {answer.refused}"
        )
        return []

    def _acknowledged(self, ack: PhotoAck, now: Now) -> list[Effect]:
        photo, sent = self._waiting.get(ack.sha256), self._in_flight
        if photo is None:
            return [] if ack.done else [ef.ResendPhoto(ack.sha256)]
        if ack.done and ack.nonce != self._nonce():
            return []
        if ack.done:
            if sent and sent.sha256 == ack.sha256:
                self._answered()
            self.remove(ack.sha256)
            return [ef.PhotoDone(ack.sha256, self._clock.stamp(now.up_ms).at_ms)]
        if sent is None or sent.sha256 != ack.sha256 or ack.next == photo.size_bytes:
            return []
        if photo.next is not None and ack.next == sent.offset:
            return []
        photo.next = min(ack.next, photo.size_bytes)
        self._answered()
        return []

    def _answered(self) -> None:
        self._picture.alarm("photo", None)
        self._in_flight, self._tries = None, 0
