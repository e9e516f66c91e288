"""Makes a bundle of evidence: the chosen records, what proves them, and the photos that they announced.

A run of records goes on to the head of its log in the next daily root, or to the end of its last batch where there
is no such root yet: the chain cannot be followed to a signature without the records on the way.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection

from gateway.daily_root import Reached, heads_at
from gateway.evidence import by_hand, holes
from gateway.evidence.choice import Chosen, choose
from gateway.evidence.days import Day, all_days
from gateway.evidence.parts import PartWriter
from gateway.evidence.rows import h_at, held_certificates, is_log, kept, records_of, snapshot
from gateway.keys import AUTHORITY as CA_FILE
from gateway.keys import GatewayKeys
from gateway.photos.files import whole
from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.schema import photo_files, records
from wire.batch import decode_record
from wire.evidence.bundle import (
    AUTHORITY,
    MANIFEST,
    PREFIX,
    SIGNATURE,
    Choice,
    DayRoot,
    Manifest,
    Paper,
    Part,
    Picture,
    Proof,
    Run,
    Signature,
    Span,
    line_of,
)
from wire.evidence.merkle import head_text, leaf, path
from wire.evidence.spans import by_log, is_in
from wire.evidence.walk import Kept
from wire.records import Photo
from wire.topics import GATEWAY
from wire.words import Fault

CHUNK = 256 * 1024


class Exported(Struct, frozen=True):
    """What is in the bundle; `days`: by how many daily roots its logs are covered."""

    records: int
    photos: int
    photos_missing: int
    days: int
    bytes: int


def _private(path: Path) -> BinaryIO:
    """A new file for its owner's eyes: an incident's records, persons and pictures are in it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")


def export(
    store: Store, keys: GatewayKeys, photos: Path, choice: Choice, out: Path, now_ms: int
) -> Exported:
    """Writes the bundle `out`, whole or not at all. Raises `Fault`; overwrites nothing."""
    new = out.with_name(f".{out.name}.new")
    if out.exists():
        raise Fault(f"{out} 已存在；请换一个文件名", f"{out} is there already: choose another name")
    try:
        with snapshot(store) as connection, _private(new) as file:
            chosen = choose(connection, choice)
            with zipfile.ZipFile(file, "w") as into:
                packer = _Packer(connection, keys, photos, into)
                packer.pack(chosen, choice, store.identity, now_ms)
            file.flush()
            os.fsync(file.fileno())
        new.replace(out)
    except OSError as exc:
        raise Fault(
            f"无法写入 {out}：{exc.strerror}；请检查路径、磁盘空间与权限",
            f"cannot write {out}: {exc.strerror}; check the path, disk space and permissions",
        ) from exc
    finally:
        new.unlink(missing_ok=True)
    return structs.replace(packer.done, bytes=out.stat().st_size)


class _Packer:
    """One bundle that is being written."""

    def __init__(
        self, connection: Connection, keys: GatewayKeys, photos: Path, into: zipfile.ZipFile
    ) -> None:
        self._connection, self._keys, self._folder = connection, keys, photos
        self._zip = into
        self._parts: dict[str, Part] = {}
        self._runs: list[Run] = []
        self._kids = {keys.kid}
        self._closed: set[tuple[str, Key]] = set()
        self._count = 0
        self._announced: dict[str, None] = {}
        self.done = Exported(0, 0, 0, 0, 0)

    def pack(self, chosen: Chosen, asked: Choice, identity: str, now_ms: int) -> None:
        """Writes all of it."""
        days = all_days(self._connection)
        heads = {
            day.date: heads_at(self._connection, day.date) for day in self._needed(chosen, days)
        }
        for key, spans in chosen.items():
            for first, last in self._stretched(key, spans, days, heads):
                self._write_runs(key, first, last, spans)
        for key in chosen:
            self._write_words(key)
        self._write_word_of_hand(chosen)
        unasked = [
            one for key in chosen for one in holes.unasked(self._connection, key, self._runs)
        ]
        roots = [self._day(day, heads[day.date], chosen) for day in days if day.date in heads]
        pictures = [self._picture(digest) for digest in self._announced]
        manifest = Manifest(
            v=1,
            made_ms=now_ms,
            store=identity,
            asked=asked,
            wanted=[
                Span(*key, first, last) for key, spans in chosen.items() for first, last in spans
            ],
            unasked=unasked,
            runs=self._runs,
            certificates=list(self._papers()),
            photos=pictures,
            roots=roots,
            parts=self._parts,
        )
        self._sign(manifest)
        here = sum(one.part is not None for one in pictures)
        self.done = Exported(self._count, here, len(pictures) - here, len(roots), 0)

    # How far a run goes

    def _needed(self, chosen: Chosen, days: list[Day]) -> list[Day]:
        """The days whose roots come next after the chosen records."""
        found = {}
        for key, spans in chosen.items():
            for _, last in spans:
                day = self._closing(key, last, days)
                if day:
                    found[day.date] = day
                    self._closed.add((day.date, key))
        return list(found.values())

    def _closing(self, key: Key, last: int, days: list[Day]) -> Day | None:
        query = sa.select(records.c.pos).where(is_log(records, key), records.c.seq == last)
        pos = self._connection.execute(query).scalar_one()
        return next((day for day in days if day.pos > pos), None)

    def _stretched(
        self,
        key: Key,
        spans: Iterable[tuple[int, int]],
        days: list[Day],
        heads: dict[str, dict[Key, Reached]],
    ) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for first, last in spans:
            day = self._closing(key, last, days)
            head = heads[day.date].get(key) if day else None
            end = self._signed_end(key, max(last, head[0] if head else 0))
            if found and first <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((first, end))
        return found

    def _signed_end(self, key: Key, seq: int) -> int:
        """The end of the batch that record `seq` is in."""
        c = records.c
        query = sa.select(sa.func.min(c.seq)).where(is_log(records, key), c.seq >= seq)
        end: int | None = self._connection.execute(query.where(c.sig.is_not(None))).scalar()
        return seq if end is None else end

    # Parts

    def _write_runs(
        self, key: Key, first: int, last: int, wanted: Sequence[tuple[int, int]]
    ) -> None:
        """The records `first` to `last`, a part for each stretch without a hole."""
        rows = self._rows(key, first, last)
        row = next(rows, None)
        while row is not None:
            name = f"records/{len(self._runs) + 1}.jsonl"
            begun, prev = row.seq, self._h_before(key, row)
            with self._part(name) as part:
                while row is not None:
                    self._count += 1
                    at = row.seq
                    part.write(line_of(self._whole(key, begun, row)))
                    self._kids |= {row.kid} if row.kid else set()
                    if is_in(wanted, at):
                        self._note_photo(row)
                    row = next(rows, None)
                    if row is not None and row.seq != at + 1:
                        break
            self._runs.append(Run(*key, begun, at, prev.hex() if prev else None, name))

    def _write_words(self, key: Key) -> None:
        """The signed records that say why others are gone between the runs of a log."""
        is_new = True
        while is_new:
            is_new = False
            missing = holes.gone(self._connection, key, self._runs)
            for place, seq in holes.words_on(self._connection, key, missing):
                if not self._is_in_a_run(place, seq):
                    self._write_runs(place, seq, self._signed_end(place, seq), ())
                    is_new = True

    def _write_word_of_hand(self, chosen: Chosen) -> None:
        """The gateway's own records that some of these did not come from their unit itself."""
        there = {key: spans for key, spans in by_log(self._runs).items() if key in chosen}
        for place, seq in by_hand.words_on(self._connection, there):
            if not self._is_in_a_run(place, seq):
                self._write_runs(place, seq, self._signed_end(place, seq), ())

    def _rows(self, key: Key, first: int, last: int) -> Iterator[Any]:
        for row in records_of(self._connection, key, first - 1):
            if row.seq > last:
                return
            yield row

    def _whole(self, key: Key, begun: int, row: Any) -> Kept:
        """With the chain's value before its batch, where that began before the run does."""
        one = kept(row)
        if row.batch_first is None or row.batch_first > begun or row.batch_prev:
            return one
        return structs.replace(one, batch_prev=h_at(self._connection, key, row.batch_first - 1))

    def _h_before(self, key: Key, row: Any) -> bytes | None:
        prev: bytes | None = row.prev
        return prev or h_at(self._connection, key, row.seq - 1)

    def _note_photo(self, row: Any) -> None:
        said = decode_record(row.raw)
        if not isinstance(said, Photo) or said.lost is not None or row.unit == GATEWAY:
            return
        self._announced[said.sha256] = None

    def _picture(self, digest: str) -> Picture:
        try:
            name = f"photos/{digest}.jpg"
            with whole(self._folder, digest).open("rb") as file, self._part(name, True) as part:
                while chunk := file.read(CHUNK):
                    part.write(chunk)
        except FileNotFoundError:
            query = sa.select(photo_files.c.why).where(photo_files.c.sha256 == digest)
            why = self._connection.execute(query).scalar()
            return Picture(digest, None, why or "it is not at the gateway")
        return Picture(digest, name)

    def _papers(self) -> Iterator[Paper]:
        number = 0
        for kid in sorted(self._kids):
            for held in held_certificates(self._connection, kid):
                number += 1
                name = f"certificates/{number}.der"
                self._put(name, held.der)
                yield Paper(kid, name, held.revoked_ms)
        if not held_certificates(self._connection, self._keys.kid):
            name = f"certificates/{number + 1}.der"
            self._put(name, self._keys.certificate.der)
            yield Paper(self._keys.kid, name, None)
        self._put(AUTHORITY, (self._keys.folder / CA_FILE).read_bytes())

    def _day(self, day: Day, heads: dict[Key, Reached], chosen: Chosen) -> DayRoot:
        """The root's own record, and the proofs of the chosen logs that it closes, or whose head is in a run."""
        self._write_runs((GATEWAY, "event", day.log), day.seq, day.seq, ())
        keys = sorted(heads)
        leaves = [leaf(head_text(*key, *heads[key])) for key in keys]
        proofs = [
            Proof(*key, heads[key][0], at, [one.hex() for one in path(leaves, at)])
            for at, key in enumerate(keys)
            if (day.date, key) in self._closed
            or (key in chosen and self._is_in_a_run(key, heads[key][0]))
        ]
        return DayRoot(day.date, day.log, day.seq, day.logs, proofs)

    def _is_in_a_run(self, key: Key, seq: int) -> bool:
        return any(
            (one.unit, one.stream, one.log) == key and one.first <= seq <= one.last
            for one in self._runs
        )

    def _sign(self, manifest: Manifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        signature = Signature(self._keys.kid, self._keys.sign(PREFIX + text))
        self._put(MANIFEST, text)
        self._put(SIGNATURE, msgspec.json.encode(signature))

    def _put(self, name: str, content: bytes) -> None:
        with self._part(name) as part:
            part.write(content)

    def _part(self, name: str, is_packed: bool = False) -> PartWriter:
        return PartWriter(self._zip, name, is_packed, self._parts)
