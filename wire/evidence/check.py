"""Checks a bundle of evidence with nothing but the site's authority: parts, signatures, chains, photos, roots."""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from wire.batch import decode_record
from wire.certificates import MAX_DER_BYTES, Authority, BadCertificate
from wire.evidence.bundle import (
    AUTHORITY,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    PREFIX,
    SIGNATURE,
    BadBundle,
    DayRoot,
    Manifest,
    Picture,
    Proof,
    Run,
    Signature,
    Span,
    kept_of,
)
from wire.evidence.by_hand import ByHand
from wire.evidence.findings import Finding, What, joined
from wire.evidence.holes import Holes
from wire.evidence.keyring import Held, Keyring
from wire.evidence.merkle import ALGORITHM, head_text, leaf, root_by
from wire.evidence.spans import LogKey, Spans, by_log, is_in, key_of
from wire.evidence.walk import LogWalk
from wire.evidence.zipped import ZippedParts
from wire.records import Photo, Root
from wire.topics import GATEWAY

Place = tuple[str, int]
"""A log, and a record in it."""


class BundleTotal(Struct, frozen=True):
    """What a bundle holds, and how much of it is proven; all zero where it cannot be read.

    `why`: what was asked for; `compared`: days whose root was held against the one that was forwarded.
    """

    records: int = 0
    proven: int = 0
    photos: int = 0
    photos_proven: int = 0
    days: int = 0
    compared: int = 0
    made_ms: int | None = None
    why: str = ""


class BundleCheck:
    """One check. `authority` None: none is trusted; then the bundle's own is told, and nothing is proven."""

    def __init__(
        self,
        path: Path,
        authority: Authority | None,
        forwarded: Mapping[str, str] | None = None,
        struck: Mapping[int, int] | None = None,
    ) -> None:
        """`forwarded`: daily roots by their day, as a command platform has them.

        `struck`: what is revoked by now, as `Authority.read_list` gives it; the bundle knows its own day alone.
        """
        self._struck = struck or {}
        self._path, self._authority, self._forwarded = path, authority, forwarded or {}
        self.total = BundleTotal()
        self._heads: dict[Place, bytes] = {}
        self._roots: dict[Place, Root] = {}
        self._announced: dict[str, bool] = {}
        self._asked: dict[LogKey, Spans] = {}
        self._holes, self._by_hand = Holes(), ByHand()

    def run(self) -> Iterator[Finding]:
        """What is found; afterwards `total` is told. Whatever the file is, nothing is raised."""
        yield from joined(self._run())

    def _run(self) -> Iterator[Finding]:
        try:
            with ZippedParts(self._path) as parts:
                yield from self._whole(parts)
        except BadBundle as exc:
            yield Finding("bundle", self._path.name, str(exc))

    def _whole(self, parts: ZippedParts) -> Iterator[Finding]:
        text = parts.read(MANIFEST, MAX_MANIFEST_BYTES)
        manifest = _manifest(text)
        authority = self._authority
        if authority is None:
            authority = _own_authority(parts)
            yield Finding("certificate", AUTHORITY, _unknown(authority))
        self._asked = by_log(manifest.wanted)
        yield from _parts(parts, manifest)
        keyring = _keyring(parts, manifest, authority, self._struck)
        yield from _signature(parts, text, manifest, keyring)
        wanted = {(run.where, place) for run in manifest.runs for place in (run.first, run.last)}
        wanted |= {(_log(p), p.last) for d in manifest.roots for p in d.proofs}
        counts = [0, 0]
        for run in manifest.runs:
            walk = LogWalk(run.unit, run.stream, run.log, keyring, run.first, _before(run))
            yield from self._run_of(parts, run, walk, wanted)
            counts[0], counts[1] = counts[0] + walk.records, counts[1] + walk.proven
        yield from self._holes.found(manifest)
        yield from self._by_hand.found(self._asked)
        proven = yield from self._pictures(manifest)
        yield from self._days(manifest)
        self.total = BundleTotal(
            records=counts[0],
            proven=counts[1],
            photos=len(manifest.photos),
            photos_proven=proven,
            days=len(manifest.roots),
            compared=len({day.date for day in manifest.roots} & self._forwarded.keys()),
            made_ms=manifest.made_ms,
            why=str(manifest.asked),
        )

    # Records

    def _run_of(
        self,
        parts: ZippedParts,
        run: Run,
        walk: LogWalk,
        noted: set[Place],
    ) -> Iterator[Finding]:
        asked = self._asked.get(key_of(run), [])
        try:
            for line in parts.lines(run.part):
                row = kept_of(line)
                yield from walk.take(row)
                if (run.where, row.seq) in noted:
                    self._heads[run.where, row.seq] = row.h
                self._note(run, row.seq, row.raw, is_in(asked, row.seq))
        except BadBundle as exc:
            yield Finding("bundle", run.part, str(exc))
        yield from walk.end()
        if walk.next <= run.last:
            yield Finding("missing", run.where, "", walk.next, run.last)

    def _note(self, run: Run, seq: int, raw: bytes, is_asked: bool) -> None:
        record = decode_record(raw)
        self._holes.note(run, record)
        self._by_hand.note(run, record)
        if isinstance(record, Root) and run.unit == GATEWAY:
            self._roots[run.where, seq] = record
        if isinstance(record, Photo) and record.lost is None and run.unit != GATEWAY:
            known = self._announced.get(record.sha256, False)
            self._announced[record.sha256] = known or is_asked

    # Photos

    def _pictures(self, manifest: Manifest) -> Generator[Finding, None, int]:
        proven = 0
        told = {picture.sha256 for picture in manifest.photos}
        for picture in manifest.photos:
            found = self._picture(picture, manifest)
            proven += found is None
            if found is not None:
                yield found
        for digest, is_asked in self._announced.items():
            if digest not in told:
                what: What = "photo" if is_asked else "outside"
                yield Finding(what, digest, "announced by a record, and not in the bundle")
        return proven

    def _picture(self, picture: Picture, manifest: Manifest) -> Finding | None:
        if picture.sha256 not in self._announced:
            return Finding("photo", picture.sha256, "no record in the bundle announced it")
        if picture.part is None:
            return Finding("outside", picture.sha256, picture.why or "")
        part = manifest.parts.get(picture.part)
        if part is None or part.sha256 != picture.sha256:
            return Finding("photo", picture.sha256, f"part {picture.part} is another file")
        return None

    # Daily roots

    def _days(self, manifest: Manifest) -> Iterator[Finding]:
        if self._forwarded and not manifest.roots:
            yield Finding("root", self._path.name, "no root is in it to be compared with yours")
        covered: set[str] = set()
        for day in manifest.roots:
            yield from self._day(day)
            covered |= {_log(proof) for proof in day.proofs}
        units = {"/".join(key) for key in self._asked if key[0] != GATEWAY}
        for where in sorted(units - covered):
            yield Finding("waiting", where, "no daily root covers it yet")

    def _day(self, day: DayRoot) -> Iterator[Finding]:
        record = self._roots.get((f"{GATEWAY}/event/{day.log}", day.seq))
        if record is None or (record.date, record.algorithm) != (day.date, ALGORITHM):
            yield Finding("root", day.date, "its record is not in the bundle")
            return
        forwarded = self._forwarded.get(day.date)
        if self._forwarded and forwarded != record.root:
            yield Finding("root", day.date, f"{forwarded} was forwarded, {record.root} is here")
        for proof in day.proofs:
            h = self._heads.get((_log(proof), proof.last))
            if h is None:
                yield Finding("root", day.date, f"the head of {_log(proof)} is not in the bundle")
                continue
            one = leaf(head_text(proof.unit, proof.stream, proof.log, proof.last, h))
            path = [bytes.fromhex(text) for text in proof.path]
            top = root_by(one, proof.index, record.logs, path)
            if top is None or top.hex() != record.root:
                yield Finding(
                    "day", _log(proof), f"not in the root of {day.date}", proof.last, proof.last
                )


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise BadBundle(f"{MANIFEST} cannot be read: {exc}") from exc
    if len({run.part for run in manifest.runs}) < len(manifest.runs):
        raise BadBundle(f"{MANIFEST} names a part of records twice")
    spans: tuple[Run | Span, ...] = (*manifest.runs, *manifest.wanted, *manifest.unasked)
    if any(one.first > one.last for one in spans):
        raise BadBundle(f"{MANIFEST} has a span of records that ends before it begins")
    return manifest


def _own_authority(parts: ZippedParts) -> Authority:
    try:
        return Authority(parts.read(AUTHORITY, 16 * 1024))
    except BadCertificate as exc:
        raise BadBundle(f"{AUTHORITY}: {exc}") from exc


def _unknown(authority: Authority) -> str:
    return (
        "no authority was given (--ca); this one came with the bundle, and proves nothing unless its "
        f"fingerprint is your site's: SHA-256 {authority.fingerprint}"
    )


def _parts(parts: ZippedParts, manifest: Manifest) -> Iterator[Finding]:
    """Each part against its hash; what nobody named is told, as it may be taken for evidence."""
    for name in sorted(parts.sizes.keys() - manifest.parts.keys() - {MANIFEST, SIGNATURE}):
        yield Finding("bundle", name[:200], "the manifest does not name it")
    for name, part in manifest.parts.items():
        if name not in parts.sizes:
            yield Finding("bundle", name, "it is missing")
        elif parts.sizes[name] != part.bytes or _digest(parts, name) != part.sha256:
            yield Finding("bundle", name, "its bytes are not those that the manifest names")


def _digest(parts: ZippedParts, name: str) -> str | None:
    try:
        return parts.digest(name)
    except BadBundle:
        return None


def _keyring(
    parts: ZippedParts, manifest: Manifest, authority: Authority, struck: Mapping[int, int]
) -> Keyring:
    held: dict[str, list[Held]] = {}
    for paper in manifest.certificates:
        try:
            der = parts.read(paper.part, MAX_DER_BYTES)
        except BadBundle:
            continue  # told of already, as a part
        held.setdefault(paper.kid, []).append(Held(der, paper.revoked_ms))
    return Keyring(authority, lambda kid: held.get(kid, []), struck)


def _signature(
    parts: ZippedParts, text: bytes, manifest: Manifest, keyring: Keyring
) -> Iterator[Finding]:
    try:
        signed = msgspec.json.decode(parts.read(SIGNATURE, 4096), type=Signature)
    except (BadBundle, msgspec.DecodeError, ValueError, RecursionError) as exc:
        yield Finding("signature", MANIFEST, str(exc))
        return
    # who holds a revoked key may date a bundle as they please
    why = keyring.check(GATEWAY, PREFIX + text, signed.kid, signed.sig, None)
    if why:
        yield Finding("signature", MANIFEST, why)


def _before(run: Run) -> list[bytes]:
    return [bytes.fromhex(run.prev)] if run.prev else []


def _log(proof: Proof) -> str:
    return "/".join((proof.unit, proof.stream, proof.log))
