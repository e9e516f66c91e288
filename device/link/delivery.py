"""Which records leave the unit when: hello, window, acknowledgement, resend, back-off. Pure.

The broker is a pipe: a batch counts as delivered when the gateway's acknowledgement names a chain
value that is the unit's own, and not before. Until then it is sent again: after a hello, and after
a time-out that doubles. Nothing is sent that the journal has not brought onto the medium.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from device.core.effects import Acknowledge, BeginLog, Effect, SendBatch
from device.link.pace import Pace
from wire.live import LogHead, WorkerState
from wire.orders import Ack
from wire.records import STREAMS, Stream

WINDOW = 16
"""Batches of a stream that may await the gateway's acknowledgement."""

MAX_LOGS = 64
"""Logs that a hello may name (see `wire.live.Hello`)."""

MAX_WORKERS = 64
"""Workers of the gateway that are listened to: whoever holds the broker can make names up."""

MAX_COUNT = 200
MAX_BATCH_BYTES = 64 * 1024
"""Of records as they are kept: an hour of driving. More would be compressed for longer than a tap may wait."""

LEAST_ROOM_BYTES = 4 * 1024
"""Positions wait for this much room, unless nothing else is under way: signature and chain value cost
as much as 35 fixes, and should be shared by more. An event never waits for it."""

RESEND_MS = 4_000
RESEND_MAX_MS = 60_000
HELLO_EVERY_MS = 300_000
HELLO_RETRY_MS = 1_500
ANSWERS_MS = 2_000
"""The gateway answers a greeting for all branches of a log that it knows; within this they are all here."""

RETURN_JITTER_MS = 1_000
"""After the gateway came back its units greet it spread over this time."""


class Chain(Protocol):
    """The journal, as far as the delivery asks it."""

    def chain_at(self, stream: str, log: str, seq: int) -> bytes | None:
        """The chain's value after record `seq` (32 bytes), None where the row is no longer kept."""
        ...


class Head(Struct, frozen=True):
    """One log as the journal has it: see `wire.live.LogHead`; `next`, `store`: as acknowledged."""

    stream: Stream
    log: str
    oldest: int
    last: int
    h: bytes
    next: int = 1
    store: str | None = None


class _InFlight(Struct):
    token: int
    first: int
    last: int
    taken_ms: int | None = None


class _Flow:
    """One log on its way: `next` is acknowledged below, `sent` is handed over below.

    `known`: the gateway has answered for it since the last greeting. `asked`: what it has of our
    branch was asked by a greeting, and not answered yet. `beyond`: it has more of it than the unit,
    and a new log was asked for. `strange_ms`: since then only another branch is known there, and of ours nothing
    of what was acknowledged; 0: from the next look on.
    """

    def __init__(self, head: Head, known: bool) -> None:
        self.stream: Stream = head.stream
        self.log = head.log
        self.oldest = head.oldest
        self.last = head.last
        self.next = head.next
        self.store = head.store
        self.sent = max(head.next, head.oldest)
        self.known = known
        self.asked = not known
        self.beyond = False
        self.strange_ms: int | None = None
        self.asking: int | None = None
        self.in_flight: deque[_InFlight] = deque()
        self.tries = 0
        self.hold_until_ms = 0

    def rewind(self) -> None:
        self.sent = max(self.next, self.oldest)
        self.in_flight.clear()
        self.asking = None

    def waiting(self) -> int:
        return max(0, self.last + 1 - max(self.next, self.oldest))

    def may_send(self, up_ms: int) -> bool:
        return (
            self.known
            and self.asking is None
            and self.sent <= self.last
            and len(self.in_flight) < WINDOW
            and up_ms >= self.hold_until_ms
        )


class Delivery:
    """The way out for all logs. `jitter()` gives 0 to 1; `new_token()` numbers what is handed over."""

    def __init__(
        self,
        heads: Iterable[Head],
        chain: Chain,
        jitter: Callable[[], float],
        new_token: Callable[[], int],
    ) -> None:
        self._flows = {(head.stream, head.log): _Flow(head, known=False) for head in heads}
        self._chain = chain
        self._jitter = jitter
        self._new_token = new_token
        self._workers: dict[str, WorkerState] = {}
        self._pace = Pace()
        self._up = False
        self._heard = False
        self._hello_due_ms: int | None = None
        self._hello_tries = 0

    @property
    def link_up(self) -> bool:
        """Whether a broker is connected."""
        return self._up

    @property
    def gateway_here(self) -> bool:
        """Whether the gateway is known to listen; else the backlog is held."""
        return self._heard or any(state.online for state in self._workers.values())

    @property
    def online(self) -> bool:
        """Whether what is kept now will be with the gateway in a moment."""
        return self._up and self.gateway_here

    def queue(self) -> dict[str, int]:
        """Records per stream that the gateway has not acknowledged."""
        depth: dict[str, int] = dict.fromkeys(STREAMS, 0)
        for flow in self._flows.values():
            depth[flow.stream] += flow.waiting()
        return depth

    def has_arrived(self, stream: Stream, log: str, seq: int) -> bool:
        """Whether the gateway has acknowledged a record; so it has where the log is no longer kept."""
        flow = self._flows.get((stream, log))
        return flow is None or seq < flow.next

    def heads(self) -> list[LogHead]:
        """What a hello says: every log with rows left, and the current ones; oldest first."""
        return [
            LogHead(flow.stream, flow.log, flow.oldest, flow.last, self._h(flow).hex())
            for flow in self._greeting()
        ]

    def _greeting(self) -> "list[_Flow]":
        """The logs of a hello: a store that was restored may lack what another one acknowledged."""
        needed = [f for f in self._flows.values() if f.waiting() or self._is_current(f)]
        kept = [f for f in self._flows.values() if f.oldest <= f.last and f not in needed]
        chosen = [*needed, *reversed(kept)][:MAX_LOGS]
        return [flow for flow in self._flows.values() if flow in chosen]

    def _is_current(self, flow: "_Flow") -> bool:
        return flow is [other for other in self._flows.values() if other.stream == flow.stream][-1]

    def _h(self, flow: _Flow) -> bytes:
        h = self._chain.chain_at(flow.stream, flow.log, flow.last)
        return h if h is not None else bytes(32)

    def spare(self) -> int:
        """Bytes of what is no record that may be handed over now: none while any record waits."""
        settled = self.gateway_here and all(flow.known for flow in self._greeting())
        if not self._up or not settled or any(self.queue().values()):
            return 0
        return self._pace.room()

    def trip_ms(self) -> int:
        """What a message takes there and back at the least, 0 where that is not known."""
        return self._pace.trip_ms()

    # What happened to the link

    def connected(self, up_ms: int) -> None:
        """A broker is there: greet, and hold everything until the gateway has answered."""
        self._up, self._heard = True, False
        self._workers.clear()
        self._pace.forget()
        self._greet_anew(up_ms)

    def disconnected(self) -> None:
        """The link is gone, and with it whatever the MQTT client still held."""
        self._up = self._heard = False
        self._hello_due_ms = None
        for flow in self._flows.values():
            flow.rewind()

    def worker(self, name: str, state: WorkerState, up_ms: int, retained: bool = True) -> None:
        """One of the gateway's workers said how it is; `retained`: some time ago, and the broker kept it."""
        before = self._workers.get(name)
        if before is None and len(self._workers) >= MAX_WORKERS:
            return
        self._workers[name] = state
        if not any(worker.online for worker in self._workers.values()):
            self._heard = False
        elif before is None:
            if self._hello_tries > 1:
                self._greet_anew(up_ms)
            elif self._hello_tries and not retained and not self._heard:
                self._came_back(up_ms)
        elif state.online and (not before.online or before.store != state.store):
            self._came_back(up_ms)

    def _came_back(self, up_ms: int) -> None:
        self._greet_anew(up_ms + int(RETURN_JITTER_MS * self._jitter()))

    def _greet_anew(self, at_ms: int) -> None:
        self._hello_due_ms = at_ms
        self._hello_tries = 0
        for flow in self._flows.values():
            flow.known = False
            flow.asked, flow.strange_ms = True, None
            flow.rewind()

    def hello_due(self, up_ms: int) -> bool:
        """True once each time that a hello should go out now."""
        if not self._up or self._hello_due_ms is None or up_ms < self._hello_due_ms:
            return False
        if all(flow.known for flow in self._greeting()):
            self._hello_tries = 0
            self._hello_due_ms = up_ms + HELLO_EVERY_MS
        else:
            wait_ms = min(RESEND_MAX_MS, HELLO_RETRY_MS * 2**self._hello_tries)
            self._hello_due_ms = up_ms + int(wait_ms * (1 + self._jitter()))
            self._hello_tries = min(self._hello_tries + 1, 8)
        return True

    # What happened in the journal

    def began(self, stream: Stream, log: str) -> None:
        """A new log was begun; it needs no greeting, since its first record says all."""
        head = Head(stream, log, oldest=1, last=0, h=bytes(32))
        self._flows[stream, log] = _Flow(head, known=self._up and self._heard)

    def grew(self, stream: Stream, log: str, last: int) -> None:
        """Records up to `last` stand on the medium."""
        flow = self._flows[stream, log]
        flow.last = max(flow.last, last)

    def shortened(self, stream: Stream, log: str, oldest: int) -> None:
        """What stood below `oldest` is kept no longer."""
        flow = self._flows[stream, log]
        flow.oldest = max(flow.oldest, oldest)
        flow.sent = max(flow.sent, flow.oldest)

    # What became of what was sent

    def dispatched(self, token: int, last: int | None, first: int, size: int, up_ms: int) -> None:
        """A `SendBatch` was done: records `first` to `last`, `size` bytes; `last` None: nothing to send."""
        flow = next((f for f in self._flows.values() if f.asking == token), None)
        if flow is None:
            return
        flow.asking = None
        if last is None:
            flow.sent = flow.last + 1
            return
        if first > flow.sent:
            flow.oldest = first
        flow.sent = last + 1
        flow.in_flight.append(_InFlight(token, first, last))
        self._pace.handed(token, size, up_ms)

    def taken(self, token: int, up_ms: int) -> None:
        """The broker took it: the link has room again. It proves no more than that."""
        self._pace.taken(token, up_ms)
        for flow in self._flows.values():
            for batch in flow.in_flight:
                if batch.token == token:
                    batch.taken_ms = up_ms

    def counted(self, token: int, size: int, up_ms: int) -> None:
        """Another message than a batch was handed over; it takes its share of the link."""
        self._pace.handed(token, size, up_ms)

    def acknowledged(self, stream: Stream, ack: Ack, fresh: bool = True) -> list[Effect]:
        """The gateway has all below `ack.next`, if the chain's value there is ours.

        Where it is not ours, the gateway knows another branch, and ours must go out to become
        known to it: all of it, where it seemed to be known already. An answer about a row that is no
        longer kept can only lower what it has. `fresh`: it was said after the latest greeting; else it
        may be an old one that somebody held back.
        """
        flow = self._flows.get((stream, ack.log[:16]))
        if flow is None:
            return []
        self._heard = flow.known = True
        if ack.next > flow.last + 1:
            return self._ahead(flow) if fresh else []
        h = self._chain.chain_at(stream, flow.log, ack.next - 1)
        if h is None and ack.next > max(flow.oldest, flow.next):
            return []
        if h is not None and h.hex() != ack.h:
            if fresh and flow.asked and ack.next <= flow.next and flow.strange_ms is None:
                flow.strange_ms = 0
            return []
        return self._move(flow, ack, fresh)

    def _ahead(self, flow: _Flow) -> list[Effect]:
        """This card is older than what the gateway has: what comes from now on gets a log of its own."""
        if flow.beyond or not self._is_current(flow):
            return []
        flow.beyond = True
        return [BeginLog(flow.stream)]

    def _move(self, flow: _Flow, ack: Ack, fresh: bool) -> list[Effect]:
        """A lower `next` is an old answer, but for another store's, and for the answer to a greeting:
        a store that was put back from a copy bears the same name, and lacks what came after the copy.
        """
        same_store, asked = flow.store == ack.store, flow.asked
        if not fresh and (not same_store or ack.next < flow.next):
            return []
        flow.asked, flow.strange_ms = False, None
        if same_store and not asked and ack.next < flow.next:
            return []
        moved = ack.next != flow.next or not same_store
        lower = ack.next < flow.next
        flow.next, flow.store = ack.next, ack.store
        while flow.in_flight and flow.in_flight[0].last < flow.next:
            flow.in_flight.popleft()
        if lower:
            flow.rewind()
        flow.sent = max(flow.sent, flow.next, flow.oldest)
        flow.tries = 0 if moved else flow.tries
        if not moved:
            return []
        return [Acknowledge(flow.stream, flow.log, ack.next, ack.store)]

    def refused(self, stream: Stream, up_ms: int) -> None:
        """The gateway would not take a payload of this stream: back off, then try again."""
        for flow in self._flows.values():
            if flow.stream == stream and flow.in_flight:
                self._back_off(flow, up_ms)

    def _back_off(self, flow: _Flow, up_ms: int) -> None:
        wait_ms = min(RESEND_MAX_MS, RESEND_MS * 2**flow.tries)
        flow.hold_until_ms = up_ms + int(wait_ms * self._jitter())
        flow.tries = min(flow.tries + 1, 8)
        flow.rewind()

    # What to do now

    def due(self, up_ms: int) -> list[Effect]:
        """The batches to send now: events before tracks, older logs first, one second of link at most."""
        if not (self._up and self.gateway_here):
            return []
        for flow in self._flows.values():
            self._send_all_if_strange(flow, up_ms)
            self._resend_if_late(flow, up_ms)
        for stream in STREAMS:
            for flow in self._flows.values():
                if flow.stream == stream and flow.may_send(up_ms):
                    return self._ask(flow)
        return []

    def _ask(self, flow: _Flow) -> list[Effect]:
        room = self._pace.room()
        if room < (LEAST_ROOM_BYTES if flow.stream == "track" else 1):
            return []
        flow.asking = self._new_token()
        return [
            SendBatch(
                flow.stream, flow.log, flow.sent, MAX_COUNT, MAX_BATCH_BYTES, room, flow.asking
            )
        ]

    def _send_all_if_strange(self, flow: _Flow, up_ms: int) -> None:
        """The gateway was put back from a copy of before it knew our branch, which now joins nothing there."""
        if flow.strange_ms is None:
            return
        flow.strange_ms = flow.strange_ms or up_ms
        if up_ms - flow.strange_ms >= ANSWERS_MS:
            flow.strange_ms, flow.next = None, min(flow.next, flow.oldest)
            flow.rewind()

    def _resend_if_late(self, flow: _Flow, up_ms: int) -> None:
        if not flow.in_flight:
            return
        taken_ms = flow.in_flight[0].taken_ms
        limit_ms = min(RESEND_MAX_MS, RESEND_MS * 2**flow.tries)
        if taken_ms is not None and up_ms - taken_ms > limit_ms:
            self._back_off(flow, up_ms)
