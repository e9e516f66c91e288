"""A command platform on 127.0.0.1 that answers as it is told, and a pump before it that never sleeps."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest
from msgspec import Struct

from gateway.config import SinkSection
from gateway.forward.cloudevents import CloudEventsSink
from gateway.forward.pump import Pump
from gateway.store.own_log import OwnLog
from tests.keys import SIGNER


class Says(Struct, frozen=True):
    """One answer; `hold` gives none for as long as the platform lives, `hang_up` ends the connection."""

    status: int = 204
    headers: dict[str, str] = {}
    body: bytes = b""
    hold: bool = False
    hang_up: bool = False


class Platform:
    """Keeps what it was sent. `script` is answered first, then what `judge` says of the events."""

    def __init__(self):
        self.requests, self.taken = [], []
        self.script, self.judge = deque(), lambda events: 204
        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/events"

    @property
    def ids(self):
        """What was taken, in order."""
        return [event["id"] for event in self.taken]

    @property
    def tries(self):
        """The number of events of each request."""
        return [len(events) for _, events in self.requests]

    def says(self, *statuses, **fields):
        """What the next requests are answered."""
        self.script.extend(Says(status, **fields) for status in statuses)

    def answer(self, headers, events):
        self.requests.append((headers, events))
        said = self.script.popleft() if self.script else Says(self.judge(events))
        if 200 <= said.status < 300 and not said.hold and not said.hang_up:
            self.taken += events
        return said

    def _handler(self):
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # the name that http.server asks for
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said = platform.answer(dict(self.headers), json.loads(body))
                if said.hold:
                    platform.ended.wait(30)
                if said.hold or said.hang_up:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.status != 204:
                    self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            def log_message(self, *_):
                """Says nothing on the terminal."""

        return Handler

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def platform():
    one = Platform()
    yield one
    one.close()


class Stop:
    """Notes each pause instead of making it; ends the pump at pause number `after`."""

    def __init__(self):
        self.pauses, self.after = [], None

    def wait(self, for_s):
        self.pauses.append(for_s)
        return self.after is not None and len(self.pauses) >= self.after

    def is_set(self):
        return False


class Forward:
    """A pump to a platform. `restart` puts a new process in its place."""

    def __init__(self, store, platform):
        self.store, self.platform = store, platform
        self.die_at, self.counts = None, count(1)
        self.restart()

    def restart(self, **section):
        fields = {"timeout_s": 10.0, "headers": {"Authorization": "Bearer of-the-site"}, **section}
        self.stop = Stop()
        sink = CloudEventsSink(SinkSection("cloudevents", self.platform.url, **fields))
        self.pump = Pump("platform", sink, self.store, OwnLog(SIGNER), self.stop, self._reached)
        return self

    def _reached(self, point):
        if point == self.die_at:
            self.die_at = None
            raise InterruptedError(point)

    def all(self):
        """Forwards until nothing is left; returns how many pages there were."""
        for pages in count():
            if not self.pump.step():
                return pages
            assert pages < 100
        return None

    @property
    def pauses(self):
        return self.stop.pauses


@pytest.fixture
def forward_to():
    return Forward


@pytest.fixture
def forward(store, platform):
    """A pump on a real SQLite file."""
    return Forward(store, platform)


@pytest.fixture
def any_forward(any_store, platform):
    """A pump on each database."""
    return Forward(any_store, platform)
