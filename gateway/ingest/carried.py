"""Takes a unit's journal that was carried here by hand, as if the unit had sent it: the same code, the same answers.

What is new is named in the gateway's own log, in the same transaction: the file was signed by whoever had the unit's
card in hand, and that it did not come from the unit itself is part of the evidence. What is here already changes
nothing, so that a file may be imported again, and its unit may come alive again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from msgspec import Struct

from gateway.ingest.intake import Intake, Message
from gateway.ingest.photos import Answer
from gateway.ingest.registry import Registry, keep
from gateway.keys import GatewayKeys
from gateway.store.book import Book
from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import quarantine
from wire import codec, topics
from wire.batch import BadPayload
from wire.cards.keyfile import SiteKeys
from wire.carried import CarriedFile
from wire.limits import MAX_CHUNK_BYTES
from wire.live import Hello, LogHead
from wire.orders import Ack, Refused
from wire.records import Imported
from wire.words import Fault

AT_ONCE = 16
"""Messages in a group: a check-in that comes meanwhile waits for no more than that."""

Saying = Callable[[Literal["records", "photos"], int, int], None]


class LogTaken(Struct, frozen=True):
    """A log of the file: how many of its records were new, and up to which record the store has it now.

    `last`: its last record in the file; what lies between `here` and that is missing, or waits for what is missing.
    """

    stream: str
    log: str
    new: int
    last: int
    here: int


class Taken(Struct, frozen=True):
    """What became of a file. `refused`: why, and how many messages; they are in quarantine."""

    unit: str
    sha256: str
    logs: tuple[LogTaken, ...]
    photos: int
    photos_kept: int
    refused: dict[str, int]

    @property
    def new(self) -> int:
        """How many records were new."""
        return sum(one.new for one in self.logs)

    @property
    def whole(self) -> bool:
        """Whether all of it is here now."""
        missing = any(one.here < one.last for one in self.logs)
        return not (missing or self.refused or self.photos_kept < self.photos)


class Import:
    """Of one file. `card_keys`: the site's, as ingest has them."""

    def __init__(
        self,
        store: Store,
        keys: GatewayKeys,
        photos: Path,
        file: CarriedFile,
        card_keys: SiteKeys | None = None,
    ) -> None:
        self._store, self._keys, self._file, self._own = store, keys, file, OwnLog(keys)
        self._unit, self._digest = file.manifest.unit, file.digest()
        self._intake = Intake(
            store,
            Registry(keys.authority),
            keys,
            lambda point: None,
            photos,
            card_keys,
            also=self._note,
        )
        self._new: Counter[Key] = Counter()
        self._refused: Counter[str] = Counter()
        self._reached: Counter[tuple[str, str]] = Counter()

    def run(self, now_ms: Callable[[], int], saying: Saying) -> Taken:
        """Takes all of it. Raises `Fault` where the unit is not believed: then nothing of the file can be."""
        with self._store.changing() as connection:
            keep(connection, self._keys.certificate, now_ms())
        names = self._file.messages
        greetings = [self._message(name) for name in names if name.endswith(".hello")]
        self._greet(greetings, now_ms())
        rest = [name for name in names if not name.endswith(".hello")]
        for at in range(0, len(rest), AT_ONCE):
            self._take([self._message(name) for name in rest[at : at + AT_ONCE]], now_ms())
            saying("records", at, len(rest))
        kept = self._photos(now_ms, saying)
        self._take(greetings, now_ms())
        return Taken(
            self._unit,
            self._digest,
            tuple(self._log(head) for head in _heads(greetings)),
            len(self._file.photos),
            kept,
            dict(self._refused),
        )

    def _message(self, name: str) -> Message:
        return Message(*self._file.read(name))

    def _greet(self, greetings: Sequence[Message], now_ms: int) -> None:
        """Who is not believed now, is not later on: its batches need not fill the quarantine."""
        self._take(greetings, now_ms)
        if greetings and (self._reached or not _heads(greetings)):
            return
        why = self._why(greetings[0]) if greetings else "nobody signed it"
        raise Fault(
            f"没有接收任何内容：{self._unit} 的签名不成立（{why}）；须是本站点的单元，密钥未被吊销，文件未被改动",
            f"nothing was taken: {self._unit} is not believed ({why}); it must be a unit of this site, its key not "
            "revoked, the file as it was written",
        )

    def _why(self, greeting: Message) -> str:
        """Why a greeting is in quarantine."""
        digest = sha256(greeting.payload).hexdigest()
        query = sa.select(quarantine.c.reason).where(quarantine.c.sha256 == digest)
        with self._store.reading() as connection:
            return str(connection.execute(query).scalar())

    def _take(self, messages: Sequence[Message], now_ms: int) -> None:
        for answer in self._intake.take(messages, now_ms):
            self._hear(answer)

    def _hear(self, answer: Answer) -> None:
        place = topics.parse(answer.topic)
        if not isinstance(place, topics.Down) or place.about not in ("event", "track"):
            return
        said = codec.decode_answer(answer.payload, answer.topic).message
        if isinstance(said, Refused):
            self._refused[said.refused] += 1
        elif isinstance(said, Ack):
            key = place.about, said.log.partition("~")[0]
            self._reached[key] = max(self._reached[key], said.next - 1)

    def _note(self, book: Book) -> None:
        """In the group's own transaction: what of it is new, in the gateway's own log."""
        manifest = self._file.manifest
        for key, seqs in book.appended().items():
            if key[0] != self._unit:
                continue
            self._new[key] += len(seqs)
            self._own.write(
                book,
                Imported,
                unit=self._unit,
                what=key[1],
                log=key[2],
                first=min(seqs),
                last=max(seqs),
                count=len(seqs),
                kid=manifest.kid,
                sha256=self._digest,
                exported_ms=manifest.exported_ms,
            )

    def _log(self, head: LogHead) -> LogTaken:
        new = sum(
            count
            for (_, stream, log), count in self._new.items()
            if (stream, log.partition("~")[0]) == (head.stream, head.log)
        )
        return LogTaken(head.stream, head.log, new, head.last, self._reached[head.stream, head.log])

    # Photos

    def _photos(self, now_ms: Callable[[], int], saying: Saying) -> int:
        """How many are kept, verified, of those in the file."""
        kept = 0
        for number, digest in enumerate(self._file.photos):
            jpeg = self._file.photo(digest)
            kept += any(self._chunk(digest, at, jpeg, now_ms()) for at in _offsets(jpeg))
            saying("photos", number, len(self._file.photos))
        return kept

    def _chunk(self, digest: str, at: int, jpeg: bytes, now_ms: int) -> bool:
        """Whether the photo is whole now."""
        topic = topics.photo(self._unit, digest, at)
        message = Message(topic, jpeg[at : at + MAX_CHUNK_BYTES])
        done = False
        for answer in self._intake.take([message], now_ms):
            if answer.topic != topics.ack(self._unit, "photo"):
                continue
            said = codec.decode_photo_answer(answer.payload, answer.topic).message
            if isinstance(said, Refused):
                self._refused[said.refused] += 1
            else:
                done |= said.sha256 == digest and said.done
        return done


def _offsets(jpeg: bytes) -> Iterator[int]:
    yield from range(0, max(1, len(jpeg)), MAX_CHUNK_BYTES)


def _heads(greetings: Sequence[Message]) -> list[LogHead]:
    """The logs that the file has, by its greetings; those that cannot be read are refused anyway."""
    found = []
    for message in greetings:
        try:
            found += codec.decode_signed(message.payload, message.topic, Hello).message.logs
        except BadPayload:
            continue
    return found
