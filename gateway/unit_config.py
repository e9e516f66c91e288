"""A unit's desired configuration: read from TOML, checked, numbered, kept; ingest publishes it."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway.config_versions import next_version
from gateway.roster import RosterBadge, RosterDuty, Wanted, WantedMessage, for_unit
from gateway.store.open import Store
from gateway.store.schema import configs
from wire import codec, topics
from wire.batch import BadPayload
from wire.cards.keyfile import SiteKeys
from wire.cards.ring import Card
from wire.duties import DutyKind, duty_table
from wire.limits import Name, Uid
from wire.orders import PHOTO_ON, ConfigMessage, LeastProof, PhotoOn, Place, Sampling
from wire.seal import KEY_BYTES, public_of
from wire.toml import convert, read_toml
from wire.words import Fault


class BadgeEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[badge]]`: a time without an offset is the site's; the rest as in `gateway.roster.RosterBadge`."""

    uid: Uid
    person: Name
    role: Name = "officer"
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    revoked: bool = False
    duress: bool = False
    welfare_s: float | None = None
    card: Card = "uid"


class PlaceEntry(Place, frozen=True, forbid_unknown_fields=True):
    """`[[place]]`: a `wire.orders.Place`, and what a badge must prove there; None: what the file says."""

    least_proof: LeastProof | None = None


PLAIN = ("repeat_s", "duty_window_s", "welfare_warn_s", "keep_days")
"""What the file says in the same words as `Wanted`."""


class UnitFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file that `config push` takes; the defaults and bounds are those of `Wanted`."""

    checkpoint: Name | None = None
    least_proof: LeastProof = "uid"
    repeat_s: float = 10.0
    duty_window_s: float = 30.0
    welfare_warn_s: float = 60.0
    keep_days: float = 7.0
    badge: list[BadgeEntry] = []
    place: list[PlaceEntry] = []
    duty: list[RosterDuty] = []
    sampling: Sampling = Sampling()
    photo_on: tuple[PhotoOn, ...] = PHOTO_ON


def read_unit_file(
    path: Path, zone: ZoneInfo, duties: Mapping[str, DutyKind] | None = None
) -> Wanted:
    """Reads and checks `path`. Raises `Fault`, naming what is wrong and where.

    `duties`: those that the site knows (`wire.duties.duty_table`); None: ours.
    """
    file = read_toml(path, UnitFile)
    plain = {"place": file.checkpoint, **{name: getattr(file, name) for name in PLAIN}}
    convert(plain, Wanted, str(path))
    _once(path, "[[badge]] uid", [badge.uid for badge in file.badge])
    _once(path, "[[duty]] uid", [duty.uid for duty in file.duty])
    _once(path, "[[place]] id", [place.id for place in file.place])
    _known_place(path, file)
    _known_duties(path, file, duties or duty_table())
    return Wanted(
        **plain,
        badges=[_badge(path, badge, zone) for badge in file.badge],
        least_proof=_least_proof(file),
        places=[
            Place(**{name: getattr(place, name) for name in Place.__struct_fields__})
            for place in file.place
        ],
        duties=file.duty,
        sampling=file.sampling,
        photo_on=file.photo_on,
    )


def _least_proof(file: UnitFile) -> LeastProof:
    """The checkpoint's own place has the last word."""
    said = {place.id: place.least_proof for place in file.place}
    return said.get(file.checkpoint or "") or file.least_proof


def _known_duties(path: Path, file: UnitFile, known: Mapping[str, DutyKind]) -> None:
    strange = next((card.duty for card in file.duty if card.duty not in known), None)
    both = {badge.uid for badge in file.badge} & {card.uid for card in file.duty}
    if strange is not None:
        listed = ", ".join(known)
        raise Fault(
            f"{path}：[[duty]] {strange!r} 不是已知职责；已知：{listed}；本站自有的写入 gateway.toml 的 [[duty]]",
            f"{path}: [[duty]] {strange!r} is no known duty; known are {listed}; add the site's own as "
            "[[duty]] in gateway.toml",
        )
    if both:
        raise Fault(
            f"{path}：{min(both)} 既是 [[badge]] 又是 [[duty]]；请只留一个",
            f"{path}: {min(both)} is both a [[badge]] and a [[duty]]; keep one",
        )


def _once(path: Path, what: str, names: list[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise Fault(
            f"{path}：{what} {twice!r} 出现了不止一次；请只留一个",
            f"{path}: {what} {twice!r} occurs more than once; keep one",
        )


def _known_place(path: Path, file: UnitFile) -> None:
    if file.checkpoint and file.place and file.checkpoint not in {p.id for p in file.place}:
        raise Fault(
            f"{path}：checkpoint {file.checkpoint!r} 不在任何 [[place]] 中；请检查 id",
            f"{path}: checkpoint {file.checkpoint!r} is none of the [[place]]s; check the id",
        )


def _badge(path: Path, entry: BadgeEntry, zone: ZoneInfo) -> RosterBadge:
    begin_ms, end_ms = _utc_ms(entry.valid_from, zone), _utc_ms(entry.valid_to, zone)
    if begin_ms is not None and end_ms is not None and begin_ms >= end_ms:
        raise Fault(
            f"{path}：[[badge]] {entry.uid} 的 valid_to 不晚于 valid_from；请改正",
            f"{path}: [[badge]] {entry.uid}: valid_to is not after valid_from; mend it",
        )
    return RosterBadge(
        entry.uid,
        entry.person,
        entry.role,
        begin_ms,
        end_ms,
        entry.revoked,
        entry.duress,
        entry.welfare_s,
        entry.card,
    )


def _utc_ms(moment: datetime | None, zone: ZoneInfo) -> int | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return int(aware.timestamp() * 1000)


def push(store: Store, unit: str, wanted: Wanted, site: SiteKeys | None = None) -> int:
    """Keeps `wanted` as the newest of `unit`; returns its version. It is sealed and signed when it goes out.

    `site`: the site's card keys. Raises `Fault` for no unit's name, what a unit would not take, and no version left.
    """
    if not topics.is_unit(unit):
        raise Fault(
            f"{unit!r} 不是单元名；应为 1–32 个 a-z、0-9 或 -，且不是 gw",
            f"{unit!r} is no unit's name: 1 to 32 of a-z, 0-9 and -, and not gw",
        )
    _check_as_told(unit, wanted, site)
    with store.writing() as connection:
        version = next_version(connection, unit)
        body = msgspec.json.encode(WantedMessage(1, unit, version, wanted))
        now_ms = time.time_ns() // 1_000_000
        row = {"unit": unit, "version": version, "body": body}
        connection.execute(configs.insert().values(**row, pushed_ms=now_ms))
    return version


def _check_as_told(unit: str, wanted: Wanted, site: SiteKeys | None) -> None:
    """Seals it to a key that nobody has: what is wrong shows now, and not when it is to go out."""
    anybody = public_of(secrets.token_bytes(KEY_BYTES))
    told = ConfigMessage(1, unit, 2**53, for_unit(wanted, unit, anybody, site))
    try:
        codec.decode(codec.encode(told), ConfigMessage)
        msgspec.convert(msgspec.to_builtins(wanted), Wanted)
    except (BadPayload, msgspec.ValidationError) as exc:
        raise Fault(
            f"单元 {unit} 会拒收这份配置：{exc}；请改正后再发布",
            f"unit {unit} would refuse this configuration: {exc}; mend it and push again",
        ) from exc


def newest(store: Store, unit: str) -> WantedMessage | None:
    """What is wanted of `unit`; None where nothing was pushed yet. Raises `Fault` for what cannot be read."""
    query = sa.select(configs.c.body).where(configs.c.unit == unit)
    with store.reading() as connection:
        body = connection.execute(query.order_by(configs.c.version.desc())).scalar()
    try:
        return None if body is None else msgspec.json.decode(body, type=WantedMessage)
    except msgspec.DecodeError as exc:
        raise Fault(
            f"库中 {unit} 的最新配置无法读取（{exc}）；请用 config push 重新发布",
            f"the newest configuration of {unit} in the store cannot be read ({exc}); use `config push` again",
        ) from exc
