"""What `mmcli -J` prints, as values. Sources: ModemManager's mmcli-output.c; recorded outputs in the tests.

All of mmcli's values are strings, and `--` stands for what it does not know: here None.
"""

from typing import Any

import msgspec

MAX_BYTES = 2**20
"""A longer answer is none of mmcli's."""

TECHNOLOGIES = ("5g", "lte", "umts", "gsm", "evdo", "cdma1x")
"""Where `--signal-get` may have figures, best first."""

OK, NO_MODEM, NO_SIM, NO_NETWORK = "ok", "no modem", "SIM missing", "not connected"
NO_ANSWER = "mmcli silent"


class BadAnswer(Exception):
    """Not what mmcli prints: `str()` says what is wrong with it."""


class ModemReading(msgspec.Struct, frozen=True):
    """One look at the modem; None where it did not say. `word`: `ok`, or what is wrong with it.

    `signal_dbm`: RSRP on LTE and 5G, else RSSI. `session`: which connection the counters `rx_bytes` and
    `tx_bytes` belong to; they begin at 0 with each.
    """

    word: str
    operator: str | None = None
    technology: str | None = None
    signal_dbm: float | None = None
    quality_pct: int | None = None
    session: str | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None


class Modem(msgspec.Struct, frozen=True):
    """`mmcli -m N -J`: how the modem is, and the paths of its bearers (connections), newest last."""

    word: str
    operator: str | None
    technology: str | None
    quality_pct: int | None
    bearers: tuple[str, ...]


class Bearer(msgspec.Struct, frozen=True):
    """`mmcli -b N -J`: a connection; the counters cover all its sessions where mmcli says so."""

    connected: bool
    rx_bytes: int | None
    tx_bytes: int | None


def read_list(output: bytes) -> list[str]:
    """`mmcli -L -J`: the paths of the modems. Raises `BadAnswer`."""
    listed = _object(output).get("modem-list")
    if not isinstance(listed, list):
        raise BadAnswer("no modem-list in it")
    return _paths(listed)


def read_modem(output: bytes) -> Modem:
    """`mmcli -m N -J`. Raises `BadAnswer`."""
    modem = _object(output).get("modem")
    generic = _at(modem, "generic")
    if not isinstance(generic, dict):
        raise BadAnswer("no modem.generic in it")
    technologies = generic.get("access-technologies")
    bearers = generic.get("bearers")
    return Modem(
        word=_word(generic),
        operator=_text(_at(modem, "3gpp", "operator-name")),
        technology=_text(
            technologies[0] if isinstance(technologies, list) and technologies else None
        ),
        quality_pct=_count(_at(generic, "signal-quality", "value")),
        bearers=tuple(_paths(bearers)) if isinstance(bearers, list) else (),
    )


def _word(generic: dict[str, Any]) -> str:
    """`unlock-required` alone says nothing: a working SIM may name sim-pin2 there."""
    state = _text(generic.get("state")) or "unknown"
    reason = _text(generic.get("state-failed-reason"))
    if state == "connected":
        return OK
    if state == "locked":
        return f"SIM locked ({_text(generic.get('unlock-required')) or 'unknown lock'})"
    if state == "failed":
        return NO_SIM if reason == "sim-missing" else f"failed ({reason or 'no reason given'})"
    return f"{NO_NETWORK} ({state})"


def read_signal(output: bytes) -> float | None:
    """`mmcli -m N --signal-get -J`: dBm; None until `--signal-setup` was called. Raises `BadAnswer`."""
    signal = _at(_object(output), "modem", "signal")
    for figure in ("rsrp", "rssi"):
        for technology in TECHNOLOGIES:
            dbm = _dbm(_at(signal, technology, figure))
            if dbm is not None:
                return dbm
    return None


def read_bearer(output: bytes) -> Bearer:
    """`mmcli -b N -J`. Raises `BadAnswer`."""
    bearer = _object(output).get("bearer")
    if not isinstance(bearer, dict):
        raise BadAnswer("no bearer in it")
    stats = _at(bearer, "stats")
    return Bearer(
        connected=_at(bearer, "status", "connected") == "yes",
        rx_bytes=_first_count(stats, "total-bytes-rx", "bytes-rx"),
        tx_bytes=_first_count(stats, "total-bytes-tx", "bytes-tx"),
    )


def _object(output: bytes) -> dict[str, Any]:
    if len(output) > MAX_BYTES:
        raise BadAnswer(f"{len(output)} bytes long")
    try:
        return msgspec.json.decode(output, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadAnswer(str(exc)) from exc


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _paths(listed: list[Any]) -> list[str]:
    return [path for path in listed if isinstance(path, str) and path.startswith("/org/")]


def _text(value: Any) -> str | None:
    text = value.strip()[:64] if isinstance(value, str) else ""
    return None if text in {"", "--"} else text


def _count(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _first_count(stats: Any, *names: str) -> int | None:
    found = (_count(_at(stats, name)) for name in names)
    return next((count for count in found if count is not None), None)


def _dbm(value: Any) -> float | None:
    """A level that a receiver can have: 0 and below, and no infinity."""
    try:
        dbm = float(_text(value) or "")
    except ValueError:
        return None
    return dbm if -200 <= dbm < 0 else None
