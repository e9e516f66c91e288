"""Messages in, changes to the store and answers out, a group at a time. Knows nothing of MQTT.

A group is one transaction: everything in it is committed, or nothing; answers are given back only
after the commit. No payload can end a group: what cannot be taken is quarantined.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.ingest import quarantine
from gateway.ingest.bounds import STATE_BYTES, Alarms, may_begin
from gateway.ingest.branches import Branches
from gateway.ingest.certificates import Counter, oversize, unproven
from gateway.ingest.live import Live
from gateway.ingest.photos import Answer, Chunk, Shelf
from gateway.ingest.registry import Registry
from gateway.ingest.releases import Asked, Hatch, asked
from gateway.ingest.reports import NotAsked
from gateway.ingest.reports import take as take_report
from gateway.ingest.suns import SunWatch, Used
from gateway.store.book import Book, Seal
from gateway.store.heads import Gap, Head, Joined, Key
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.unit_keys import sealed_to
from wire import codec, topics
from wire.batch import BadPayload, Batch, decode_batch, unpack
from wire.cards.keyfile import SiteKeys
from wire.chain import Signer
from wire.live import Hello, Pos, State
from wire.orders import Ack, CertRequest, Refused
from wire.records import AlarmName, Checkin, Clock, Crew, Dropped, Photo, Stream
from wire.report import Report, ReportAck

ISLANDS_PER_UNIT = 256
LIVE_EVERY_MS = 1_000


class Message(Struct, frozen=True):
    """What came from a broker; `via` is handed back with the answers."""

    topic: str
    payload: bytes
    retained: bool = False
    via: int = 0


class Intake:
    """Takes groups of messages. One thread owns it."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        signer: Signer,
        reached: Callable[[str], None],
        photos: Path | None = None,
        card_keys: SiteKeys | None = None,
        releases: Hatch | None = None,
        also: Callable[[Book], None] = lambda book: None,
    ) -> None:
        """`photos`: the folder of the units' photos; None: their chunks are passed over.

        `also` is called in a group's transaction, when its messages are done.
        `releases`: where units fetch their software; None: nowhere.
        `card_keys`: the site's, to check SUN messages by; None: they stay unverified.
        """
        self._store, self._registry, self._signer = store, registry, signer
        self.counter = Counter(store, signer)
        self._reached, self._also = reached, also
        self.nonces: dict[str, str] = {}
        """Each unit's latest greeting, which an order to it must bear."""
        self._shelf = Shelf(store, photos, signer, self.nonces, reached) if photos else None
        self._hatch = releases
        self._greeted: dict[str, int] = {}
        self._suns = SunWatch(card_keys)
        self._book = Book(store.is_sqlite, self._suns.mark)
        self._branches = Branches(self._book, self._alarm)
        self._own, self._alarms = OwnLog(signer), Alarms()
        with store.reading() as connection:
            self._live = Live(connection)
        self._live_ms = 0
        self._moved: set[Key] = set()
        self._answers: dict[Key, int] = {}
        self._refusals: list[Answer] = []
        self._repeated: dict[tuple[Key, int], tuple[bytes, int]] = {}

    def take(self, messages: Sequence[Message], now_ms: int) -> list[Answer]:
        """Commits a group, and returns the answers to it. On a database error nothing was committed."""
        self._answers, self._refusals, self._repeated, self._greeted = {}, [], {}, {}
        self._moved.clear()
        decoded = [self._decode(message) for message in messages]
        kept = any(not isinstance(one.what, _PASSING) for one in decoded)
        if kept or self._live_due(now_ms):
            self._commit(decoded, now_ms)
        else:
            self._look(decoded, now_ms)
        acks = [
            self._ack(key, self._book.head(key), via, now_ms) for key, via in self._answers.items()
        ]
        answers = self._acks_of_repeated(now_ms) + acks + self._refusals
        chunks = [one.what for one in decoded if isinstance(one.what, Chunk)]
        wanted = [one.what for one in decoded if isinstance(one.what, Asked)]
        if wanted and self._hatch:
            answers += self._hatch.answers(wanted, now_ms)
        return answers + (self._of_photos(self._shelf, chunks, now_ms) if self._shelf else [])

    def _of_photos(self, shelf: Shelf, chunks: list[Chunk], now_ms: int) -> list[Answer]:
        lacking = [shelf.lacking(unit, via, now_ms) for unit, via in self._greeted.items()]
        return [answer for some in lacking for answer in some] + shelf.take(chunks, now_ms)

    def look_over_photos(self, now_ms: int) -> None:
        """At the start: photos that the folder has lost are asked of their units again."""
        if self._shelf:
            self._shelf.look_over(self._own, now_ms)

    def tell_of_floods(self, passed_over: Mapping[str, int], now_ms: int) -> None:
        """`passed_over`: how many messages, by unit. An alarm each: no unit in order has so many waiting."""
        try:
            with self._store.writing() as connection:
                self._book.open(connection, now_ms)
                for unit, count in passed_over.items():
                    if topics.is_unit(unit):
                        self._alarm(unit, f"{count} messages beyond its share were passed over")
                self._book.close()
        except BaseException:
            self._book.forget()
            raise

    def _acks_of_repeated(self, now_ms: int) -> list[Answer]:
        """A unit whose journal was set back cannot check the head's answer; it can check its own batch's."""
        return [
            self._ack(key, Head(next_seq, h), via, now_ms)
            for (key, next_seq), (h, via) in self._repeated.items()
            if next_seq < self._book.head(key).next
        ]

    def _commit(self, decoded: "Sequence[_Decoded]", now_ms: int) -> None:
        try:
            with self._store.writing() as connection:
                self._book.open(connection, now_ms)
                self._registry.open(connection)
                for one in decoded:
                    self._one(one, now_ms)
                self._also(self._book)
                self._live.write(connection)
                self._book.close()
                self._reached("ingest.before_commit")
        except BaseException:
            self._book.forget()
            self._registry.forget()
            raise
        self._live.written()
        self._live_ms = now_ms
        self._reached("ingest.after_commit")

    def _live_due(self, now_ms: int) -> bool:
        return self._live.changed and now_ms - self._live_ms >= LIVE_EVERY_MS

    def _look(self, decoded: "Sequence[_Decoded]", now_ms: int) -> None:
        for one in decoded:
            if isinstance(one.what, State | Pos) and one.place:
                self._picture(one.message, one.place, one.what, now_ms)

    # One message

    def _decode(self, message: Message) -> "_Decoded":
        place = topics.parse(message.topic)
        if not isinstance(place, topics.Up) or not topics.is_unit(place.unit):
            return _Decoded(message, None, None)
        try:
            return _Decoded(message, place, _read(place, message))
        except BadPayload as exc:
            # Not `exc` itself: by its frames it would keep the payload until Python's collector comes by.
            return _Decoded(message, place, BadPayload(str(exc)))

    def _one(self, one: "_Decoded", now_ms: int) -> None:
        message, place, what = one.message, one.place, one.what
        if what is None or place is None:
            return
        if isinstance(what, BadPayload):
            self._refuse(message, place, str(what), now_ms)
        elif isinstance(what, Batch):
            self._batch(message, place, what, now_ms)
        elif isinstance(what, codec.Signed):
            self._signed(message, place, what, now_ms)
        elif isinstance(what, State | Pos):
            self._picture(message, place, what, now_ms)

    def _picture(self, message: Message, place: topics.Up, what: State | Pos, now_ms: int) -> None:
        if isinstance(what, State):
            self._live.state(place.unit, what, message.retained, now_ms)
        else:
            self._live.pos(place.unit, what, message.retained, now_ms)

    def _refuse(self, message: Message, place: topics.Up, why: str, now_ms: int) -> None:
        digest = quarantine.put(
            self._book.connection, place.unit, message.topic, message.payload, why, now_ms
        )
        if place.stream is None:
            return
        refused = Refused(1, why[:500], digest, self._store.identity, now_ms)
        topic = topics.ack(place.unit, place.stream)
        payload = codec.encode_signed(refused, topic, self._signer)
        self._refusals.append(Answer(topic, payload, message.via))

    # Batches

    def _batch(self, message: Message, place: topics.Up, batch: Batch, now_ms: int) -> None:
        stream: Stream = "track" if place.stream == "track" else "event"
        text = batch.signed_text(place.unit, stream)
        fault = self._registry.check(place.unit, text, batch.kid, batch.sig)
        if fault:
            self._refuse(message, place, fault, now_ms)
            return
        log = (place.unit, stream, batch.log)
        if not may_begin(self._book, log, now_ms):
            self._refuse(message, place, "more new logs within a day than a unit begins", now_ms)
            return
        key = self._branches.of(log, batch)
        if key is None:
            self._answers[log] = message.via
            return
        self._join(key, self._branches.meet(key, batch), batch, message)
        self._drain([key])
        self._answers[key] = message.via

    def _join(self, key: Key, how: Joined, batch: Batch, message: Message) -> None:
        if how.how == "new":
            self._append(key, batch, how)
        elif how.how == "known" and self._book.h_at(key, batch.last) == batch.hs[-1]:
            self._repeated[key, batch.last + 1] = (batch.hs[-1], message.via)
        elif how.how == "island" and self._book.islands_of(key[0]) < ISLANDS_PER_UNIT:
            self._book.keep_island(key, batch.first, batch.last, batch.prev, message.payload)

    def _append(self, key: Key, batch: Batch, how: Joined, received_ms: int | None = None) -> None:
        mark = None
        if how.jumped:
            head = self._book.head(key)
            gap = self._book.gap_at(key, head.next)
            if gap is None or gap.h_last is None:
                mark = f"gap: records {head.next} to {batch.first - 1} were never received"
            self._book.move(key, Head(batch.first, batch.prev))
        self._greet_new_log(key)
        before = self._before(key, batch) if how.start else None
        seal = Seal(batch.first, batch.kid, batch.sig, before)
        raws, hs = batch.raws[how.start :], batch.hs[how.start :]
        first_seq, first_pos = self._book.head(key).next, self._book.pos
        for pos, record in self._book.append(key, raws, hs, seal, mark, received_ms):
            self._act_on(key[0], record, pos)
            if isinstance(record, Checkin | Crew):
                self._sun(key, first_seq + pos - first_pos, record)

    def _before(self, key: Key, batch: Batch) -> bytes | None:
        """The chain's value before `batch`, of which a part was known; None where a record here has it."""
        at_start = batch.first == 1 or self._book.h_at(key, batch.first - 1) == batch.prev
        return None if at_start else batch.prev

    def _greet_new_log(self, key: Key) -> None:
        if self._book.head(key).next > 1 or "~" in key[2] or not self._book.has_other_log(key):
            return
        self._alarm(key[0], f"a new {key[1]} log {key[2]} began beside the one known")

    def _act_on(self, unit: str, record: object, pos: int) -> None:
        if isinstance(record, Clock):
            self._book.learned(unit, record, pos)
        elif isinstance(record, Photo):
            self._book.announced(unit, record, pos)
        elif isinstance(record, Dropped):
            key = (unit, record.stream, record.log)
            h_last = bytes.fromhex(record.h_last) if record.h_last else None
            self._declare(key, Gap(record.first, record.last, h_last), record.why)

    def _sun(self, key: Key, seq: int, record: Checkin | Crew) -> None:
        trusted = record.clock in ("gnss", "ntp", "gw")
        used = Used(key[0], key[2], seq, record.at_ms if trusted else None)
        book = self._book
        self._suns.judge(book.connection, record, used, book.now_ms, self._tamper)

    def _drain(self, keys: Sequence[Key]) -> None:
        """Lets waiting batches find their place, now that a head has moved or more is known to be missing."""
        is_at_it = bool(self._moved)
        self._moved.update(keys)
        while self._moved and not is_at_it:
            key = next(iter(self._moved))
            self._drain_one(key)
            self._moved.remove(key)

    def _drain_one(self, key: Key) -> None:
        while row := self._book.island(key):
            batch = decode_batch(row.payload)
            how = self._branches.meet(key, batch)
            if how.how == "island":
                return
            self._book.take_island(row)
            if how.how == "new":
                self._append(key, batch, how, row.received_ms)

    # What a unit signs beside its batches

    def _signed(
        self, message: Message, place: topics.Up, what: codec.Signed[Any], now_ms: int
    ) -> None:
        if isinstance(what.message, Hello):
            self._hello(message, place, what, now_ms)
        elif isinstance(what.message, Report):
            self._report(message, place, what, now_ms)
        else:
            self._request(message, place, what, now_ms)

    def _hello(
        self, message: Message, place: topics.Up, signed: codec.Signed[Hello], now_ms: int
    ) -> None:
        hello = signed.message
        fault = self._registry.admit(place.unit, hello.cert, now_ms) if hello.cert else None
        fault = fault or self._registry.check(place.unit, signed.text, signed.kid, signed.sig)
        if fault:
            self._refuse(message, place, fault, now_ms)
            return
        self.nonces[place.unit] = hello.nonce
        self._greeted[place.unit] = message.via
        if hello.seal:
            sealed_to(self._book.connection, place.unit, hello.seal, now_ms)
        for said in hello.logs:
            key = (place.unit, said.stream, said.log)
            if not may_begin(self._book, key, now_ms):
                continue
            self._branches.remember(key, said.oldest)
            branches = self._branches.all(key)
            self._gone(key, max(self._book.head(one).next for one in branches), said.oldest - 1)
            for known in branches:
                self._book.head(known)
                self._answers[known] = message.via

    def _gone(self, key: Key, first: int, last: int) -> None:
        """Where no branch has `first` to `last`, and the unit has not either, they will never come."""
        if last < first or self._declared(key, first, last):
            return
        self._declare(key, Gap(first, last, None), "the unit does not keep them any more")
        self._alarm(key[0], f"{key[1]} records {first} to {last} are gone")

    def _request(
        self, message: Message, place: topics.Up, signed: codec.Signed[CertRequest], now_ms: int
    ) -> None:
        """A unit without a key that counts has a proof instead."""
        connection, unit = self._book.connection, place.unit
        if signed.message.proof is None or signed.kid is not None:
            asked = message.payload
            fault = self._registry.check(unit, signed.text, signed.kid, signed.sig)
            fault = fault or oversize(asked)
        else:
            asked = codec.encode(CertRequest(1, signed.message.csr, signed.message.proof))
            fault = unproven(connection, unit, signed.message)
        if fault:
            self._refuse(message, place, fault, now_ms)
            return
        self.counter.take(connection, unit, asked, now_ms)

    def _report(
        self, message: Message, place: topics.Up, signed: codec.Signed[Report], now_ms: int
    ) -> None:
        piece, unit = signed.message, place.unit
        fault = self._registry.check(unit, signed.text, signed.kid, signed.sig)
        try:
            if fault:
                raise NotAsked(fault)
            held = take_report(self._book.connection, unit, piece, now_ms)
        except NotAsked as exc:
            self._refuse(message, place, str(exc), now_ms)
            return
        topic = topics.report_down(unit)
        payload = codec.encode_signed(ReportAck(1, piece.order, held), topic, self._signer)
        self._refusals.append(Answer(topic, payload, message.via))

    def _declare(self, key: Key, gap: Gap, why: str) -> None:
        self._book.declare_gap(key, gap, why)
        self._drain(self._branches.all(key))

    def _declared(self, key: Key, first: int, last: int) -> bool:
        """Whether it is known already that `first` to `last` will never come."""
        gap = self._book.gap_at(key, first)
        return gap is not None and gap.last >= last

    def _alarm(self, unit: str, what: str, alarm: AlarmName = "storage") -> None:
        said = self._alarms.admit(unit, what, self._book.now_ms)
        if said:
            self._own.alarm(self._book, f"{unit}: {said}", alarm, part=unit)

    def _tamper(self, unit: str, what: str) -> None:
        self._alarm(unit, what, "tamper")

    def _ack(self, key: Key, head: Head, via: int, now_ms: int) -> Answer:
        unit, stream, log = key
        nonce = self.nonces.get(unit)
        ack = Ack(1, log, head.next, head.h.hex(), self._store.identity, now_ms, nonce)
        topic = topics.ack(unit, "track" if stream == "track" else "event")
        return Answer(topic, codec.encode_signed(ack, topic, self._signer), via)


What = (
    Batch
    | codec.Signed[Hello]
    | codec.Signed[CertRequest]
    | codec.Signed[Report]
    | State
    | Pos
    | Chunk
    | Asked
    | None
)
_PASSING = (State, Pos, Chunk, Asked, type(None))
"""What asks for no transaction."""


def _read(place: topics.Up, message: Message) -> What:
    payload = message.payload
    if place.kind == "log":
        return decode_batch(payload)
    if place.kind in ("hello", "csr", "report"):
        return _signed(place, message)
    if place.kind == "pos":
        return codec.decode(payload, Pos)
    if place.kind == "state":
        size = len(unpack(payload))
        if size > STATE_BYTES:
            raise BadPayload(f"a state of {size} bytes, more than {STATE_BYTES}")
        state = codec.decode(payload, State)
        if state.unit != place.unit:
            raise BadPayload(f"a state of unit {state.unit}")
        return state
    return _chunk(place, message)


def _signed(
    place: topics.Up, message: Message
) -> codec.Signed[Hello] | codec.Signed[CertRequest] | codec.Signed[Report]:
    if place.kind == "hello":
        return codec.decode_signed(message.payload, message.topic, Hello)
    if place.kind == "csr":
        return codec.decode_signed(message.payload, message.topic, CertRequest)
    return codec.decode_signed(message.payload, message.topic, Report)


def _chunk(place: topics.Up, message: Message) -> Chunk | Asked | None:
    """A chunk of a photo, or the wish for one of a release; a retained one is nobody's answer to anything."""
    if place.sha256 is None or place.offset is None or message.retained:
        return None
    if place.kind == "release":
        return asked(place.unit, place.sha256, place.offset, message.payload, message.via)
    return Chunk(place.unit, place.sha256, place.offset, message.payload, message.via)


class _Decoded(Struct, frozen=True):
    """A message, where it came from, and what it says; `place` None: none of ours."""

    message: Message
    place: topics.Up | None
    what: What | BadPayload
