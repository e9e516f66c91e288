"""Which positions are kept, and when a segment of them is closed.

Moving is net displacement over some seconds, not path length or reported speed, so that the noise
of a parked receiver is not a drive. At rest a fix is kept now and then; moving, one a second; a
turn is kept whatever the pace, with the fix before it, so that no corner is cut.
"""

from collections import deque
from math import cos, hypot, radians

from device.core.events import Fix
from wire.limits import MAX_FIXES
from wire.orders import Sampling
from wire.track import TrackFix

SEGMENT_MOVING_MS = 120_000
SEGMENT_REST_MS = 600_000
EARTH_M_PER_DEG = 111_320.0
CORNER_MIN_M_S = 1.5
"""Below this a course is noise."""


def displacement_m(a: Fix, b: Fix) -> float:
    """Metres between two fixes, on a plane tangent at the first: exact enough for a few kilometres."""
    north = (b.lat - a.lat) * EARTH_M_PER_DEG
    east = ((b.lon - a.lon + 180) % 360 - 180) * EARTH_M_PER_DEG * cos(radians(a.lat))
    return hypot(north, east)


class Sampler:
    """Chooses the fixes to keep, by the `Sampling` of the moment."""

    def __init__(self) -> None:
        self._recent: deque[Fix] = deque(maxlen=1200)
        self._kept: Fix | None = None
        self._before: Fix | None = None
        self.moving = False

    def offer(self, fix: Fix, sampling: Sampling) -> list[Fix]:
        """The fixes to keep now that `fix` has come, in order: none, itself, or the one before as well."""
        self._watch(fix, sampling)
        before, self._before = self._before, fix
        kept = self._kept
        if kept is None or self._due(fix, kept, sampling):
            self._kept = fix
            return [fix]
        if self._corner(fix, kept, sampling):
            self._kept = fix
            return [before, fix] if before and before.up_ms > kept.up_ms else [fix]
        return []

    def _watch(self, fix: Fix, sampling: Sampling) -> None:
        window_ms = sampling.window_s * 1000
        self._recent.append(fix)
        while fix.up_ms - self._recent[0].up_ms > window_ms:
            self._recent.popleft()
        needed_m = max(sampling.moving_m, 2 * (fix.hacc_m or 0.0))
        self.moving = displacement_m(self._recent[0], fix) > needed_m

    def _due(self, fix: Fix, kept: Fix, sampling: Sampling) -> bool:
        every_s = sampling.moving_s if self.moving else sampling.rest_s
        return fix.up_ms - kept.up_ms >= every_s * 1000 - 50

    def _corner(self, fix: Fix, kept: Fix, sampling: Sampling) -> bool:
        if not self.moving or fix.course_deg is None or kept.course_deg is None:
            return False
        if (fix.speed_m_s or 0.0) < CORNER_MIN_M_S:
            return False
        turned = abs((fix.course_deg - kept.course_deg + 180) % 360 - 180)
        return turned >= sampling.corner_deg


class Segment:
    """The fixes of the open segment, as they also stand in the journal."""

    def __init__(self, fixes: list[TrackFix]) -> None:
        self._fixes = fixes

    def __len__(self) -> int:
        return len(self._fixes)

    def add(self, fix: TrackFix) -> None:
        self._fixes.append(fix)

    def full(self, up_ms: int, moving: bool) -> bool:
        """Whether it is time to close: 60 fixes, two minutes of driving with stops, ten of standing still."""
        if not self._fixes:
            return False
        limit_ms = SEGMENT_MOVING_MS if moving else SEGMENT_REST_MS
        return len(self._fixes) >= MAX_FIXES or up_ms - self._fixes[0].up_ms >= limit_ms

    def breaks(self, fix: TrackFix) -> bool:
        """Whether `fix` cannot stand in the same columns: its clock differs, or time went backwards."""
        if not self._fixes:
            return False
        last = self._fixes[-1]
        if (last.at_ms is None) != (fix.at_ms is None) or fix.up_ms < last.up_ms:
            return True
        return last.at_ms is not None and fix.at_ms is not None and fix.at_ms < last.at_ms

    def take(self) -> list[TrackFix]:
        """All fixes; the segment is empty afterwards."""
        fixes, self._fixes = self._fixes, []
        return fixes
