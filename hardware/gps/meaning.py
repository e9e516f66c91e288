"""What one sentence says of a fix, pure. Source: NMEA 0183 4.11, as in the u-blox M9 interface description.

RMC's trailing `V` (navigation status) is not read: most modules send it with every good fix. GSA's
fix type is not read either: GSA has no time, so it may be the next epoch's.
"""

import re
from collections.abc import Callable
from datetime import date

import msgspec

from hardware.gps.nmea import Sentence

KNOT_M_S = 1852 / 3600
KMH_M_S = 1 / 3.6
EPOCH_DAY = date(1970, 1, 1).toordinal()
NO_HDOP = 50.0
"""From here on a receiver means by HDOP that it has none: SiRF sends 50.0, u-blox 99.99."""

TIME_AT = {"RMC": 0, "GGA": 0, "GNS": 0, "GST": 0, "ZDA": 0, "GLL": 4}
"""The field with the UTC time of day."""

POSITIONS = frozenset(("RMC", "GGA", "GNS", "GLL"))
"""The sentences that say whether there is a fix, and where."""

VALID, ESTIMATED, NULL_ISLAND, BAD_POSITION, VOID = "valid", "estimated", "0,0", "position", "void"
RANK = {"": 0, VALID: 1, ESTIMATED: 2, NULL_ISLAND: 3, BAD_POSITION: 4, VOID: 5}
"""Where the sentences of an epoch differ, the worst of them is believed."""

_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(?:\.(\d*))?", re.ASCII)
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?|-?\.\d+", re.ASCII)
_LATITUDE = re.compile(r"(\d\d)([0-5]\d(?:\.\d*)?)", re.ASCII)
_LONGITUDE = re.compile(r"(\d\d\d)([0-5]\d(?:\.\d*)?)", re.ASCII)

_BY_QUALITY = {"1": VALID, "2": VALID, "3": VALID, "4": VALID, "5": VALID, "6": ESTIMATED}
_BY_QUALITY |= {"7": ESTIMATED, "8": ESTIMATED}
"""GGA: fix, differential, PPS, RTK, float RTK; dead reckoning, by hand, simulated; else no fix."""

_SATELLITE_MODES = frozenset("ADPRF")
_ESTIMATED_MODES = frozenset("EMS")


class Draft(msgspec.Struct):
    """What the sentences of one epoch have said up to now; None: not given. Mutable while open.

    `day` counts from 1970-01-01; `bad_date`: a date was given that is none. `hacc_m` is GST's.
    """

    up_ms: int
    tod_ms: int | None = None
    kinds: set[str] = msgspec.field(default_factory=set)
    verdict: str = ""
    lat: float | None = None
    lon: float | None = None
    speed_m_s: float | None = None
    course_deg: float | None = None
    alt_m: float | None = None
    hdop: float | None = None
    sats: int | None = None
    hacc_m: float | None = None
    used: set[tuple[str, str]] = msgspec.field(default_factory=set)
    day: int | None = None
    bad_date: bool = False


Fields = tuple[str, ...]


def time_of_day(sentence: Sentence) -> int | None:
    """UTC milliseconds since midnight; None where the sentence has none. A leap second is 23:59:60."""
    if sentence.kind not in TIME_AT:
        return None
    match = _TIME.fullmatch(_at(sentence.fields, TIME_AT[sentence.kind]))
    if not match:
        return None
    hours, minutes, seconds, fraction = match.groups("")
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1000 + int(fraction[:3].ljust(3, "0"))


def tell(sentence: Sentence, draft: Draft) -> None:
    """Adds what the sentence says; the first to say a thing is kept. Of any talker."""
    draft.kinds.add(sentence.kind)
    teller = TELLERS.get(sentence.kind)
    if teller:
        teller(sentence.talker, sentence.fields, draft)


def _rmc(_talker: str, fields: Fields, draft: Draft) -> None:
    _judge(draft, _by_status(_at(fields, 1), _at(fields, 11)), fields[2:6])
    _keep(draft, "speed_m_s", _scaled(_at(fields, 6), KNOT_M_S))
    _keep(draft, "course_deg", _course(_at(fields, 7)))
    _dated(draft, _at(fields, 8), _day(_at(fields, 8)))


def _gga(_talker: str, fields: Fields, draft: Draft) -> None:
    _judge(draft, _BY_QUALITY.get(_at(fields, 5), VOID), fields[1:5])
    _counted(draft, _at(fields, 6))
    _keep(draft, "hdop", _hdop(_at(fields, 7)))
    _keep(draft, "alt_m", _number(_at(fields, 8)))


def _gns(_talker: str, fields: Fields, draft: Draft) -> None:
    _judge(draft, _by_mode(_at(fields, 5)), fields[1:5])
    _counted(draft, _at(fields, 6))
    _keep(draft, "hdop", _hdop(_at(fields, 7)))
    _keep(draft, "alt_m", _number(_at(fields, 8)))


def _gll(_talker: str, fields: Fields, draft: Draft) -> None:
    _judge(draft, _by_status(_at(fields, 5), _at(fields, 6)), fields[0:4])


def _gsa(talker: str, fields: Fields, draft: Draft) -> None:
    """Satellites by system: the same ID is another satellite in another system."""
    system = _at(fields, 17)
    if len(system) != 1:
        system = talker
    draft.used.update((system, number) for number in fields[2:14] if number)
    _keep(draft, "hdop", _hdop(_at(fields, 15)))


def _gst(_talker: str, fields: Fields, draft: Draft) -> None:
    north, east = _number(_at(fields, 5)), _number(_at(fields, 6))
    if north is not None and east is not None:
        _keep(draft, "hacc_m", (north * north + east * east) ** 0.5)


def _vtg(_talker: str, fields: Fields, draft: Draft) -> None:
    _keep(draft, "course_deg", _course(_at(fields, 0)))
    _keep(draft, "speed_m_s", _scaled(_at(fields, 6), KMH_M_S))
    _keep(draft, "speed_m_s", _scaled(_at(fields, 4), KNOT_M_S))


def _zda(_talker: str, fields: Fields, draft: Draft) -> None:
    parts = fields[1:4]
    sound = len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts)
    day, month, year = (int(part[:4]) for part in parts) if sound else (0, 0, 0)
    _dated(draft, "".join(parts), _ordinal(year, month, day))


TELLERS: dict[str, Callable[[str, Fields, Draft], None]] = {
    "RMC": _rmc,
    "GGA": _gga,
    "GNS": _gns,
    "GLL": _gll,
    "GSA": _gsa,
    "GST": _gst,
    "VTG": _vtg,
    "ZDA": _zda,
}


def _at(fields: Fields, index: int) -> str:
    return fields[index] if index < len(fields) else ""


def _keep(draft: Draft, name: str, value: float | None) -> None:
    if value is not None and getattr(draft, name) is None:
        setattr(draft, name, value)


def _judge(draft: Draft, verdict: str, place: Fields) -> None:
    """Notes whether there is a fix and, only where there is, its position."""
    lat, lon = (
        _degrees(_LATITUDE, place[0:2], "NS", 90),
        _degrees(_LONGITUDE, place[2:4], "EW", 180),
    )
    if verdict == VALID and (lat is None or lon is None):
        verdict = BAD_POSITION
    elif verdict == VALID and lat == 0 and lon == 0:
        verdict = NULL_ISLAND
    if RANK[verdict] > RANK[draft.verdict]:
        draft.verdict = verdict
    if verdict == VALID and draft.lat is None:
        draft.lat, draft.lon = lat, lon


def _by_status(status: str, mode: str) -> str:
    """By `A` or `V`; before NMEA 2.3 there is no mode."""
    if status != "A":
        return VOID
    return _by_mode(mode) if mode else VALID


def _by_mode(modes: str) -> str:
    """By the mode of each system that is used: one with satellites is enough."""
    if _SATELLITE_MODES.intersection(modes):
        return VALID
    return ESTIMATED if _ESTIMATED_MODES.intersection(modes) else VOID


def _degrees(form: re.Pattern[str], field: Fields, signs: str, limit: int) -> float | None:
    """Degrees of a `ddmm.mmmm` field and its hemisphere; None where it is not of that form."""
    match = form.fullmatch(field[0]) if len(field) == 2 else None
    if not match or len(field[1]) != 1 or field[1] not in signs:
        return None
    value = int(match[1]) + float(match[2]) / 60
    if value > limit:
        return None
    return -value if field[1] == signs[1] else value


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _scaled(text: str, unit: float) -> float | None:
    value = _number(text)
    return value * unit if value is not None and value >= 0 else None


def _course(text: str) -> float | None:
    value = _number(text)
    return value % 360 if value is not None and 0 <= value <= 360 else None


def _hdop(text: str) -> float | None:
    value = _number(text)
    return value if value is not None and 0 < value < NO_HDOP else None


def _counted(draft: Draft, text: str) -> None:
    if draft.sats is None and len(text) <= 3 and text.isascii() and text.isdigit():
        draft.sats = int(text)


def _dated(draft: Draft, text: str, day: int | None) -> None:
    """Two dates that differ are as bad as one that is none."""
    if day is None:
        draft.bad_date = draft.bad_date or bool(text)
    elif draft.day is None:
        draft.day = day
    else:
        draft.bad_date = draft.bad_date or draft.day != day


def _day(text: str) -> int | None:
    """Of `ddmmyy`: 80 to 99 are 1980 to 1999, since GPS began in 1980."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    day, month, year = (int(part) for part in match.groups())
    return _ordinal(year + (1900 if year >= 80 else 2000), month, day)


def _ordinal(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - EPOCH_DAY
    except ValueError:
        return None
