"""The unit's mind: takes one event and the time, answers with effects in order. No I/O, no waiting.

Each kind of event has one handler, in the table `_handlers`; what is due with time is asked for
after every event, so that a tick is merely an event that brings nothing else.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from device.core import events as ev
from device.core.buttons import Buttons
from device.core.clock import Anchor, ClockKeeper
from device.core.downlink import Downlink
from device.core.drive import Drive
from device.core.effects import (
    Effect,
    Keep,
    Light,
    Prune,
    Publish,
    Signal,
    Sync,
)
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Identity, Means, Memory
from device.core.taps import Taps
from device.link.delivery import Delivery
from wire import topics
from wire.orders import UnitConfig
from wire.records import Alarm, Boot, Clock, Config, Dropped, StopReason, Stream

PRUNE_EVERY_MS = 600_000
HEALTHY = ("ok", "no fix")
"""Words of a part that are no reason for an alarm."""


class Agent:
    """One unit. Only the thread that made it may touch it."""

    def __init__(self, identity: Identity, memory: Memory, means: Means) -> None:
        self._id = identity
        self._tokens = count(1)
        self._clock = ClockKeeper(means.floor_ms)
        self._picture = Picture(identity.unit, identity.role, identity.boot, identity.version)
        self._picture.crew = list(memory.crew)
        self._scribe = Scribe(identity.boot, self._clock, self._picture)
        self._delivery = Delivery(memory.heads, memory.chain, means.jitter, self._token)
        self._drive = Drive(self._clock, self._scribe, list(memory.open_fixes))
        self._taps = Taps(identity.role, self._scribe, self._clock, self._picture)
        self._buttons = Buttons()
        self._downlink = Downlink(identity.unit, self._scribe, self._picture, self._delivery, means)
        self._config = UnitConfig()
        self._track_tail: tuple[str, int] | None = None
        self._state_token: int | None = None
        self._pruned_ms: int | None = None
        self._storage_failing_since: ev.KeepFailed | None = None
        self._recall(memory)
        self._handlers: dict[type, Callable[[Any, Now], list[Effect]]] = {
            ev.Fix: self._fix,
            ev.CardShown: self._card,
            ev.PartSpoke: self._part,
            ev.ButtonMoved: self._button,
            ev.TimeHeard: self._time,
            ev.LinkUp: self._link_up,
            ev.LinkDown: self._link_down,
            ev.Heard: self._heard,
            ev.Handed: self._handed,
            ev.Kept: self._kept,
            ev.Dispatched: self._dispatched,
            ev.Synced: self._synced,
            ev.KeepFailed: self._keep_failed,
            ev.Saved: self._saved,
            ev.LogBegan: self._log_began,
            ev.Rotted: self._rotted,
            ev.Measured: self._measured,
            ev.Tick: self._tick,
        }

    def _token(self) -> int:
        return next(self._tokens)

    def _recall(self, memory: Memory) -> None:
        if memory.config:
            self._apply(memory.config.config)
            self._picture.config = memory.config.version
        for checkin in memory.recent:
            if checkin.boot == self._id.boot:
                self._taps.recall(checkin)

    def _apply(self, config: UnitConfig) -> None:
        self._config = config
        self._taps.configure(config)
        self._drive.sampling = config.sampling

    # The three calls of the runner

    def start(self, memory: Memory, now: Now) -> list[Effect]:
        """What a unit writes down first: that it started, and what the journal lost before."""
        logs: dict[Stream, str] = {head.stream: head.log for head in memory.heads}
        effects: list[Effect] = [Keep(self._boot(memory.last_stop, logs, now))]
        for lost in memory.lost:
            effects += self._lost(lost.stream, lost.log, lost.first, lost.last, lost.h_last, now)
        return effects + self._drive.recover(memory.open_boot or self._id.boot, now.up_ms)

    def _boot(self, last_stop: StopReason, logs: dict[Stream, str], now: Now) -> Boot:
        return self._scribe.write(
            Boot,
            now.up_ms,
            version=self._id.version,
            role=self._id.role,
            last_stop=last_stop,
            logs=logs,
        )

    def handle(self, event: ev.Event, now: Now) -> list[Effect]:
        """What `event` leads to, and what is due by now."""
        return self._handlers[type(event)](event, now) + self._due(now)

    def stop(self, now: Now) -> list[Effect]:
        """A clean end: nothing kept stays off the medium."""
        return [*self._drive.close(now.up_ms), Sync()]

    def will(self, conn: int) -> bytes:
        """The last will for connection `conn`."""
        return self._picture.will(conn)

    # Parts

    def _fix(self, fix: ev.Fix, now: Now) -> list[Effect]:
        del now
        self._picture.saw(fix)
        anchor = self._drive.anchor(fix)
        effects = self._learn(anchor) if anchor else []
        return effects + (self._drive.saw(fix) if self._id.role == "vehicle" else [])

    def _card(self, card: ev.CardShown, now: Now) -> list[Effect]:
        del now
        return self._taps.shown(card)

    def _part(self, spoke: ev.PartSpoke, now: Now) -> list[Effect]:
        broken = spoke.word not in HEALTHY
        line = f"{spoke.part} {spoke.word}" if broken else None
        self._picture.part(spoke.part, spoke.word)
        if not self._picture.alarm(f"part {spoke.part}", line):
            return []
        alarm = self._scribe.write(
            Alarm, now.up_ms, alarm="part", what=spoke.word[:500], part=spoke.part, active=broken
        )
        return [Keep(alarm), self._light()]

    def _button(self, moved: ev.ButtonMoved, now: Now) -> list[Effect]:
        del now
        pressed = self._buttons.moved(moved.name, moved.pressed, moved.up_ms)
        return self._downlink.acknowledge_order(moved.up_ms) if pressed == "ack" else []

    def _sos(self, now: Now) -> list[Effect]:
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="sos", what="SOS button", part=None)
        self._picture.urgent(alarm)
        self._picture.alarm("sos", "SOS")
        return [Keep(alarm), Signal("sos_sent")]

    def _measured(self, measured: ev.Measured, now: Now) -> list[Effect]:
        del now
        self._picture.measured(measured)
        return []

    def _light(self) -> Light:
        return Light(bool(self._picture.alarms))

    # Time

    def _time(self, heard: ev.TimeHeard, now: Now) -> list[Effect]:
        del now
        return self._learn(Anchor(heard.up_ms, heard.utc_ms, heard.source, heard.err_ms))

    def _learn(self, anchor: Anchor) -> list[Effect]:
        if not self._clock.learn(anchor) or anchor.err_ms is None:
            return []
        return [
            Keep(
                self._scribe.write(
                    Clock,
                    anchor.up_ms,
                    utc_ms=anchor.utc_ms,
                    source=anchor.source,
                    err_ms=anchor.err_ms,
                )
            )
        ]

    # Link

    def _link_up(self, up: ev.LinkUp, now: Now) -> list[Effect]:
        self._picture.connected(up.conn, up.broker)
        self._state_token = None
        self._delivery.connected(now.up_ms)
        return []

    def _link_down(self, down: ev.LinkDown, now: Now) -> list[Effect]:
        del down, now
        self._delivery.disconnected()
        return []

    def _heard(self, heard: ev.Heard, now: Now) -> list[Effect]:
        trusted = msgspec.structs.replace(now, wall_ms=self._utc_ms(now))
        effects = self._downlink.heard(heard.topic, heard.payload, heard.retained, trusted)
        anchor = self._downlink.heard_time
        return effects + (self._learn(anchor) if anchor else [])

    def _utc_ms(self, now: Now) -> int:
        at_ms = self._clock.stamp(now.up_ms).at_ms
        return now.wall_ms if at_ms is None else at_ms

    def _handed(self, handed: ev.Handed, now: Now) -> list[Effect]:
        self._delivery.taken(handed.token, now.up_ms)
        if handed.token == self._state_token:
            self._state_token = None
        return []

    def _dispatched(self, sent: ev.Dispatched, now: Now) -> list[Effect]:
        self._delivery.dispatched(sent.token, sent.last, sent.first, sent.size, now.up_ms)
        return []

    # Journal

    def _kept(self, kept: ev.Kept, now: Now) -> list[Effect]:
        if kept.durable:
            self._delivery.grew(kept.stream, kept.log, kept.seq)
            self._on_medium()
        else:
            self._track_tail = (kept.log, kept.seq)
        return self._storage_works(now)

    def _on_medium(self) -> None:
        self._drive.synced()
        if self._track_tail:
            self._delivery.grew("track", *self._track_tail)
            self._track_tail = None

    def _storage_works(self, now: Now) -> list[Effect]:
        failed, self._storage_failing_since = self._storage_failing_since, None
        if failed is None:
            return []
        self._picture.alarm("storage", None)
        what = f"was failing: {failed.why}"[:500]
        over = self._scribe.write(
            Alarm, now.up_ms, alarm="storage", what=what, part="journal", active=False
        )
        return [Keep(over), self._light()]

    def _synced(self, synced: ev.Synced, now: Now) -> list[Effect]:
        del synced, now
        self._on_medium()
        return []

    def _keep_failed(self, failed: ev.KeepFailed, now: Now) -> list[Effect]:
        del now
        self._taps.forget(failed.record)
        self._storage_failing_since = failed
        self._picture.alarm("storage", failed.why)
        return [Signal("storage_failing"), Light(True)]

    def _saved(self, saved: ev.Saved, now: Now) -> list[Effect]:
        config = self._downlink.saved() if saved.name == "config" else None
        if config is None:
            return []
        self._apply(config)
        applied = self._scribe.write(
            Config, now.up_ms, version=self._picture.config, outcome="applied"
        )
        return [Keep(applied), self._light()]

    def _log_began(self, began: ev.LogBegan, now: Now) -> list[Effect]:
        self._on_medium()
        self._delivery.began(began.stream, began.log)
        what = f"a new {began.stream} log {began.log} was begun"
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="storage", what=what, part="journal")
        return [Keep(alarm)]

    def _rotted(self, rotted: ev.Rotted, now: Now) -> list[Effect]:
        return self._lost(rotted.stream, rotted.log, rotted.first, rotted.last, rotted.h_last, now)

    def _lost(
        self, stream: str, log: str, first: int, last: int, h_last: bytes | None, now: Now
    ) -> list[Effect]:
        dropped = self._scribe.write(
            Dropped,
            now.up_ms,
            stream=stream,
            log=log,
            first=first,
            last=last,
            h_last=h_last.hex() if h_last else None,
            why="unreadable in the journal",
        )
        self._picture.alarm(f"lost {log}", f"journal: records {first} to {last} are unreadable")
        return [Keep(dropped), Light(True)]

    # What time brings

    def _tick(self, tick: ev.Tick, now: Now) -> list[Effect]:
        del tick
        return self._sos(now) if self._buttons.held("sos", now.up_ms) else []

    def _due(self, now: Now) -> list[Effect]:
        effects = self._drive.due(now.up_ms)
        if self._delivery.link_up:
            effects += self._live(now)
        effects += self._delivery.due(now.up_ms)
        if self._pruned_ms is None or now.up_ms - self._pruned_ms >= PRUNE_EVERY_MS:
            self._pruned_ms = now.up_ms
            effects.append(Prune(self._clock.stamp(now.up_ms).at_ms, self._config.keep_days))
        return effects

    def _live(self, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        if self._state_token is None and self._picture.state_due(now.up_ms):
            effects.append(self._state(now))
        if self._delivery.hello_due(now.up_ms):
            effects.append(self._downlink.hello(self._id.boot, self._token()))
        if self._picture.pos_due(now.up_ms, self._drive.moving):
            pos = self._picture.pos(now.up_ms, self._clock.stamp(now.up_ms).at_ms)
            payload = msgspec.json.encode(pos)
            effects.append(Publish(topics.pos(self._id.unit), payload, 0, False, self._token()))
        return effects

    def _state(self, now: Now) -> Publish:
        stamp = self._clock.stamp(now.up_ms)
        queue = self._delivery.queue()
        state = self._picture.state(now.up_ms, stamp.at_ms, stamp.clock, queue)
        self._state_token = self._token()
        payload = msgspec.json.encode(state)
        self._delivery.counted(self._state_token, len(payload), now.up_ms)
        return Publish(topics.state(self._id.unit), payload, 1, True, self._state_token)
