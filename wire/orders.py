"""What goes down to a unit: acknowledgements, configuration, dispatch orders."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from wire.limits import (
    END,
    AtMs,
    BranchId,
    CardDigest,
    CertText,
    Count,
    Digest,
    Lat,
    Lon,
    Name,
    Seq,
    Text,
)

Signature = Annotated[str, Meta(max_length=128)]
Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}" + END)]
"""Of a unit's greeting: what bears the latest one was said after it."""


class Ack(Struct, frozen=True, omit_defaults=True):
    """All of `log` below `next` is committed to `store`; `h` is the chain's value at `next - 1`.

    `nonce`: of the unit's latest greeting, where the worker has heard one. Only with it a unit believes that
    the gateway has less than before, or another store, or what time it is: an old answer may be held back.
    For a fork `log` is `<log>~<8 hex>`: a unit takes the answer whose `h` is its own.
    """

    v: Literal[1]
    log: BranchId
    next: Seq
    h: Digest
    store: Name
    now_ms: AtMs
    nonce: Nonce | None = None
    kid: Name | None = None
    sig: Signature | None = None


class Refused(Struct, frozen=True, omit_defaults=True):
    """A payload was not taken: `refused` says why, `sha256` which payload."""

    v: Literal[1]
    refused: Text
    sha256: Digest
    store: Name
    now_ms: AtMs
    kid: Name | None = None
    sig: Signature | None = None


class PhotoAck(Struct, frozen=True, omit_defaults=True):
    """Of photo `sha256` all bytes below `next` are kept; `done`: the whole of it, and its hash holds.

    `nonce` as in `Ack`; without it `done` is not believed.
    """

    v: Literal[1]
    sha256: Digest
    next: Count
    store: Name
    now_ms: AtMs
    done: bool = False
    nonce: Nonce | None = None
    kid: Name | None = None
    sig: Signature | None = None


class Badge(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A card of the roster: `valid_from_ms`/`valid_to_ms` in UTC, None for open; `revoked` is refused.

    `card`: its keyed digest, by the key that came sealed (`KeyRing.roster`).
    `duress`: accepted like any other, and a silent alarm. `welfare_s`: its bearer is alone, and must be
    heard of within this time (None: no watch).
    """

    card: CardDigest
    person: Name
    role: Name = "officer"
    valid_from_ms: AtMs | None = None
    valid_to_ms: AtMs | None = None
    revoked: bool = False
    duress: bool = False
    welfare_s: Annotated[float, Meta(ge=60, le=86_400)] | None = None


class Place(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A place to be checked in at: WGS-84; `dwell_s` is how long a stay must last to count."""

    id: Name
    name: Text
    lat: Lat
    lon: Lon
    radius_m: Annotated[float, Meta(ge=5, le=5000)] = 50.0
    dwell_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class DutyCard(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A tag that stands for a duty, tapped after a badge; `card` as in `Badge`."""

    card: CardDigest
    duty: Name


class Sampling(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How densely a vehicle keeps its positions.

    Moving means a net displacement over `moving_m` metres within `window_s` seconds. Then one fix
    each `moving_s`; at rest one each `rest_s`. A turn by `corner_deg` is kept whatever the pace.
    """

    moving_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0
    rest_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    moving_m: Annotated[float, Meta(ge=1, le=1000)] = 15.0
    window_s: Annotated[float, Meta(ge=1, le=120)] = 10.0
    corner_deg: Annotated[float, Meta(ge=1, le=180)] = 20.0


MAX_BADGES, MAX_PLACES, MAX_DUTIES = 5_000, 5_000, 200

PhotoOn = Literal["checkin", "order", "sos"]
PHOTO_ON: tuple[PhotoOn, ...] = ("checkin", "order", "sos")


LeastProof = Literal["uid", "sun", "ev2"]
"""From the weakest on: a UID can be copied, a SUN message proves a tap, EV2 proves a tap of now."""

LEAST: tuple[LeastProof, ...] = ("uid", "sun", "ev2")


class UnitRules(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """How one unit is to work, but for its cards.

    `place`: where a checkpoint stands. `repeat_s`: the same badge again within this is one check-in.
    `welfare_warn_s`: how long the box warns a lone person before it raises the alarm.
    `photo_on`: what a unit with a camera takes a photo of. `least_proof`: what a badge must prove here.
    """

    place: Name | None = None
    least_proof: LeastProof = "uid"
    repeat_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    duty_window_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    welfare_warn_s: Annotated[float, Meta(ge=5, le=3600)] = 60.0
    keep_days: Annotated[float, Meta(ge=0, le=3650)] = 7.0
    places: Annotated[list[Place], Meta(max_length=MAX_PLACES)] = []
    sampling: Sampling = Sampling()
    photo_on: Annotated[tuple[PhotoOn, ...], Meta(max_length=8)] = PHOTO_ON


class UnitConfig(UnitRules, frozen=True, kw_only=True):
    """What the city wants of one unit; the whole of it, never a part.

    `card_keys`: `wire.cards.ring.KeyRing`, sealed to this unit's own key (`wire.seal`); None: it has no cards.
    """

    card_keys: Annotated[str, Meta(max_length=400_000)] | None = None
    badges: Annotated[list[Badge], Meta(max_length=MAX_BADGES)] = []
    duties: Annotated[list[DutyCard], Meta(max_length=MAX_DUTIES)] = []


class ConfigMessage(Struct, frozen=True, omit_defaults=True):
    """Desired configuration for `unit`; `version` only rises. Signed over `config`'s exact bytes."""

    v: Literal[1]
    unit: Name
    version: Annotated[int, Meta(ge=1, le=2**53)]
    config: UnitConfig
    kid: Name | None = None
    sig: Signature | None = None


UNATTENDED = frozenset(
    {"photo", "locate", "reboot", "sos-over", "update", "patch", "rollback", "retire"}
    | {"logs", "selftest"}
)
"""Orders that a unit carries out by itself: nobody at the box is asked to acknowledge them."""


class OrderMessage(Struct, frozen=True, omit_defaults=True):
    """An order to `unit`, good until `expires_ms`; `nonce` is that of the unit's latest hello."""

    v: Literal[1]
    unit: Name
    id: Name
    nonce: Nonce
    issued_ms: AtMs
    expires_ms: AtMs
    what: Name
    text: Text | None = None
    kid: Name | None = None
    sig: Signature | None = None


class CertRequest(Struct, frozen=True, omit_defaults=True):
    """A unit asks for a certificate: `csr` is a PEM signing request (RFC 2986) for a key it made itself.

    Signed by the key it has, or, where it has none that counts, with `proof`: HMAC-SHA256 in hex of `csr`
    by its one-time code (see `xunkong gateway ca code`).
    """

    v: Literal[1]
    csr: Annotated[str, Meta(max_length=2048)]
    proof: Digest | None = None
    kid: Name | None = None
    sig: Signature | None = None


class CertGrant(Struct, frozen=True, omit_defaults=True):
    """The certificate that a unit asked for, or why it gets none."""

    v: Literal[1]
    cert: CertText | None = None
    refused: Text | None = None
    kid: Name | None = None
    sig: Signature | None = None
