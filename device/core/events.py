"""What can happen to a unit: everything that reaches the agent, as frozen values."""

from typing import Literal

from msgspec import Struct

from wire.records import ClockSource, Proof, Record, Ref, Stream


class Fix(Struct, frozen=True):
    """A position from the receiver. WGS-84 degrees, metres, seconds; None where it did not say.

    `utc_ms`: the receiver's UTC, None if it gave none; `clock_ok`: that UTC may set a clock.
    """

    up_ms: int
    lat: float
    lon: float
    utc_ms: int | None = None
    clock_ok: bool = False
    speed_m_s: float | None = None
    course_deg: float | None = None
    hacc_m: float | None = None
    sats: int | None = None


class CardShown(Struct, frozen=True):
    """A card came into the reader's field; `uid` in lower-case hex.

    `proof`: `ev2` where the reader authenticated it, else `uid`; `sun`: the SUN message that it gave, unjudged.
    `forged`: it was asked to prove itself by its key, and answered with another.
    """

    uid: str
    up_ms: int
    proof: Proof = "uid"
    sun: str | None = None
    forged: bool = False


class PartSpoke(Struct, frozen=True):
    """A part's own word of its state: `ok`, or what is wrong with it."""

    part: str
    word: str


class ButtonMoved(Struct, frozen=True):
    """A button's contact, undebounced."""

    name: str
    pressed: bool
    up_ms: int


class TimeHeard(Struct, frozen=True):
    """The system's own clock is now fed by `source`, as far as the operating system knows."""

    source: ClockSource
    utc_ms: int
    err_ms: int | None
    up_ms: int


class LinkUp(Struct, frozen=True):
    """Connected to a broker; `conn` counts the connections of this run, and stands in the last will."""

    conn: int
    broker: str


class LinkDown(Struct, frozen=True):
    """The connection `conn` ended, or could not be made; `why` is for people."""

    conn: int
    why: str


class Heard(Struct, frozen=True):
    """A message came from the broker."""

    topic: str
    payload: bytes
    retained: bool


class Handed(Struct, frozen=True):
    """The broker took the message `token` from the MQTT client (PUBACK). No more than that."""

    token: int


class Kept(Struct, frozen=True):
    """`record` now stands in the journal, as that; `durable`: on the medium already."""

    stream: Stream
    log: str
    seq: int
    durable: bool
    record: Record


class Dispatched(Struct, frozen=True):
    """The batch asked for as `token` is with the MQTT client; `last` None: there was nothing to send."""

    token: int
    first: int
    last: int | None
    size: int


class Synced(Struct, frozen=True):
    """All that stood in the journal's track log up to `last` is on the medium."""

    log: str
    last: int


class KeepFailed(Struct, frozen=True):
    """The journal could not take `record`; `why` says what to do about it."""

    record: Record | None
    why: str


class Saved(Struct, frozen=True):
    """The setting `name` is on the medium."""

    name: str


class LogBegan(Struct, frozen=True):
    """A new log took the place of the current one."""

    stream: Stream
    log: str


class JournalCut(Struct, frozen=True):
    """The journal's newest records may be gone without a trace; `why` says what showed it."""

    why: str


class Rotted(Struct, frozen=True):
    """Rows `first` to `last` of a log cannot be read any more; `h_last` joins what follows, if known.

    It is declared already, by a record of its own.
    """

    stream: Stream
    log: str
    first: int
    last: int
    h_last: bytes | None


class Shortened(Struct, frozen=True):
    """The records of a log below `oldest` are kept no longer: it was their time, or they made room."""

    stream: Stream
    log: str
    oldest: int


class RoomMade(Struct, frozen=True):
    """A step was taken to keep the journal within its budget: what went, and whether `more` is to be done.

    `acknowledged`: records that the gateway has; `thinned`: positions; `tracks`, `events`: whole records.
    """

    how: Literal["nothing", "acknowledged", "thinned", "tracks", "events"]
    more: bool


class Measured(Struct, frozen=True):
    """What the unit measured of itself; None where it cannot.

    `throttled`: the firmware's word of flags. `written`: the session of the counter of bytes on the
    journal's medium, and where it stands. `heard_ms`: each part's last sign of life, by CLOCK_BOOTTIME.
    """

    cpu_c: float | None
    disk_free_mb: int | None
    mem_mb: int | None
    throttled: int | None = None
    mem_free_mb: int | None = None
    written: tuple[str, int] | None = None
    heard_ms: dict[str, int] = {}


class ModemSaid(Struct, frozen=True):
    """How the modem is: `ok`, or what is wrong; None where it did not say. The counters are of `session`."""

    word: str
    operator: str | None = None
    technology: str | None = None
    signal_dbm: float | None = None
    quality_pct: int | None = None
    session: str | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None


class PhotoTaken(Struct, frozen=True):
    """A photo's file is on the medium, and has no record yet.

    `ref`: the record that it was taken for; `up_ms` None: it was taken in a run before.
    """

    sha256: str
    size_bytes: int
    width: int
    height: int
    reason: str
    ref: Ref | None
    up_ms: int | None


class PhotoFailed(Struct, frozen=True):
    """There is no photo for `ref`, after all tries; `why` for people."""

    ref: Ref
    reason: str
    why: str


class PhotosFound(Struct, frozen=True):
    """Photos that wait for the gateway since runs before, or again: the oldest first, SHA-256 and size in bytes.

    `urgent`: those that somebody waits for.
    """

    waiting: tuple[tuple[str, int], ...]
    urgent: tuple[str, ...] = ()


class ChunkRead(Struct, frozen=True):
    """What `ReadChunk` asked for as `token`."""

    token: int
    sha256: str
    offset: int
    data: bytes


class PhotoLost(Struct, frozen=True):
    """A photo that the gateway had not acknowledged is gone, and why; 0 and None where not known any more."""

    sha256: str
    size_bytes: int
    width: int
    height: int
    reason: str
    ref: Ref | None
    why: str


class RequestMade(Struct, frozen=True):
    """A signing request (PEM) for the unit's next key."""

    csr: str


class PapersLaid(Struct, frozen=True):
    """The unit's next certificate lies in its place (`why` None), or why it does not."""

    why: str | None


class PhotoGone(Struct, frozen=True):
    """A photo that the gateway asked for is not kept here any more."""

    sha256: str


class ReleaseHeld(Struct, frozen=True):
    """So many bytes of a release are here; `why`: no more can be kept, None where nothing is wrong."""

    sha256: str
    size: int
    why: str | None = None


class PatchesSaid(Struct, frozen=True):
    """How the operating system's patches stand: the `version` that is in, `0.0` before the first.

    `due`: the machine has yet to start anew with them. `outcome` of the last wish under `order`: `installed`,
    `refused`, `failed`; empty: none yet.
    """

    version: str
    due: bool = False
    order: str = ""
    outcome: str = ""
    why: str | None = None


class SlotsSaid(Struct, frozen=True):
    """How the two slots of software stand: `trial` None: none; `idle`: whether the other one is whole.

    `outcome` of the last wish under `order`: `installed`, `refused`, `passed`, `back`; empty: none yet.
    """

    good: str
    trial: str | None
    idle: bool
    order: str = ""
    outcome: str = ""
    why: str | None = None

    @property
    def chosen(self) -> str:
        """The slot that is started from."""
        return self.trial or self.good


class ReportMade(Struct, frozen=True):
    """The report (a zlib stream) that `order` asked for, and what it says in a line; None: why there is none."""

    order: str
    data: bytes | None
    says: str


class Wiped(Struct, frozen=True):
    """The unit's keys are gone (`why` None), or why they are not."""

    why: str | None = None


class Tick(Struct, frozen=True):
    """Nothing happened for a moment; what is due may be done."""


Event = (
    Fix
    | CardShown
    | PartSpoke
    | ButtonMoved
    | TimeHeard
    | LinkUp
    | LinkDown
    | Heard
    | Handed
    | Kept
    | Dispatched
    | Synced
    | KeepFailed
    | Saved
    | LogBegan
    | JournalCut
    | Rotted
    | Shortened
    | RoomMade
    | Measured
    | ModemSaid
    | PhotoTaken
    | PhotoFailed
    | PhotosFound
    | ChunkRead
    | PhotoLost
    | RequestMade
    | PapersLaid
    | PhotoGone
    | ReleaseHeld
    | SlotsSaid
    | PatchesSaid
    | Wiped
    | ReportMade
    | Tick
)
