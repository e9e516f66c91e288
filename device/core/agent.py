"""The unit's mind: takes one event and the time, answers with effects in order. No I/O, no waiting.

Its desks each have one concern. An event goes to every desk that wants to hear of it, in their order;
what is due with time is asked for after every event, so a tick is merely one that brings nothing else.
"""

from itertools import count

from device.core import events as ev
from device.core.calm import Calm
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.downlink import Downlink
from device.core.drive import Drive
from device.core.duties import Duties
from device.core.economy import Economy
from device.core.effects import Arm, Effect, Keep, Light, Sync
from device.core.emergency import SOS_HOLD_MS, Emergency
from device.core.errands import Errands
from device.core.fetch import Fetch
from device.core.hands import Hands
from device.core.health import Health
from device.core.keeping import Keeping
from device.core.moment import Now
from device.core.parts import Parts
from device.core.photos import Photos
from device.core.picture import Picture
from device.core.power import Power
from device.core.present import Present
from device.core.proofs import Proofs
from device.core.renewal import Renewal
from device.core.reports import Reports
from device.core.retirement import Retirement
from device.core.room import Room
from device.core.roster import Roster
from device.core.rounds import Rounds
from device.core.scribe import Scribe
from device.core.station import Identity, Lost, Means, Memory
from device.core.taps import Taps
from device.core.timekeeper import Timekeeper
from device.core.update import Update
from device.core.uplink import Uplink
from device.core.upload import Upload
from device.core.urgent import Urgent
from device.core.welfare import OFF_HOLD_MS, Welfare
from device.link.delivery import Delivery
from wire.orders import UnitConfig
from wire.records import Boot, Config, Dropped, Stream


class Agent:
    """One unit. Only the thread that made it may touch it."""

    def __init__(self, identity: Identity, memory: Memory, means: Means) -> None:
        self._id = identity
        self._tokens = count(1)
        clock, economy = ClockKeeper(means.floor_ms), Economy()
        self._picture = picture = Picture(
            identity.unit, identity.role, identity.boot, identity.version, economy
        )
        self._scribe = scribe = Scribe(identity.boot, clock, picture)
        delivery = Delivery(memory.heads, memory.chain, means.jitter, self._token)
        timekeeper = Timekeeper(identity, clock, scribe, picture, means.feed_clock)
        urgent = Urgent(picture, delivery)
        self._drive = drive = Drive(identity.role, clock, scribe, list(memory.open_fixes), economy)
        self._downlink = downlink = Downlink(
            identity.unit, scribe, picture, delivery, timekeeper, urgent, means
        )
        self._proofs = proofs = Proofs(means.cards)
        roster = Roster(proofs, picture)
        emergency = Emergency(scribe, picture, urgent, roster)
        welfare = Welfare(identity.boot, scribe, picture, urgent, roster)
        self._keeping = Keeping(clock, scribe, picture, delivery)
        verifier, token = means.verifier, self._token
        share = means.photo_share
        upload = Upload(
            identity.unit,
            verifier,
            lambda: downlink.nonce,
            clock,
            picture,
            delivery,
            token,
            economy,
            share,
        )
        slots = means.slots
        picture.machine = slots.machine if slots else None
        fetch = Fetch(
            identity.unit, picture, delivery, economy, token, slots.share if slots else 1.0
        )
        errands = Errands(identity.boot, scribe, picture, urgent, drive, delivery)
        calm = Calm(slots, picture, urgent, delivery)
        self._health = health = Health(means.budgets, clock, scribe, picture, economy)
        duties = Duties(identity.boot, scribe, roster)
        taps = Taps(
            identity, scribe, clock, picture, roster, proofs, duties, lambda: not delivery.online
        )
        self._uplink = uplink = Uplink(
            identity, clock, picture, drive, urgent, downlink, delivery, token
        )
        self._desks: tuple[Desk, ...] = (
            roster,
            Parts(scribe, picture),
            health,
            self._keeping,
            Room(scribe, picture),
            urgent,
            timekeeper,
            drive,
            Rounds(identity.role, clock, scribe, picture),
            taps,
            duties,
            emergency,
            welfare,
            Hands(
                pressed={
                    "sos": [welfare.sign_of_life],
                    "ack": [downlink.acknowledge_order, welfare.sign_of_life],
                },
                held={
                    ("sos", SOS_HOLD_MS): emergency.sos,
                    ("ack", OFF_HOLD_MS): welfare.off,
                },
            ),
            Power(means.ignition, scribe, picture, drive, delivery),
            errands,
            Retirement(
                scribe,
                picture,
                urgent,
                drive,
                lambda: upload.waits or any(delivery.queue().values()),
            ),
            Reports(identity.unit, means, scribe, picture, urgent, delivery, token),
            downlink,
            uplink,
            Renewal(identity.unit, means, timekeeper, picture, delivery, token),
            fetch,
            Update(identity, slots, scribe, picture, urgent, calm, fetch, errands.start_anew),
            Photos(means.camera, scribe, clock, picture, urgent, upload),
            upload,
        )
        self._handlers = _table(self._desks)
        self._recall(memory)

    def _token(self) -> int:
        return next(self._tokens)

    def _recall(self, memory: Memory) -> None:
        if memory.config:
            self._apply(memory.config.config)
            self._picture.config = memory.config.version
        for desk in self._desks:
            desk.recall(memory)

    def _apply(self, config: UnitConfig) -> None:
        for desk in self._desks:
            desk.configure(config)

    # The three calls of the runner

    def start(self, memory: Memory, now: Now) -> list[Effect]:
        """What a unit writes down first: that it started, and what the journal lost before."""
        logs: dict[Stream, str] = {head.stream: head.log for head in memory.heads}
        boot = self._scribe.write(
            Boot,
            now.up_ms,
            version=self._id.version,
            role=self._id.role,
            last_stop=memory.last_stop,
            logs=logs,
        )
        effects: list[Effect] = [Arm(self._proofs.keys), Keep(boot)]
        for span in memory.lost:
            effects += self._keeping.lost(span, now)
        effects += self._keeping.damaged(memory.notes.damaged, now)
        return effects + self._drive.recover(memory.open_boot or self._id.boot, now.up_ms)

    def handle(self, event: ev.Event, now: Now) -> list[Effect]:
        """What `event` leads to, and what is due by now."""
        effects: list[Effect] = []
        for handler in self._handlers.get(type(event), ()):
            effects += handler(event, now)
        if isinstance(event, ev.Saved):
            effects += self._configured(event, now)
        for desk in self._desks:
            effects += desk.due(now)
        return effects

    def declaration(self, span: Lost, now: Now) -> Dropped:
        """The record with which the journal takes rows out of the way that cannot be read any more."""
        return self._keeping.declaration(span, now)

    def stop(self, now: Now) -> list[Effect]:
        """A clean end: nothing kept stays off the medium."""
        return [*self._drive.close(now.up_ms), Sync(), *self._health.close()]

    def farewell(self) -> bytes:
        """What the retained state says of a unit that stopped in good order."""
        return self._picture.will(self._picture.conn)

    def present(self, now: Now) -> Present:
        """How the unit is, for whoever looks at the box."""
        return self._uplink.present(now)

    def will(self, conn: int) -> bytes:
        """The last will for connection `conn`."""
        return self._picture.will(conn)

    def _configured(self, saved: ev.Saved, now: Now) -> list[Effect]:
        config = self._downlink.saved() if saved.name == "config" else None
        if config is None:
            return []
        self._apply(config)
        applied = self._scribe.write(
            Config, now.up_ms, version=self._picture.config, outcome="applied"
        )
        return [Arm(self._proofs.keys), Keep(applied), Light(self._picture.troubled)]


def _table(desks: tuple[Desk, ...]) -> dict[type, list[Handler]]:
    table: dict[type, list[Handler]] = {}
    for desk in desks:
        for kind, handler in desk.handlers().items():
            table.setdefault(kind, []).append(handler)
    return table
