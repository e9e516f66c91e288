"""A recorded NMEA stream to fixes, as the unit would have seen it, and what was refused and why."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hardware.gps.epoch import EpochAssembler, GpsFix
from hardware.gps.nmea import Refused, Splitter
from hardware.gps.twin import bursts
from wire.words import Fault, Language, Words


class Decoding:
    """Decodes `data`, of whatever year; `refused` counts by reason once all fixes were taken."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._epochs = EpochAssembler(None)
        self._bad: Counter[str] = Counter()

    @property
    def refused(self) -> dict[str, int]:
        """Sentences and epochs that gave nothing, by reason."""
        return dict(self._bad + Counter(self._epochs.refused))

    def fixes(self) -> Iterator[GpsFix]:
        """The fixes in order; the recording's own times stand in for the unit's clock."""
        splitter, up_s = Splitter(), 0.0
        for burst in bursts(self._data):
            up_ms = round(up_s * 1000)
            for sentence in splitter.feed(burst.data):
                if isinstance(sentence, Refused):
                    self._bad[sentence.reason] += 1
                    continue
                epoch = self._epochs.take(sentence, up_ms)
                if epoch and epoch.fix:
                    yield epoch.fix
            up_s += burst.pause_s
        last = self._epochs.quiet(round(up_s * 1000) + 1000)
        if last and last.fix:
            yield last.fix


def decode(path: Path, as_json: bool, language: Language) -> int:
    """Prints the fixes of the recording at `path`. 1 when there is none. Raises `Fault`."""
    try:
        decoding = Decoding(path.read_bytes())
    except OSError as exc:
        raise Fault(
            f"无法读取 {path}：{exc.strerror}；请检查路径",
            f"cannot read {path}: {exc.strerror}; check the path",
        ) from exc
    count = 0
    for fix in decoding.fixes():
        count += 1
        print(json.dumps(_row(fix)) if as_json else _line(fix))
    if as_json:
        print(json.dumps({"fixes": count, "refused": decoding.refused}))
    else:
        print(_summary(count, decoding.refused).say(language))
    return 0 if count else 1


def _row(fix: GpsFix) -> dict[str, float | int | str | None]:
    return {
        "utc": None if fix.utc_ms is None else _utc(fix.utc_ms),
        "lat": round(fix.lat, 8),
        "lon": round(fix.lon, 8),
        "speed_m_s": _rounded(fix.speed_m_s, 3),
        "course_deg": _rounded(fix.course_deg, 2),
        "hacc_m": _rounded(fix.hacc_m, 2),
        "sats": fix.sats,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _utc(utc_ms: int) -> str:
    moment = datetime.fromtimestamp(utc_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(fix: GpsFix) -> str:
    return "  ".join("-" if value is None else str(value) for value in _row(fix).values())


def _summary(count: int, refused: dict[str, int]) -> Words:
    why = ", ".join(f"{reason} {number}" for reason, number in sorted(refused.items()))
    return Words(
        f"{count} 个定位；未采用：{why or '无'}",
        f"{count} fixes; refused: {why or 'nothing'}",
    )
