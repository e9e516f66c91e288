"""Generates the JSON Schemas and the AsyncAPI document from the types, and tells whether the copies drifted.

`python -m wire.schema` writes `wire/schema/*.json` and `wire/schema/asyncapi.json`; with `--check`
it changes nothing, names what differs, and exits with 1.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from wire.batch import Envelope
from wire.limits import MAX_CHUNK_BYTES
from wire.live import Hello, Pos, State, WorkerState
from wire.orders import Ack, CertGrant, CertRequest, ConfigMessage, OrderMessage, PhotoAck, Refused
from wire.records import KINDS, AnyRecord
from wire.release import COUNT
from wire.report import Report, ReportAck

FOLDER = Path(__file__).parent / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Channel(msgspec.Struct, frozen=True):
    """One topic of the contract: who sends what on it, and how."""

    address: str
    action: str
    payloads: tuple[str, ...]
    qos: int
    retained: bool
    summary: str


CHANNELS = (
    Channel(
        "xk/v1/{unit}/up/hello", "receive", ("hello",), 1, False, "At connect, every 5 minutes"
    ),
    Channel(
        "xk/v1/{unit}/up/state", "receive", ("state",), 1, True, "On change and every 30 s; will"
    ),
    Channel("xk/v1/{unit}/up/pos", "receive", ("pos",), 0, False, "1 s moving, 10 s at rest"),
    Channel("xk/v1/{unit}/up/log/{stream}", "receive", ("batch",), 1, False, "Records of one log"),
    Channel(
        "xk/v1/{unit}/up/photo/{sha256}/{offset}", "receive", ("chunk",), 1, False, "Raw bytes"
    ),
    Channel(
        "xk/v1/{unit}/down/ack/photo",
        "send",
        ("photo-ack", "refused"),
        1,
        False,
        "How far a photo is kept",
    ),
    Channel(
        "xk/v1/{unit}/down/ack/{stream}", "send", ("ack", "refused"), 1, False, "After the commit"
    ),
    Channel(
        "xk/v1/{unit}/up/release/{sha256}/{offset}",
        "receive",
        ("count",),
        1,
        False,
        "So many bytes of a release are wanted, from there on",
    ),
    Channel(
        "xk/v1/{unit}/down/release/{sha256}/{offset}",
        "send",
        ("chunk",),
        1,
        False,
        "Raw bytes of a release; none: it is not here",
    ),
    Channel("xk/v1/{unit}/down/config", "send", ("config-message",), 1, True, "Version only rises"),
    Channel("xk/v1/{unit}/down/order", "send", ("order-message",), 1, False, "To one unit"),
    Channel(
        "xk/v1/{unit}/up/csr", "receive", ("cert-request",), 1, False, "A certificate is wanted"
    ),
    Channel("xk/v1/{unit}/up/report", "receive", ("report",), 1, False, "What an order asked for"),
    Channel(
        "xk/v1/{unit}/down/report", "send", ("report-ack",), 1, False, "How far a report is kept"
    ),
    Channel("xk/v1/{unit}/down/cert", "send", ("cert-grant",), 1, False, "The certificate"),
    Channel(
        "xk/v1/gw/{worker}/state", "send", ("worker-state",), 1, True, "A worker; will: offline"
    ),
)


def documents() -> dict[str, str]:
    """Every generated file's name and text."""
    texts = {
        f"record-{kind.__struct_config__.tag}.json": _text(_schema(kind, f"record {kind.__name__}"))
        for kind in KINDS
    }
    for name, kind in _MESSAGES.items():
        texts[f"{name}.json"] = _text(_schema(kind, name))
    texts["asyncapi.json"] = _text(_asyncapi())
    return texts


_MESSAGES: dict[str, Any] = {
    "record": AnyRecord,
    "batch": Envelope,
    "hello": Hello,
    "state": State,
    "pos": Pos,
    "ack": Ack,
    "photo-ack": PhotoAck,
    "refused": Refused,
    "config-message": ConfigMessage,
    "order-message": OrderMessage,
    "worker-state": WorkerState,
    "cert-request": CertRequest,
    "cert-grant": CertGrant,
    "report": Report,
    "report-ack": ReportAck,
}


def _hook(kind: type) -> dict[str, Any]:
    if kind is msgspec.Raw:
        return {"type": "object", "description": "a record, see record.json; hashed as sent"}
    raise NotImplementedError(kind)


def _schema(kind: Any, title: str) -> dict[str, Any]:
    schemas, components = msgspec.json.schema_components([kind], schema_hook=_hook)
    return {"$schema": DIALECT, "title": title, **schemas[0], **_defs(components)}


def _defs(components: dict[str, Any]) -> dict[str, Any]:
    if not components:
        return {}
    text = json.dumps(components).replace("#/components/schemas/", "#/$defs/")
    return {"$defs": json.loads(text)}


def _asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Xunkong wire contract", "version": "1"},
        "defaultContentType": "application/json",
        "channels": {_key(c): _channel(c) for c in CHANNELS},
        "operations": {
            _key(c): {
                "action": c.action,
                "channel": {"$ref": f"#/channels/{_key(c)}"},
                "summary": c.summary,
                "bindings": {"mqtt": {"qos": c.qos, "retain": c.retained}},
            }
            for c in CHANNELS
        },
    }


def _key(channel: Channel) -> str:
    return "-".join(p for p in channel.address.split("/")[2:] if not p.startswith("{"))


def _channel(channel: Channel) -> dict[str, Any]:
    names = [part[1:-1] for part in channel.address.split("/") if part.startswith("{")]
    return {
        "address": channel.address,
        "parameters": {name: {} for name in names},
        "messages": {name: _message(name) for name in channel.payloads},
    }


def _message(name: str) -> dict[str, Any]:
    if name == "chunk":
        return {
            "contentType": "application/octet-stream",
            "payload": {"maxLength": MAX_CHUNK_BYTES},
        }
    if name == "count":
        return {"contentType": "text/plain", "payload": {"pattern": COUNT.pattern.decode()}}
    return {"payload": {"$ref": f"./{name}.json"}}


def _text(document: dict[str, Any]) -> str:
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    return text.replace("#/components/schemas/", "#/$defs/") + "\n"


def differing(folder: Path = FOLDER) -> list[str]:
    """The names of checked-in files that are not what the types say, or that nothing generates."""
    wanted = documents()
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )


def write(folder: Path = FOLDER) -> None:
    """Writes every document, and removes what nothing generates any more."""
    folder.mkdir(exist_ok=True)
    wanted = documents()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, "utf-8")


def main(argv: Sequence[str]) -> int:
    """The command: 0 when all is as the types say."""
    if "--check" not in argv:
        write()
        return 0
    names = differing()
    if names:
        sys.stderr.write(
            f"schema drift in wire/schema: {', '.join(names)}; run python -m wire.schema\n"
        )
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
