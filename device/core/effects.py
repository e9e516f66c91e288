"""What the agent wants done, in order: the runner performs these, and decides nothing."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from device.core.wish import Wish
from wire.cards.ring import KeyRing
from wire.records import Dropped, Record, Ref, Stream
from wire.track import TrackFix

Pattern = Literal[
    "accepted",
    "duplicate",
    "unknown",
    "refused",
    "stored_offline",
    "duty_accepted",
    "duty_refused",
    "order_received",
    "sos_sent",
    "sos_heard",
    "welfare_warning",
    "signed_off",
    "powering_off",
    "part_broken",
    "storage_failing",
]


class Keep(Struct, frozen=True):
    """Append a record to the event stream, on the medium before anything after it is done."""

    record: Record


class Signal(Struct, frozen=True):
    """Let the person at the box hear and see `pattern`."""

    pattern: Pattern


class Light(Struct, frozen=True):
    """Switch the lasting indication of trouble on or off."""

    trouble: bool


class KeepFix(Struct, frozen=True):
    """Put a fix into the open segment: a killed process must not lose it."""

    fix: TrackFix


class CloseSegment(Struct, frozen=True):
    """Append the open segment as one `track` record, and clear it."""

    record: Record


class Sync(Struct, frozen=True):
    """Bring all that is in the journal onto the medium."""


class Publish(Struct, frozen=True):
    """Hand a message to the MQTT client; `token` comes back in `Handed` when the broker took it."""

    topic: str
    payload: bytes
    qos: Literal[0, 1]
    retain: bool
    token: int


class SendBatch(Struct, frozen=True):
    """Read records from `first` on, and publish them as a batch of as many as the link has room for.

    `max_count`, `max_bytes`: of the records as they are kept; `room_bytes`: of the payload, which is
    a third or a fourth of that. One record goes in any case.
    """

    stream: Stream
    log: str
    first: int
    max_count: int
    max_bytes: int
    room_bytes: int
    token: int


class Acknowledge(Struct, frozen=True):
    """The gateway's `store` has all of `log` below `next`."""

    stream: Stream
    log: str
    next: int
    store: str


class Prune(Struct, frozen=True):
    """Remove what was acknowledged more than `keep_days` ago; `utc_ms` None: the date is not known."""

    utc_ms: int | None
    keep_days: float


class MakeRoom(Struct, frozen=True):
    """One step towards the journal's budget, if it is beyond; `RoomMade` tells of it.

    `head`: the record that declares what goes, but for what that is.
    """

    head: Dropped


class BeginLog(Struct, frozen=True):
    """Seal the stream's log and begin another."""

    stream: Stream


class PowerOff(Struct, frozen=True):
    """Stop in good order, and have the machine power off; `again`: and start anew."""

    again: bool = False


class Save(Struct, frozen=True):
    """Keep a setting, on the medium before anything after it is done."""

    name: str
    value: Mapping[str, Any]


class Arm(Struct, frozen=True):
    """Let the card reader use these keys from now on, and no others; they are in memory alone."""

    keys: KeyRing


class FeedClock(Struct, frozen=True):
    """Tell the clock daemon: when the system's clock said `wall_ms`, it was `off_ms` behind the true UTC."""

    wall_ms: int
    off_ms: int


class AskForPapers(Struct, frozen=True):
    """Make a signing request for the unit's next key; `RequestMade` brings it, or `PapersLaid` why not."""


class LayPapers(Struct, frozen=True):
    """Put the certificate (DER, base64) in use that the gateway sent; `PapersLaid` says what came of it."""

    text: str


class TakePhoto(Struct, frozen=True):
    """Take a photo for `record`, which stands in the journal as `ref`; `PhotoTaken` or `PhotoFailed` follows."""

    reason: str
    ref: Ref
    record: Record


class ListPhotos(Struct, frozen=True):
    """Say which photos lie in the folder from runs before."""


class AnnouncePhoto(Struct, frozen=True):
    """The photo's record is in the journal: its file waits for the gateway from now on."""

    sha256: str


class ReadChunk(Struct, frozen=True):
    """Read at most `most_bytes` of a photo from `offset` on; `ChunkRead` brings them."""

    sha256: str
    offset: int
    most_bytes: int
    token: int


class PhotoDone(Struct, frozen=True):
    """The gateway has the whole photo; `utc_ms` None: the date is not known."""

    sha256: str
    utc_ms: int | None


class ResendPhoto(Struct, frozen=True):
    """The gateway lacks a photo that it had: it waits again, if it is still kept; `PhotosFound` or `PhotoGone`."""

    sha256: str


class ForgetPhoto(Struct, frozen=True):
    """It is on record that the photo is lost: what is left of it may go."""

    sha256: str


class TidyPhotos(Struct, frozen=True):
    """Remove photos that were acknowledged more than `keep_days` ago; `utc_ms` None: no date is known."""

    utc_ms: int | None
    keep_days: float


class LookForRelease(Struct, frozen=True):
    """Say how much of a release is here already; `ReleaseHeld` tells."""

    sha256: str


class KeepPiece(Struct, frozen=True):
    """Append a piece to what is here of a release, if it is the next one; `ReleaseHeld` tells."""

    sha256: str
    offset: int
    data: bytes


class AskUpdater(Struct, frozen=True):
    """Leave a wish for the updater; what comes of it shows in `SlotsSaid`."""

    wish: Wish


class StartAnew(Struct, frozen=True):
    """Stop in good order, and be started again: from the other slot, or as a unit that is retired."""


class MakeReport(Struct, frozen=True):
    """Make what `order` asks for (`logs`, `selftest`); `ReportMade` brings it. `parts`: name and last word of each."""

    order: str
    what: str
    text: str | None
    parts: tuple[tuple[str, str], ...]


class Wipe(Struct, frozen=True):
    """Wipe the unit's keys, and mark it as retired; `Wiped` says what came of it."""


PhotoEffect = (
    TakePhoto
    | ListPhotos
    | AnnouncePhoto
    | ReadChunk
    | PhotoDone
    | ResendPhoto
    | ForgetPhoto
    | TidyPhotos
)
"""What the photos' own worker does."""

Effect = (
    PhotoEffect
    | Keep
    | Signal
    | Light
    | KeepFix
    | CloseSegment
    | Sync
    | Publish
    | SendBatch
    | Acknowledge
    | Prune
    | MakeRoom
    | BeginLog
    | PowerOff
    | Save
    | Arm
    | FeedClock
    | AskForPapers
    | LayPapers
    | LookForRelease
    | KeepPiece
    | AskUpdater
    | StartAnew
    | Wipe
    | MakeReport
)
