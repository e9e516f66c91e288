"""Every kind of record as a frozen struct: what a unit writes down, and the gateway keeps.

All kinds share the head of `Record`; `kind` is the tag of the union `AnyRecord`. Field names carry
their units. A field that is absent on the wire has its default; `at_ms` and `clock_err_ms` are
always written, as null where unknown.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from wire.limits import (
    MAX_FIXES,
    AtMs,
    BootId,
    BranchId,
    Count,
    DateText,
    Digest,
    Lat,
    LogId,
    Lon,
    Metres,
    Name,
    SafeInt,
    Seq,
    Text,
    Uid,
)

Stream = Literal["event", "track"]
STREAMS: tuple[Stream, ...] = ("event", "track")

ClockSource = Literal["gnss", "ntp", "gw", "rtc", "none"]
Method = Literal["nfc", "geofence", "tag", "phone", "manual"]
Proof = Literal["uid", "sun", "ev2", "gnss", "none"]
Result = Literal["accepted", "unknown", "revoked", "expired", "weak", "forged", "replayed"]
"""`weak`: the proof is below what the place demands; `forged`: it does not hold; `replayed`: it was used."""

StopReason = Literal["power_cut", "clean", "watchdog", "update", "killed", "first_start"]
AlarmName = Literal["sos", "duress", "welfare", "tamper", "power", "storage", "clock", "part"]
OrderOutcome = Literal["received", "acknowledged", "refused", "expired", "done", "failed"]


class Position(Struct, frozen=True, omit_defaults=True):
    """Where the unit was: WGS-84 degrees; `hacc_m` None when the receiver did not say; `age_ms` of the fix."""

    lat: Lat
    lon: Lon
    hacc_m: Metres | None = None
    age_ms: Count = 0


class Ref(Struct, frozen=True):
    """Names another record of the same unit."""

    stream: Stream
    log: LogId
    seq: Seq


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """The head of every record.

    `boot`: which run of the kernel. `up_ms`: CLOCK_BOOTTIME, the order within a boot. `at_ms`: UTC
    as the unit then knew it, None if it knew none. `clock`: where that came from; `clock_err_ms`:
    its error bound, None if unknown. `pos`: where it happened, None if not known.
    """

    boot: BootId
    up_ms: Count
    at_ms: AtMs | None
    clock: ClockSource
    clock_err_ms: Count | None
    pos: Position | None = None


class Boot(Record, frozen=True, tag="boot"):
    """The unit started. `last_stop`: why the run before ended. `logs`: the log in use per stream."""

    version: Name
    role: Literal["vehicle", "checkpoint"]
    last_stop: StopReason
    logs: dict[Stream, LogId]


class Clock(Record, frozen=True, tag="clock"):
    """A trusted time was learned: at this record's `up_ms` it was `utc_ms`; repairs all of this boot."""

    utc_ms: AtMs
    source: ClockSource
    err_ms: Count


class Checkin(Record, frozen=True, tag="checkin"):
    """Somebody was at a place. `badge`, `person`, `duty` are None where unknown or not meant.

    `person`: whom the badge belongs to; only an `accepted` one was shown to be here. `sun`: the raw SUN
    message where the card gave one; `sun_counter`: its read counter, None where the unit could not verify it.
    """

    badge: Uid | None
    person: Name | None
    place: Name | None
    method: Method
    proof: Proof
    result: Result
    duty: Name | None = None
    sun: Text | None = None
    sun_counter: Count | None = None


class Crew(Record, frozen=True, tag="crew"):
    """A badge signed on to or off a vehicle; `proof`, `sun` and `sun_counter` as in `Checkin`."""

    badge: Uid
    person: Name | None
    action: Literal["on", "off"]
    result: Result = "accepted"
    proof: Proof = "uid"
    sun: Text | None = None
    sun_counter: Count | None = None


class Duty(Record, frozen=True, tag="duty"):
    """One of the eight duties of a village auxiliary, or a volunteer's act; `ref` is its check-in.

    `count`: how many acts this record adds; from a duty card always one, and another record for each more.
    """

    duty: Name
    ref: Ref | None
    count: Count = 1
    note: Text | None = None


class Photo(Record, frozen=True, tag="photo"):
    """A photo was taken; its chunks are accepted only for a hash announced here.

    `ref`: the check-in, order or alarm that it was taken for. `lost`: why the unit has its file no more
    though the gateway had not acknowledged it; None while there is hope.
    """

    sha256: Digest
    bytes: Count
    width: Count
    height: Count
    reason: Name
    ref: Ref | None = None
    lost: Text | None = None


class Alarm(Record, frozen=True, tag="alarm"):
    """An alarm rose or ended. `part` and `what` say which part and what about it; `person` whom it concerns."""

    alarm: AlarmName
    what: Text
    part: Name | None = None
    person: Name | None = None
    active: bool = True
    since_ms: AtMs | None = None


class Arrive(Record, frozen=True, tag="arrive"):
    """A place or a dispatch target was entered between `earliest_ms` and `latest_ms`."""

    place: Name
    earliest_ms: AtMs | None
    latest_ms: AtMs | None
    hacc_m: Metres | None = None


class Leave(Record, frozen=True, tag="leave"):
    """A place or a dispatch target was left between `earliest_ms` and `latest_ms`."""

    place: Name
    earliest_ms: AtMs | None
    latest_ms: AtMs | None
    hacc_m: Metres | None = None


class Order(Record, frozen=True, tag="order"):
    """What became of the order `id`; `what` it asked for, and when it was received its `text`."""

    id: Name
    outcome: OrderOutcome
    what: Name | None = None
    why: Text | None = None
    text: Text | None = None


class Config(Record, frozen=True, tag="config"):
    """A configuration version was applied or refused, and why."""

    version: Count
    outcome: Literal["applied", "refused"]
    why: Text | None = None


class Dropped(Record, frozen=True, tag="dropped"):
    """Records `first` to `last` of a log are gone from the unit; `h_last` joins what follows them.

    `from_ms`, `to_ms`: the span in time, None if unknown. Committed before anything is removed, or with it.
    """

    stream: Stream
    log: LogId
    first: Seq
    last: Seq
    h_last: Digest | None
    why: Text
    from_ms: AtMs | None = None
    to_ms: AtMs | None = None


class Root(Record, frozen=True, tag="root"):
    """The Merkle root over the heads of all logs, once a day, by the gateway alone (see `wire.evidence.merkle`).

    `date`: the site's day that had ended when this was written. It covers all that was committed before this
    record, of `logs` logs. `algorithm`: how it is made.
    """

    date: DateText
    root: Digest
    logs: Count
    algorithm: Name


class Removed(Record, frozen=True, tag="removed"):
    """What the gateway removed by the site's policy; by the gateway alone.

    `what`: `event`, `track` (records `first` to `last` of a log of `unit`; `h_last` joins what follows them) or
    `quarantine`. `count`: how many went. `before_ms`: what was received before that.
    """

    what: Name
    count: Count
    before_ms: AtMs
    why: Text
    unit: Name | None = None
    log: BranchId | None = None
    first: Seq | None = None
    last: Seq | None = None
    h_last: Digest | None = None


class Imported(Record, frozen=True, tag="imported"):
    """Records of `unit` came in a file that was carried by hand, and not from the unit itself; by the gateway alone.

    `what`: `event` or `track`; `count` records of `log` were new, within `first` to `last`. They were signed by who
    had the unit's key `kid` in hand, its card, when the file was written: at `exported_ms` (UTC), by the file's own
    word. `sha256`: the file's.
    """

    unit: Name
    what: Name
    log: BranchId
    first: Seq
    last: Seq
    count: Count
    kid: Name
    sha256: Digest
    exported_ms: AtMs


Column = Annotated[list[SafeInt], Meta(min_length=1, max_length=MAX_FIXES)]
"""A first value, then the differences from one fix to the next."""

OptionalColumn = Annotated[list[SafeInt | None], Meta(max_length=MAX_FIXES)]
"""A first value, then differences; None stands where the receiver gave no value, and is skipped.

Absent, or empty, where it gave none for any of the fixes.
"""


class Replaces(Struct, frozen=True):
    """Which records of which track log a thinned one stands for, alone or with its like: `first` to `last`.

    At least one in `every` of the fixes that the unit once kept there is left, and the corners.
    """

    log: LogId
    first: Seq
    last: Seq
    every: Seq


class Track(Record, frozen=True, tag="track"):
    """Up to 60 fixes as columns of equal length (see `wire.track` for folding and unfolding).

    The fixes say where; `pos` is not written. `t0_ms`: UTC of the first fix, or None, when `up0_ms`
    (CLOCK_BOOTTIME) dates it until repaired. `replaces`: the records that it was thinned from, whose last
    one's head it bears; None for one that the unit wrote as it drove.
    """

    t0_ms: AtMs | None
    up0_ms: Count
    dt_ms: Column
    lat_e7: Column
    lon_e7: Column
    speed_cm_s: OptionalColumn = []
    course_ddeg: OptionalColumn = []
    hacc_dm: OptionalColumn = []
    sats: OptionalColumn = []
    replaces: Replaces | None = None


AnyRecord = (
    Boot
    | Clock
    | Checkin
    | Crew
    | Duty
    | Photo
    | Alarm
    | Arrive
    | Leave
    | Order
    | Config
    | Dropped
    | Removed
    | Root
    | Imported
    | Track
)

KINDS: tuple[type[Record], ...] = (
    Boot,
    Clock,
    Checkin,
    Crew,
    Duty,
    Photo,
    Alarm,
    Arrive,
    Leave,
    Order,
    Config,
    Dropped,
    Removed,
    Root,
    Imported,
    Track,
)


class Unreadable(Struct, frozen=True):
    """A record of a kind or a form that this version cannot read, kept as it came.

    `kind`: what it calls itself, None if not even that; `why`: what could not be read, None for a
    kind that is merely newer; `fields`: the JSON object, None if it is none.
    """

    kind: str | None
    why: str | None
    fields: dict[str, Any] | None
