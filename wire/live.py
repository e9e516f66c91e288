"""The live picture: what a unit says of itself now (hello, state, pos), and a gateway worker of itself."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from wire.limits import (
    END,
    AtMs,
    BootId,
    CertText,
    Count,
    Digest,
    Lat,
    LogId,
    Lon,
    Metres,
    Name,
    Text,
    UnitName,
)
from wire.records import AnyRecord, ClockSource, Stream

Role = Literal["vehicle", "checkpoint"]


class LogHead(Struct, frozen=True):
    """Where one log of a unit stands: `oldest` kept, `last` written (0: none), `h` the chain at `last`."""

    stream: Stream
    log: LogId
    oldest: Count
    last: Count
    h: Digest


class Hello(Struct, frozen=True, omit_defaults=True):
    """A unit's greeting: every log that still has something to send, oldest first, and the current ones.

    `cert`: the certificate of the key that signs, DER in base64. `seal`: the X25519 public key that secrets
    for the unit are sealed to (`wire.seal`).
    """

    v: Literal[1]
    nonce: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}" + END)]
    boot: BootId
    logs: Annotated[list[LogHead], Meta(max_length=64)]
    cert: CertText | None = None
    seal: Digest | None = None
    kid: Name | None = None
    sig: Annotated[str, Meta(max_length=128)] | None = None


class LiveFix(Struct, frozen=True, omit_defaults=True):
    """The newest fix: WGS-84 degrees, its age when sent; None where the receiver did not say."""

    lat: Lat
    lon: Lon
    age_ms: Count
    hacc_m: Metres | None = None
    speed_m_s: float | None = None
    course_deg: float | None = None


class ModemHealth(Struct, frozen=True, omit_defaults=True):
    """The mobile link; None where the modem does not say. `word`: `ok`, or what is wrong with it.

    `used_mb`, `cap_mb`: of the SIM's plan this month, in 10^6 bytes; `saving`: what is sent less of, up to that.
    """

    word: Text
    operator: Text | None = None
    technology: Name | None = None
    signal_dbm: float | None = None
    quality_pct: Count | None = None
    used_mb: Count | None = None
    cap_mb: Count | None = None
    saving: Literal["photos", "positions"] | None = None


class Health(Struct, frozen=True, omit_defaults=True):
    """What the unit measures of itself; None where it cannot. `parts`: each part's word of state.

    `throttled`: the firmware's flags in hex. `sd_*_mb_day`: MiB written to the medium today, and the budget.
    `heard_s`: seconds since each part's last sign of life that the unit knew of.
    """

    cpu_c: float | None = None
    throttled: Name | None = None
    disk_free_mb: Count | None = None
    mem_mb: Count | None = None
    link: Text | None = None
    parts: Annotated[dict[Name, Text], Meta(max_length=32)] = {}
    mem_free_mb: Count | None = None
    sd_written_mb_day: Count | None = None
    sd_budget_mb_day: Count | None = None
    modem: ModemHealth | None = None
    heard_s: Annotated[dict[Name, Count], Meta(max_length=32)] = {}


class State(Struct, frozen=True, omit_defaults=True):
    """The whole live picture of a unit; `urgent` carries SOS, duress and order answers ahead of any backlog.

    `machine`: for which releases are made (`aarch64-bookworm`); None where the unit takes none. `patches`: the
    version of the operating system's that are in; `0.0` before the first, None where the unit takes none.
    `online` False with only `boot` and `conn` is the last will of connection `conn`.
    """

    v: Literal[1]
    unit: UnitName
    online: bool
    boot: BootId
    conn: Count
    role: Role | None = None
    at_ms: AtMs | None = None
    clock: ClockSource = "none"
    fix: LiveFix | None = None
    crew: Annotated[list[Name], Meta(max_length=64)] = []
    order: Name | None = None
    alarms: Annotated[list[Text], Meta(max_length=32)] = []
    urgent: Annotated[list[AnyRecord], Meta(max_length=16)] = []
    queue: Annotated[dict[Name, Count], Meta(max_length=8)] = {}
    config: Count | None = None
    version: Name | None = None
    machine: Name | None = None
    patches: Name | None = None
    health: Health | None = None


class Pos(Struct, frozen=True):
    """The position alone, for a live map. Its time is that of receipt, less the fix's age."""

    v: Literal[1]
    fix: LiveFix


class WorkerState(Struct, frozen=True, omit_defaults=True):
    """One of the gateway's workers: `store` is the identity of the store that it commits to.

    `cert`: the certificate of the key that signs what goes down, DER in base64; it proves itself.
    """

    v: Literal[1]
    online: bool
    store: Name | None = None
    now_ms: AtMs | None = None
    cert: CertText | None = None
