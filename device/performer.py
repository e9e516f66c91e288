"""Does what the agent wants done: journal, panel, link. Decides nothing but what a fault means."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, get_args

import msgspec
from msgspec.structs import replace

from device.chrony import ChronyFeed
from device.core import effects as ef
from device.core import events as ev
from device.core.station import Lost
from device.journal.errors import JournalCorrupt, JournalError, RottenRow
from device.journal.inspect import all_logs
from device.journal.journal import Journal
from device.journal.logs import Slice
from device.next_papers import NextPapers
from device.parts import Display
from device.room import MIB, Limits, make_room
from device.update.hands import UpdateHands
from wire import topics
from wire.batch import encode_batch, encode_record
from wire.cards.ring import KeyRing
from wire.chain import Signer, signed_text, walk
from wire.records import Checkin, Crew, Dropped, Duty, Record, Stream, Track
from wire.words import Fault

OWED = 1_440
"""Records kept in memory while the journal takes none: a day of track segments."""

TIED = (ef.Signal, ef.Save, ef.Light)
"""What follows a record because of it, and must not happen when the record was not kept."""

AMPLE = Limits(1024 * MIB, 200 * MIB)

log = logging.getLogger("xunkong.device")


def _told_no(record: Record) -> bool:
    """A tap that was not kept is not owed: its officer heard so. Nobody hears of one by passing."""
    if isinstance(record, Checkin):
        return record.method != "geofence"
    return isinstance(record, Crew | Duty)


class Outlet(Protocol):
    """Where messages leave, as `device.link.mqtt.MqttLink` has it."""

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, token: int) -> bool:
        """Hands a message over; False if it could not."""

    def hurry(self) -> None:
        """Something waits to be sent."""


class Performer:
    """One run's hands. `perform` gives back what the agent must hear of it at once."""

    def __init__(
        self,
        unit: str,
        journal: Journal,
        panel: Display,
        link: Outlet,
        signer: Signer,
        put: Callable[[ev.Event], None],
        power_off: Callable[[bool], None],
        declare: Callable[[Lost], Dropped],
        photos: Callable[[ef.PhotoEffect], None] = lambda effect: None,
        feed: ChronyFeed | None = None,
        arm: Callable[[KeyRing], None] = lambda keys: None,
        papers: NextPapers | None = None,
        limits: Limits = AMPLE,
        updates: UpdateHands | None = None,
        start_anew: Callable[[], None] = lambda: None,
        wipe: Callable[[], None] = lambda: None,
        report: Callable[[ef.MakeReport], None] = lambda effect: None,
    ) -> None:
        self._limits, self._declare = limits, declare
        self._unit, self._journal, self._panel, self._link = unit, journal, panel, link
        self._signer, self._put, self._feed = signer, put, feed
        self._papers, self._updates, self._wipe = papers, updates, wipe
        self._owed: deque[Record] = deque(maxlen=OWED)
        self._told: list[ev.Event] = []
        self._said = ""
        self._table: dict[type, Callable[[Any], None]] = {
            ef.Keep: self._keep,
            ef.Signal: lambda effect: self._panel.signal(effect.pattern),
            ef.Light: lambda effect: self._panel.trouble(effect.trouble),
            ef.KeepFix: lambda effect: self._journal.keep_fix(msgspec.json.encode(effect.fix)),
            ef.CloseSegment: self._close_segment,
            ef.Sync: self._sync,
            ef.Publish: self._publish,
            ef.SendBatch: self._send,
            ef.Acknowledge: self._acknowledge,
            ef.Prune: self._prune,
            ef.MakeRoom: self._make_room,
            ef.BeginLog: self._begin_log,
            ef.Save: self._save,
            ef.PowerOff: lambda effect: power_off(effect.again),
            ef.FeedClock: self._feed_clock,
            ef.Arm: lambda effect: arm(effect.keys),
            ef.AskForPapers: self._ask_for_papers,
            ef.LayPapers: self._lay_papers,
            ef.StartAnew: lambda effect: start_anew(),
            ef.Wipe: self._retire,
            ef.MakeReport: report,
            ef.LookForRelease: self._look_for_release,
            ef.KeepPiece: self._keep_piece,
            ef.AskUpdater: self._ask_updater,
            **dict.fromkeys(get_args(ef.PhotoEffect), photos),
        }

    def perform(self, effects: Sequence[ef.Effect]) -> list[ev.Event]:
        """Performs `effects` in order. Raises `JournalCorrupt`: the journal must be opened anew."""
        self._told = []
        failed = False
        for effect in effects:
            if failed and isinstance(effect, TIED):
                continue
            failed = not self._try(effect)
        return self._told

    def _try(self, effect: ef.Effect) -> bool:
        try:
            self._table[type(effect)](effect)
        except JournalCorrupt:
            raise
        except JournalError as exc:
            self._failed(effect, exc)
            return False
        return True

    def _failed(self, effect: ef.Effect, exc: JournalError) -> None:
        self._say(exc)
        record = effect.record if isinstance(effect, ef.Keep | ef.CloseSegment) else None
        if record is not None and not _told_no(record):
            self._owed.append(record)
        self._told.append(ev.KeepFailed(record, str(exc)))

    def _say(self, exc: JournalError) -> None:
        """One line per fault, not one per record: a log must not fill the card that is full."""
        if str(exc) != self._said:
            self._said = str(exc)
            log.error("%s", exc)

    # Journal

    def _keep(self, effect: ef.Keep) -> None:
        self._pay()
        self._told.append(self._append("event", effect.record))
        self._link.hurry()

    def _close_segment(self, effect: ef.CloseSegment) -> None:
        self._pay()
        entry = self._journal.append_segment(encode_record(effect.record))
        self._told.append(
            ev.Kept("track", entry.log, entry.seq, durable=False, record=effect.record)
        )

    def settle(self) -> list[ev.Event]:
        """Appends what could not be kept before, if the journal takes it now."""
        self._told = []
        try:
            self._pay()
        except JournalCorrupt:
            raise
        except JournalError as exc:
            self._say(exc)
        return self._told

    def _pay(self) -> None:
        """An owed segment leaves the open fixes alone: they may hold newer ones."""
        while self._owed:
            owed = self._owed[0]
            self._told.append(self._append("track" if isinstance(owed, Track) else "event", owed))
            self._owed.popleft()

    def _append(self, stream: Stream, record: Record) -> ev.Kept:
        entry = self._journal.append(stream, encode_record(record))
        return ev.Kept(entry.stream, entry.log, entry.seq, stream == "event", record)

    def _sync(self, effect: ef.Sync) -> None:
        del effect
        self._journal.sync()
        current = self._journal.logs("track")[-1]
        self._told.append(ev.Synced(current.log, current.last))

    def _prune(self, effect: ef.Prune) -> None:
        before = self._oldest()
        self._journal.prune(effect.utc_ms, effect.keep_days)
        for (stream, log_name), oldest in self._oldest().items():
            if oldest > before[stream, log_name]:
                self._told.append(ev.Shortened(stream, log_name, oldest))

    def _oldest(self) -> dict[tuple[Stream, str], int]:
        return {(one.stream, one.log): one.oldest for one in all_logs(self._journal)}

    def _make_room(self, effect: ef.MakeRoom) -> None:
        try:
            made = make_room(self._journal, self._limits, effect.head)
        except RottenRow as exc:
            self._set_rotten_aside(exc)
            self._told.append(ev.RoomMade("nothing", more=True))
            return
        for entry, record in made.appended:
            self._told.append(ev.Kept(entry.stream, entry.log, entry.seq, True, record))
        if made.oldest:
            self._told.append(ev.Shortened(made.stream, made.log, made.oldest))
        self._told.append(ev.RoomMade(made.how, made.more))

    def _save(self, effect: ef.Save) -> None:
        self._journal.put_setting(effect.name, effect.value)
        self._told.append(ev.Saved(effect.name))

    def _acknowledge(self, effect: ef.Acknowledge) -> None:
        self._journal.acknowledge(effect.stream, effect.log, effect.next, effect.store)

    def _begin_log(self, effect: ef.BeginLog) -> None:
        self._told.append(ev.LogBegan(effect.stream, self._journal.new_log(effect.stream)))

    def _feed_clock(self, effect: ef.FeedClock) -> None:
        if self._feed:
            self._feed.send(effect.wall_ms, effect.off_ms)

    # Updates

    def _look_for_release(self, effect: ef.LookForRelease) -> None:
        if self._updates:
            self._told.append(self._updates.held(effect.sha256))

    def _keep_piece(self, effect: ef.KeepPiece) -> None:
        if self._updates:
            self._told.append(self._updates.add(effect))

    def _ask_updater(self, effect: ef.AskUpdater) -> None:
        if self._updates:
            self._updates.ask(effect.wish)

    # Papers

    def _ask_for_papers(self, effect: ef.AskForPapers) -> None:
        del effect
        if self._papers is None:
            return
        try:
            self._told.append(ev.RequestMade(self._papers.request()))
        except Fault as exc:
            self._told.append(ev.PapersLaid(str(exc)))

    def _retire(self, effect: ef.Wipe) -> None:
        del effect
        try:
            self._wipe()
        except Fault as exc:
            log.error("%s", exc)
            self._told.append(ev.Wiped(str(exc)))
        else:
            self._told.append(ev.Wiped())

    def _lay_papers(self, effect: ef.LayPapers) -> None:
        if self._papers is None:
            return
        try:
            self._papers.take(effect.text)
        except Fault as exc:
            self._told.append(ev.PapersLaid(str(exc)))
        else:
            self._told.append(ev.PapersLaid(None))

    # Link

    def _publish(self, effect: ef.Publish) -> None:
        self._link.publish(effect.topic, effect.payload, effect.qos, effect.retain, effect.token)

    def _send(self, effect: ef.SendBatch) -> None:
        found = self._read(effect)
        if found is None:
            self._put(ev.Dispatched(effect.token, effect.first, None, 0))
            return
        found, payload = self._fitting(found, effect.room_bytes)
        topic = topics.log(self._unit, found.stream)
        if self._link.publish(topic, payload, 1, False, effect.token):
            last = found.first + len(found.raws) - 1
            self._put(ev.Dispatched(effect.token, found.first, last, len(payload)))

    def _fitting(self, found: Slice, room_bytes: int) -> tuple[Slice, bytes]:
        """The batch of as many of the records as fit, but one at least: size is known once compressed."""
        payload = self._batch(found)
        while len(payload) > room_bytes and len(found.raws) > 1:
            count = len(found.raws) * room_bytes // len(payload)
            count = max(1, min(count, len(found.raws) - 1))
            found = replace(found, raws=found.raws[:count])
            payload = self._batch(found)
        return found, payload

    def _batch(self, found: Slice) -> bytes:
        h_last = walk(found.prev, found.raws)[-1]
        text = signed_text(
            self._unit,
            found.stream,
            found.log,
            found.first,
            found.prev,
            len(found.raws),
            h_last,
        )
        signature = (self._signer.kid, self._signer.sign(text))
        return encode_batch(found.log, found.first, found.prev, found.raws, signature)

    def _read(self, effect: ef.SendBatch) -> Slice | None:
        """What is to be sent; rows that have rotted are taken out of the way, and told of."""
        while True:
            try:
                return self._journal.read(
                    effect.stream,
                    effect.log,
                    effect.first,
                    max_count=effect.max_count,
                    max_bytes=effect.max_bytes,
                )
            except RottenRow as exc:
                self._set_rotten_aside(exc)

    def _set_rotten_aside(self, row: RottenRow) -> None:
        log.error("%s; it is set aside, and declared as dropped", row)
        stream, seq = row.stream, row.seq
        h_last = self._journal.chain_at(stream, row.log, seq)
        span = Lost(stream, row.log, seq, seq, h_last)
        dropped = self._declare(span)
        entry, begun = self._journal.seal_rotten(stream, row.log, seq, encode_record(dropped))
        if begun:
            self._told.append(ev.LogBegan(stream, begun))
        self._told.append(ev.Kept(entry.stream, entry.log, entry.seq, True, dropped))
        self._told.append(ev.Rotted(span.stream, span.log, span.first, span.last, h_last))
