"""Builds and parses topic names: `xk/v1/<unit>/up/...`, `xk/v1/<unit>/down/...`, `xk/v1/gw/<worker>/state`."""

import re
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from wire.records import Stream

ROOT = "xk/v1"
GATEWAY = "gw"
"""The name that the gateway's own topics and records bear; no unit may have it."""

UNIT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_OFFSET = re.compile(r"0|[1-9][0-9]{0,11}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

LONGEST = 160
"""Characters of the longest topic, a photo chunk's, and some to spare. MQTT allows 65,535, and what was parsed
is remembered."""

UpKind = Literal["hello", "state", "pos", "log", "photo", "csr", "release", "report"]
DownKind = Literal["ack", "config", "order", "cert", "release", "report"]


class Up(Struct, frozen=True):
    """A message from a unit: `stream` for a log, `sha256` and `offset` for a photo's chunk or a release's, else
    None."""

    unit: str
    kind: UpKind
    stream: Stream | None = None
    sha256: str | None = None
    offset: int | None = None


class Down(Struct, frozen=True):
    """A message to a unit; `about` is `event`, `track` or `photo` for an acknowledgement, else None. `sha256` and
    `offset` are a release's chunk's."""

    unit: str
    kind: DownKind
    about: Literal["event", "track", "photo"] | None = None
    sha256: str | None = None
    offset: int | None = None


class Worker(Struct, frozen=True):
    """The state of one of the gateway's workers."""

    worker: str


def is_unit(name: str) -> bool:
    """True if `name` may be a unit's: 1 to 32 of a-z, 0-9 and -, not beginning with -, not `gw`."""
    return UNIT.fullmatch(name) is not None and name != GATEWAY


def hello(unit: str) -> str:
    return f"{ROOT}/{unit}/up/hello"


def state(unit: str) -> str:
    return f"{ROOT}/{unit}/up/state"


def pos(unit: str) -> str:
    return f"{ROOT}/{unit}/up/pos"


def log(unit: str, stream: Stream) -> str:
    return f"{ROOT}/{unit}/up/log/{stream}"


def photo(unit: str, sha256: str, offset: int) -> str:
    return f"{ROOT}/{unit}/up/photo/{sha256}/{offset}"


def ack(unit: str, about: Literal["event", "track", "photo"]) -> str:
    return f"{ROOT}/{unit}/down/ack/{about}"


def config(unit: str) -> str:
    return f"{ROOT}/{unit}/down/config"


def order(unit: str) -> str:
    return f"{ROOT}/{unit}/down/order"


def csr(unit: str) -> str:
    return f"{ROOT}/{unit}/up/csr"


def cert(unit: str) -> str:
    return f"{ROOT}/{unit}/down/cert"


def ask_release(unit: str, sha256: str, offset: int) -> str:
    return f"{ROOT}/{unit}/up/release/{sha256}/{offset}"


def release(unit: str, sha256: str, offset: int) -> str:
    return f"{ROOT}/{unit}/down/release/{sha256}/{offset}"


def report_up(unit: str) -> str:
    return f"{ROOT}/{unit}/up/report"


def report_down(unit: str) -> str:
    return f"{ROOT}/{unit}/down/report"


def worker_state(worker: str) -> str:
    return f"{ROOT}/{GATEWAY}/{worker}/state"


ALL_UP = f"{ROOT}/+/up/#"
"""What the gateway subscribes to."""

ALL_WORKERS = f"{ROOT}/{GATEWAY}/+/state"
"""What a unit subscribes to, beside its own `down`."""


def all_down(unit: str) -> str:
    return f"{ROOT}/{unit}/down/#"


def parse(topic: str) -> Up | Down | Worker | None:
    """What `topic` means, or None if it is none of ours. Never raises, whatever the broker sends."""
    return _parse(topic) if len(topic) <= LONGEST else None


@lru_cache(maxsize=32_768)
def _parse(topic: str) -> Up | Down | Worker | None:
    parts = topic.split("/")
    if len(parts) < 5 or parts[0] != "xk" or parts[1] != "v1":
        return None
    unit, way, kind, rest = parts[2], parts[3], parts[4], parts[5:]
    if unit == GATEWAY:
        return _worker(parts)
    if UNIT.fullmatch(unit) is None:
        return None
    if way == "up":
        return _up(unit, kind, rest)
    return _down(unit, kind, rest) if way == "down" else None


def _worker(parts: list[str]) -> Worker | None:
    if len(parts) == 5 and UNIT.fullmatch(parts[3]) and parts[4] == "state":
        return Worker(parts[3])
    return None


def _up(unit: str, kind: str, rest: list[str]) -> Up | None:
    match kind, rest:
        case (("hello" | "state" | "pos" | "csr" | "report"), []):
            return Up(unit, kind)
        case "log", [("event" | "track") as stream]:
            return Up(unit, "log", stream=stream)
        case (("photo" | "release"), [sha256, offset]) if _is_chunk(sha256, offset):
            return Up(unit, kind, sha256=sha256, offset=int(offset))
    return None


def _down(unit: str, kind: str, rest: list[str]) -> Down | None:
    match kind, rest:
        case (("config" | "order" | "cert" | "report"), []):
            return Down(unit, kind)
        case "ack", [("event" | "track" | "photo") as about]:
            return Down(unit, "ack", about=about)
        case "release", [sha256, offset] if _is_chunk(sha256, offset):
            return Down(unit, "release", sha256=sha256, offset=int(offset))
    return None


def _is_chunk(sha256: str, offset: str) -> bool:
    return bool(_SHA256.fullmatch(sha256) and _OFFSET.fullmatch(offset))
