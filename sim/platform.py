"""A command platform's stand-in: takes CloudEvents batches over HTTP, keeps every event in a file.

It can be told to misbehave: POST /control {"mode":"ok|fail|stall|refuse"}; GET /stats says what it
has. It binds 127.0.0.1 only. Each line of the file: `received_ns` (CLOCK_MONOTONIC), `event`.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODES = ("ok", "fail", "stall", "refuse")
MAX_BODY_BYTES = 16 * 1024 * 1024
STALL_S = 60.0
NEEDED = ("specversion", "id", "source", "type")


class BadBatch(ValueError):
    """A body that is no CloudEvents batch; the text says what is wrong."""


class Platform:
    """The server and its file. `serve` runs until `stop`."""

    def __init__(self, port: int, store: Path) -> None:
        _cut_torn_line(store)
        self._file = store.open("a", encoding="utf-8")
        self._lock = threading.Condition()
        self._mode = "ok"
        self._counts = {"events": 0, "requests": 0, "again": 0}
        self._seen: set[tuple[str, str]] = set()
        self._recall(store)
        platform = self

        class Handler(_Handler):
            owner = platform

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def _recall(self, store: Path) -> None:
        with store.open(encoding="utf-8") as file:
            for line in file:
                self._count(json.loads(line)["event"])

    def serve(self) -> None:
        """Answers until `stop` is called from another thread."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Ends `serve`, and lets stalled requests go."""
        self.control("ok")
        self._server.shutdown()
        self._server.server_close()
        self._file.close()

    def control(self, mode: str) -> None:
        """`ok`; `fail`: 503; `stall`: no answer; `refuse`: 422. Raises `BadBatch` for another."""
        if mode not in MODES:
            raise BadBatch(f"mode {mode!r}: choose one of {', '.join(MODES)}")
        with self._lock:
            self._mode = mode
            self._lock.notify_all()

    def stats(self) -> dict[str, Any]:
        """What was received so far; `again`: events whose (source, id) was there already."""
        with self._lock:
            return {**self._counts, "distinct": len(self._seen), "mode": self._mode}

    def take(self, body: bytes) -> int:
        """Takes a batch; returns the HTTP status. Raises `BadBatch`; then nothing of it was kept."""
        received_ns = time.monotonic_ns()
        events = _events(body)
        with self._lock:
            self._counts["requests"] += 1
            self._lock.wait_for(lambda: self._mode != "stall", STALL_S)
            if self._mode in ("fail", "stall"):
                return 503
            if self._mode == "refuse":
                return 422
            for event in events:
                self._count(event)
                line = {"received_ns": received_ns, "event": event}
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        return 202

    def _count(self, event: dict[str, Any]) -> None:
        identity = (event["source"], event["id"])
        self._counts["events"] += 1
        self._counts["again"] += identity in self._seen
        self._seen.add(identity)


def _cut_torn_line(store: Path) -> None:
    """Takes away what a killed process had not written to its end."""
    if store.exists():
        data = store.read_bytes()
        with store.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        events = json.loads(body)
    except ValueError as exc:
        raise BadBatch(f"no JSON: {exc}") from exc
    if not isinstance(events, list):
        raise BadBatch("a batch is a JSON array of events")
    for number, event in enumerate(events):
        missing = [n for n in NEEDED if not isinstance(event, dict) or n not in event]
        if missing:
            raise BadBatch(f"event {number} lacks {missing}")
    return events


class _Handler(BaseHTTPRequestHandler):
    owner: Platform
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/stats" else 404, self.owner.stats())

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MAX_BODY_BYTES:
            self._answer(413, {"error": f"more than {MAX_BODY_BYTES} bytes"})
            return
        body = self.rfile.read(length)
        try:
            if self.path == "/control":
                self.owner.control(_mode(body))
                self._answer(200, self.owner.stats())
            else:
                self._answer(self.owner.take(body), {})
        except BadBatch as exc:
            self._answer(400, {"error": str(exc)})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the file and /stats do."""


def _mode(body: bytes) -> str:
    try:
        return str(json.loads(body)["mode"])
    except (ValueError, KeyError, TypeError) as exc:
        raise BadBatch('send {"mode": "ok"}, or fail, stall, refuse') from exc
