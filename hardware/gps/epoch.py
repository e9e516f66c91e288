"""One fix per epoch out of sentences, pure, whichever sentence a module sends first or last.

An epoch ends when the time of day changes or when the line has been quiet. What it cannot do: tell
apart two epochs of a receiver that sends neither a time nor a pause.
"""

from collections import Counter

import msgspec

from hardware.gps import meaning
from hardware.gps.meaning import Draft
from hardware.gps.nmea import Sentence
from hardware.gps.sanity import Clock, Way

FLOOR_UTC_MS = 1_735_689_600_000
"""2025-01-01: this program is younger, so no true date is older."""

RANGE_ERROR_M = 5.0
"""Accuracy without GST is HDOP times this, at one sigma: of it the satellites' own share is 3.6 m (7.0 m
at 95 %, GPS SPS Performance Standard, 2020), the rest is air and receiver."""

LATE_MS = 1000
"""A sentence of an epoch that was closed comes within this, if at all."""

KINDS = frozenset(meaning.TELLERS) | {"GSV"}
"""The sentences of a burst; GSV says nothing of the fix, but some modules begin with it."""


class GpsFix(msgspec.Struct, frozen=True):
    """Where the receiver was; None: it did not say.

    `up_ms` is CLOCK_BOOTTIME when the epoch's first sentence had come. `utc_ms` is the time of the fix;
    `clock_ok` says that it came with a date of its own that can be true, so a clock may be set by it.
    `lat`, `lon`: WGS-84 degrees. `alt_m`: above mean sea level. `hacc_m`: horizontal, one sigma.
    """

    up_ms: int
    utc_ms: int | None
    clock_ok: bool
    lat: float
    lon: float
    speed_m_s: float | None
    course_deg: float | None
    alt_m: float | None
    hdop: float | None
    sats: int | None
    hacc_m: float | None


class Epoch(msgspec.Struct, frozen=True):
    """A closed epoch: its fix, or None and why: `void`, `estimated`, `0,0`, `position`, `jump`, `untold`.

    `up_ms` of its first sentence, `closed_ms` when it was known to be whole; both CLOCK_BOOTTIME.
    """

    up_ms: int
    closed_ms: int
    fix: GpsFix | None
    refused: str


class EpochAssembler:
    """Gathers sentences into epochs. `floor_utc_ms`: no true date is older; None: any date may be."""

    def __init__(self, floor_utc_ms: int | None) -> None:
        self._clock = Clock(floor_utc_ms)
        self._way = Way()
        self._draft: Draft | None = None
        self._closed: tuple[int | None, int] = (None, 0)
        self._counts: Counter[str] = Counter()

    @property
    def refused(self) -> dict[str, int]:
        """How many epochs gave no fix, and how many fixes no time, by reason."""
        return dict(self._counts)

    def take(self, sentence: Sentence, up_ms: int) -> Epoch | None:
        """Adds a sentence that came at `up_ms`; returns the epoch that it shows to be over."""
        if sentence.kind not in KINDS:
            return None
        tod_ms = meaning.time_of_day(sentence)
        if self._is_stray(sentence.kind, tod_ms, up_ms):
            return None
        ended = self._draft is not None and _is_next(self._draft, sentence.kind, tod_ms)
        epoch = self._close(up_ms) if ended else None
        self._add(sentence, tod_ms, up_ms)
        return epoch

    def quiet(self, up_ms: int) -> Epoch | None:
        """The line is quiet at `up_ms`: ends the epoch, if it has said whether there is a fix.

        One with a time and no position yet stays open, as a module may pause after ZDA. One with
        neither is the tail of the last one, and is forgotten.
        """
        if self._draft is not None and self._draft.verdict:
            return self._close(up_ms)
        if self._draft is not None and self._draft.tod_ms is None:
            self._draft = None
        return None

    def _is_stray(self, kind: str, tod_ms: int | None, up_ms: int) -> bool:
        """A sentence of the epoch before, or an accuracy for no epoch that is open."""
        if tod_ms is None or (self._draft is not None and self._draft.tod_ms == tod_ms):
            return False
        closed_tod_ms, closed_ms = self._closed
        late = tod_ms == closed_tod_ms and up_ms - closed_ms < LATE_MS
        timed = self._draft is not None and self._draft.tod_ms is not None
        return late or (kind == "GST" and timed)

    def _add(self, sentence: Sentence, tod_ms: int | None, up_ms: int) -> None:
        if self._draft is None:
            self._draft = Draft(up_ms)
        if tod_ms is not None:
            self._draft.tod_ms = tod_ms
        meaning.tell(sentence, self._draft)

    def _close(self, up_ms: int) -> Epoch | None:
        draft, self._draft = self._draft, None
        if draft is None:
            return None
        self._closed = draft.tod_ms, up_ms
        fix, refused = self._judged(draft)
        if refused:
            self._counts[refused] += 1
        return Epoch(draft.up_ms, up_ms, fix, refused)

    def _judged(self, draft: Draft) -> tuple[GpsFix | None, str]:
        if draft.verdict != meaning.VALID or draft.lat is None or draft.lon is None:
            return None, draft.verdict or "untold"
        if not self._way.allows(draft.lat, draft.lon, draft.up_ms):
            return None, "jump"
        utc_ms, clock_ok = self._time(draft)
        return _fix(draft, draft.lat, draft.lon, utc_ms, clock_ok), ""

    def _time(self, draft: Draft) -> tuple[int | None, bool]:
        """The time of a valid fix. A date that is none, or cannot be, costs the time, not the place."""
        if draft.tod_ms is None:
            return None, False
        if draft.bad_date:
            return self._no_time("date")
        if draft.day is None:
            return self._clock.carried(draft.tod_ms, draft.up_ms), False
        refusal = self._clock.refusal(draft.day, draft.tod_ms)
        if refusal:
            return self._no_time(refusal)
        return self._clock.set(draft.day, draft.tod_ms, draft.up_ms), True

    def _no_time(self, why: str) -> tuple[None, bool]:
        self._counts[why] += 1
        return None, False


def _is_next(draft: Draft, kind: str, tod_ms: int | None) -> bool:
    """Whether a sentence is of another epoch: by its time, or where one has none, by coming again."""
    if tod_ms is not None and draft.tod_ms is not None:
        return tod_ms != draft.tod_ms
    return kind in meaning.POSITIONS and kind in draft.kinds


def _fix(draft: Draft, lat: float, lon: float, utc_ms: int | None, clock_ok: bool) -> GpsFix:
    hacc_m = draft.hacc_m
    if hacc_m is None and draft.hdop is not None:
        hacc_m = draft.hdop * RANGE_ERROR_M
    return GpsFix(
        up_ms=draft.up_ms,
        utc_ms=utc_ms,
        clock_ok=clock_ok,
        lat=lat,
        lon=lon,
        speed_m_s=draft.speed_m_s,
        course_deg=draft.course_deg,
        alt_m=draft.alt_m,
        hdop=draft.hdop,
        sats=draft.sats if draft.sats is not None else len(draft.used) or None,
        hacc_m=hacc_m,
    )
