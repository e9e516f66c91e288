"""Where the unit stands: the median of the receiver's fixes, how far they stray, or what a technician gives by hand."""

import re
from collections.abc import Iterator, Sequence
from math import ceil, hypot
from statistics import median

import msgspec
from msgspec import Struct

from device.core.fences import offset_m
from device.core.present import Present
from device.journal.journal import Journal
from device.selftest.finding import Finding
from wire.batch import decode_record
from wire.records import Track
from wire.track import BadTrack, TrackFix, unfold
from wire.words import Fault, Words

BACK_MS = 600_000
"""A vehicle that stands keeps a fix a minute."""

SEGMENTS = 20
MOST_SPREAD_M, LEAST_FIXES, LEAST_SATS = 15.0, 3, 5
MOST_APART_M, CHINA_DATUM_M = 50.0, 1_000.0
"""Beyond what two sources may differ; and how far maps of China that are not in WGS-84 are off at most."""

GIVEN = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d+)?)\s*[,，]\s*([+-]?\d{1,3}(?:\.\d+)?)\s*")


class Placed(Struct, frozen=True):
    """WGS-84 degrees. `spread_m`: within which nineteen of twenty fixes lie of their median. `sats`: used, their
    median; None where the receiver does not say."""

    lat: float
    lon: float
    spread_m: float
    fixes: int
    sats: int | None

    @property
    def shown(self) -> str:
        """As a configuration has it: a tenth of a metre."""
        return f"{self.lat:.6f},{self.lon:.6f}"


def placed(fixes: Sequence[TrackFix]) -> Placed | None:
    """None without fixes."""
    if not fixes:
        return None
    lat, lon = median(fix.lat for fix in fixes), median(fix.lon for fix in fixes)
    off_m = sorted(hypot(*offset_m(lat, lon, fix.lat, fix.lon)) for fix in fixes)
    sats = [fix.sats for fix in fixes if fix.sats is not None]
    spread_m = off_m[ceil(0.95 * len(off_m)) - 1]
    return Placed(lat, lon, round(spread_m, 1), len(fixes), int(median(sats)) if sats else None)


def by_hand(text: str) -> Placed:
    """`LAT,LON` in degrees. Raises `Fault`."""
    found = GIVEN.fullmatch(text)
    lat, lon = (float(found[1]), float(found[2])) if found else (91.0, 0.0)
    if abs(lat) > 90 or abs(lon) > 180 or (lat, lon) == (0, 0):
        raise Fault(
            f"--at {text!r}：应为 纬度,经度，例如 27.2418,111.4725",
            f"--at {text!r}: give LAT,LON in degrees, for example 27.2418,111.4725",
        )
    return Placed(lat, lon, 0.0, 0, None)


def kept_fixes(journal: Journal, boot: str, up_ms: int) -> list[TrackFix]:
    """What a running vehicle kept in the last ten minutes of this boot."""
    fixes = [fix for fix in _kept(journal, boot) if up_ms - BACK_MS <= fix.up_ms <= up_ms]
    return sorted(fixes, key=lambda fix: fix.up_ms)


def told_fix(present: Present | None) -> TrackFix | None:
    """The newest fix that a running unit tells of; a checkpoint keeps none."""
    fix = present.state.fix if present else None
    if present is None or fix is None:
        return None
    return TrackFix(None, present.up_ms - fix.age_ms, fix.lat, fix.lon, hacc_m=fix.hacc_m)


def _kept(journal: Journal, boot: str) -> Iterator[TrackFix]:
    for _, raw in journal.recent("track", SEGMENTS):
        record = decode_record(raw)
        if isinstance(record, Track) and record.boot == boot:
            try:
                yield from unfold(record)
            except BadTrack:
                continue
    for raw in journal.open_fixes():
        try:
            yield msgspec.json.decode(raw, type=TrackFix)
        except msgspec.DecodeError:
            continue


def judge_place(seen: Placed | None, given: Placed | None) -> Iterator[Finding]:
    """What is to be said of the receiver's place, and of the one by hand beside it."""
    if seen is None and given is None:
        yield Finding(
            "position",
            "fault",
            Words("没有位置", "there is no position"),
            Words(
                "天线移到能看见天空处，几分钟后再试；没有接收机就用手机定位，用 --at 纬度,经度 给出",
                "let the antenna see the sky and try again in some minutes; without a receiver give --at "
                "LAT,LON from a phone",
            ),
        )
    if seen:
        yield _seen(seen)
    if given:
        words = Words(f"{given.shown}（手工）", f"{given.shown} (by hand)")
        yield _apart(seen, given) if seen else Finding("position", "ok", words)


def _seen(seen: Placed) -> Finding:
    sats = "?" if seen.sats is None else str(seen.sats)
    what = Words(
        f"{seen.shown}，{seen.fixes} 个定位，散布 {seen.spread_m:.0f} 米，卫星 {sats}",
        f"{seen.shown}, {seen.fixes} fixes, spread {seen.spread_m:.0f} m, {sats} satellites",
    )
    poor = seen.fixes < LEAST_FIXES or seen.spread_m > MOST_SPREAD_M
    if poor or (seen.sats is not None and seen.sats < LEAST_SATS):
        return Finding(
            "position",
            "warning",
            what,
            Words(
                "天线移到开阔处，等几分钟再试，或用 --at 给出",
                "move the antenna to the open, try again in some minutes, or give --at",
            ),
        )
    return Finding("position", "ok", what)


def _apart(seen: Placed, given: Placed) -> Finding:
    apart_m = hypot(*offset_m(seen.lat, seen.lon, given.lat, given.lon))
    what = Words(
        f"手工 {given.shown} 与接收机相差 {apart_m:.0f} 米",
        f"{given.shown} by hand is {apart_m:.0f} m from the receiver's",
    )
    if apart_m <= max(MOST_APART_M, 2 * seen.spread_m):
        return Finding("position by hand", "ok", what)
    remedy = Words("核对 --at 的数字", "look at the figures of --at again")
    if apart_m <= CHINA_DATUM_M:
        remedy = Words(
            "手机地图用的可能是 GCJ-02（火星坐标）；请用显示 WGS-84 的应用",
            "the phone's map may use GCJ-02, as maps of China do; use an app that shows WGS-84",
        )
    return Finding("position by hand", "fault", what, remedy)
