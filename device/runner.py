"""The loop: an event from the inbox, the core's word on it, the effects done; one thread, no waiting.

Threads of a unit: this one owns agent and journal; the parts' (GPS, NFC, panel, gpiozero) and
paho's only put events into the inbox.
"""

import logging
import random
import secrets
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from device import bulletin, system
from device.bulletin import Bulletin
from device.cards import CardCiphers
from device.chrony import ChronyFeed
from device.config import DeviceConfig, identity_folder, journal_path
from device.core import events as ev
from device.core.agent import Agent
from device.core.clock import BUILT_MS
from device.core.downlink import GATEWAY_CERT
from device.core.economy import Plan
from device.core.effects import Effect
from device.core.moment import Now
from device.core.station import Budgets, Identity, Ignition, Means, Memory
from device.inbox import Inbox
from device.journal.errors import JournalCorrupt, JournalError
from device.journal.journal import Journal, nothing
from device.link.mqtt import MqttLink
from device.memory import begin_run, end_run, recall
from device.news import News
from device.next_papers import NextPapers
from device.own_key import key_path
from device.papers import Papers
from device.parts import Parts
from device.performer import Performer
from device.reporter import Reporter
from device.retired import wipe
from device.trust import GatewayTrust
from device.update.hands import UpdateHands
from wire import topics
from wire.service import Service
from wire.words import Words

TICK_S = 0.25
CLOCK_S = 10.0
REOPEN_S = 5.0
REOPEN_PAUSE_S = 0.5
SLOTS_S = 1.0
POWER_OFF_S = 30
MISSED = 256
SALVAGE_S = 900.0
"""What reading a whole damaged journal may take on a slow card: meanwhile nobody asks for signs of life."""

log = logging.getLogger("xunkong.device")


class Runner:
    """One unit's process. `reached` is called at the journal's named points; `service` is told how it goes, and
    `board` shows it."""

    def __init__(
        self,
        config: DeviceConfig,
        path: Path,
        version: str,
        reached: Callable[[str], None] = nothing,
        service: Service | None = None,
        board: Bulletin | None = None,
    ) -> None:
        self._service, self._board = service or Service({}), board or Bulletin(None)
        self._config, self._reached = config, reached
        self._journal_path = journal_path(path, config)
        self._identity = Identity(config.unit.id, config.unit.role, system.boot_id(), version)
        self._inbox = Inbox()
        self._papers = Papers(config.unit.id, identity_folder(path, config))
        self._parts = Parts(config, path.parent, self._inbox.put, reached)
        self._reporter = Reporter(path, config, self._inbox.put)
        self._updates = UpdateHands.of_this(config.update)
        self._spoken = Spoken()
        self._last_act: Sequence[str] | None = None

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set, or the ignition is off. A damaged journal is set aside meanwhile."""
        unit = self._config.unit
        log.info("unit %s (%s), journal %s", unit.id, unit.role, self._journal_path)
        self._parts.start()
        suspect = False
        try:
            while not stop.is_set():
                journal = self._open(suspect, stop)
                if journal:
                    suspect = self._serve(journal, stop)
        finally:
            self._service.stopping()
            self._parts.stop()
        if self._last_act:
            _leave_machine(self._last_act)

    def _open(self, suspect: bool, stop: threading.Event) -> Journal | None:
        """The journal; while it cannot be opened the panel says so, and no tap is taken."""
        while not stop.is_set():
            self._service.patient(SALVAGE_S)
            try:
                return Journal.open(self._journal_path, suspect=suspect, reached=self._reached)
            except JournalError as exc:
                suspect = suspect or isinstance(exc, JournalCorrupt)
                log.error("%s; tried again in %.0f s", exc, REOPEN_S)
                self._service.patient()
                self._service.says(
                    Words(f"不接受打卡：{exc.words.zh}", f"takes no tap: {exc.words.en}")
                )
                self._refuse_taps(REOPEN_S)
        return None

    def _refuse_taps(self, for_s: float) -> None:
        self._parts.panel.trouble(True)
        self._parts.panel.signal("storage_failing")
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0:
            self._service.alive()
            event = self._inbox.take(min(left_s, TICK_S))
            self._spoken.note(event)
            self._spoken.miss(event)
            if isinstance(event, ev.CardShown):
                self._parts.panel.signal("storage_failing")

    def _leave(self, stop: threading.Event, again: bool) -> None:
        power = self._config.power
        self._last_act = self._config.unit.reboot if again else power.off if power else None
        stop.set()

    def _serve(self, journal: Journal, stop: threading.Event) -> bool:
        """Works on `journal` until `stop`; True when it was found damaged and must be opened anew."""
        try:
            leave = Leave(partial(self._leave, stop), stop.set)
            shift = _Run(
                self._config,
                self._identity,
                self._papers,
                journal,
                self._parts,
                self._inbox,
                leave,
                self._service,
                self._updates,
                self._board,
                self._reporter,
            )
            shift.work(stop, self._spoken)
        except JournalCorrupt as exc:
            log.error("%s", exc)
            self._parts.panel.signal("storage_failing")
            stop.wait(REOPEN_PAUSE_S)
            return True
        finally:
            _close(journal)
        return False


def _leave_machine(command: Sequence[str]) -> None:
    log.warning("leaving: %s", " ".join(command))
    try:
        subprocess.run(command, check=True, timeout=POWER_OFF_S)
    except (OSError, subprocess.SubprocessError) as exc:
        log.error("%s; allow it to this user, or set [power] off and [unit] reboot", exc)


def _close(journal: Journal) -> None:
    try:
        journal.close()
    except JournalError as exc:
        log.error("%s", exc)


class Spoken:
    """What an agent that never heard it must be told: each part's last word, as a part says it once, and what
    hands did while there was no journal and so no agent. Nobody who calls for help is passed over."""

    def __init__(self) -> None:
        self._words: dict[str, ev.PartSpoke] = {}
        self._hands: deque[ev.ButtonMoved] = deque(maxlen=MISSED)

    def note(self, event: ev.Event | None) -> None:
        """Remembers `event` where it is a part's word."""
        if isinstance(event, ev.PartSpoke):
            self._words[event.part] = event

    def miss(self, event: ev.Event | None) -> None:
        """Nobody heard `event`."""
        if isinstance(event, ev.ButtonMoved):
            self._hands.append(event)

    def words(self) -> list[ev.PartSpoke]:
        """What is to be said again."""
        return list(self._words.values())

    def hands(self) -> list[ev.ButtonMoved]:
        """What hands did meanwhile, once."""
        missed = list(self._hands)
        self._hands.clear()
        return missed


class Leave(NamedTuple):
    """How a run ends: with the machine (True: it starts again), or the process alone."""

    machine: Callable[[bool], None]
    process: Callable[[], None]


class _Run:
    """From an opened journal to its closing: one agent, one link."""

    def __init__(
        self,
        config: DeviceConfig,
        identity: Identity,
        papers: Papers,
        journal: Journal,
        parts: Parts,
        inbox: Inbox,
        leave: "Leave",
        service: Service,
        updates: UpdateHands | None,
        board: Bulletin,
        reporter: Reporter,
    ) -> None:
        self._service, self._board = service, board
        self._journal, self._inbox, self._boot = journal, inbox, identity.boot
        self._unit = config.unit.id
        self._memory = recall(journal, begin_run(journal, identity.boot))
        _lift_system_clock(config, self._memory)
        socket = config.clock.chrony_socket
        self._feed = ChronyFeed(Path(socket)) if socket else None
        self._agent = Agent(
            identity, self._memory, _means(config, papers, journal.path, self._memory, updates)
        )
        self._link = MqttLink(
            config.unit.id, config.brokers(), inbox.put, self._agent.will, random.random, papers
        )
        self._performer = Performer(
            config.unit.id,
            journal,
            parts.panel,
            self._link,
            papers,
            inbox.put,
            leave.machine,
            lambda span: self._agent.declaration(span, system.now()),
            parts.photo,
            feed=self._feed,
            arm=parts.arm,
            papers=NextPapers(config.unit.id, papers.folder),
            limits=config.journal.limits(),
            updates=updates,
            start_anew=self._start_anew,
            report=reporter.make,
            wipe=partial(wipe, papers.folder, key_path(journal.path), journal),
        )
        self._updates, self._leave, self._anew = updates, leave, False
        if updates:
            updates.forget()
        self._clock_s = self._ticked_s = self._slots_s = self._posted_s = 0.0
        self._news = News()

    def work(self, stop: threading.Event, spoken: Spoken) -> None:
        self._do(self._agent.start(self._memory, system.now()))
        for word in spoken.words():
            self._happened(word)
        self._hands_moved([*spoken.hands(), *self._inbox.moves()])
        self._tell_of_salvage()
        self._look_at_slots()
        self._link.start()
        self._service.patient()
        self._service.ready(Words("在岗", "on duty"))
        try:
            while not stop.is_set():
                self._service.alive()
                event = self._inbox.take(TICK_S)
                spoken.note(event)
                if isinstance(event, ev.ButtonMoved):
                    self._hands_moved([event])
                self._hands_moved(self._inbox.moves())
                if event is not None and not isinstance(event, ev.ButtonMoved):
                    self._happened(event)
                self._chores(time.monotonic())
            self._finish()
        finally:
            self._board.take_down()
            self._link.stop((topics.state(self._unit), self._agent.farewell()))
            if self._feed:
                self._feed.close()

    def _tell_of_salvage(self) -> None:
        opening = self._journal.opening
        if opening.set_aside:
            word = f"damaged; set aside as {opening.set_aside.name}"
            self._happened(ev.PartSpoke("journal", word))
        if opening.cut:
            self._happened(ev.JournalCut(opening.cut))

    def _finish(self) -> None:
        self._do(self._agent.stop(system.now()))
        end_run(self._journal, self._boot, self._anew)

    def _chores(self, now_s: float) -> None:
        if now_s - self._ticked_s >= TICK_S:
            self._ticked_s = now_s
            self._link.look()
            self._hear(self._performer.settle())
            self._happened(ev.Tick())
        if now_s - self._slots_s >= SLOTS_S:
            self._slots_s = now_s
            self._look_at_slots()
        if now_s - self._posted_s >= bulletin.EVERY_S:
            self._posted_s = now_s
            self._board.post(self._agent.present(system.now()))
        if now_s - self._clock_s >= CLOCK_S:
            self._clock_s = now_s
            heard = system.system_clock()
            if heard:
                self._happened(heard)

    def _look_at_slots(self) -> None:
        for said in self._updates.news() if self._updates else ():
            self._happened(said)

    def _start_anew(self) -> None:
        """systemd starts the unit again, from the slot that the link points to now, or to stay off duty."""
        log.warning("leaving, to be started again")
        self._anew = True
        self._leave.process()

    def _happened(self, event: ev.Event) -> None:
        self._news.tell(event)
        self._do(self._agent.handle(event, system.now()))

    def _hands_moved(self, moves: Sequence[ev.ButtonMoved]) -> None:
        """As if it was that moment: how long a button was held counts, and not how long this loop was busy. All
        that hands did is heard before time is looked at, or one that was let go meanwhile would count as held."""
        for moved in moves:
            now = system.now()
            then = Now(moved.up_ms, now.wall_ms - (now.up_ms - moved.up_ms))
            self._do(self._agent.handle(moved, then), then)

    def _do(self, effects: list[Effect], then: Now | None = None) -> None:
        self._hear(self._performer.perform(effects), then)

    def _hear(self, told: list[ev.Event], then: Now | None = None) -> None:
        """Lets the agent hear at once what came of its effects; `then`: as of that moment, None: of now."""
        waiting = deque(told)
        while waiting:
            effects = self._agent.handle(waiting.popleft(), then or system.now())
            waiting.extend(self._performer.perform(effects))


def _lift_system_clock(config: DeviceConfig, memory: Memory) -> None:
    """After a power cut, so that TLS works before there is a network; the records do not go by it."""
    if config.clock.set_system and memory.kept_time:
        done = system.raise_system_clock(memory.kept_time.floor_ms)
        if done:
            log.warning("%s", done)


def _budgets(config: DeviceConfig) -> Budgets:
    modem, health = config.modem, config.health
    return Budgets(
        sd_bytes_day=health.sd_write_mb_day * 2**20,
        plan=Plan(modem.cap_mb * 10**6) if modem and modem.cap_mb else None,
        month_day=modem.month_day if modem else 1,
        zone=ZoneInfo(health.zone),
    )


def _gateway_certificate(memory: Memory) -> str | None:
    held = memory.notes.recall(GATEWAY_CERT, dict[str, str])
    return held.get("cert") if held else None


def _means(
    config: DeviceConfig,
    papers: Papers,
    journal: Path,
    memory: Memory,
    updates: UpdateHands | None,
) -> Means:
    power, cards = config.power, CardCiphers(config.unit.id, key_path(journal))

    def introduction() -> tuple[str | None, str | None]:
        return papers.shown, cards.public

    return Means(
        jitter=random.random,
        nonce=lambda: secrets.token_hex(16),
        signer=papers,
        verifier=GatewayTrust(papers.authority, _gateway_certificate(memory)),
        introduction=introduction,
        floor_ms=BUILT_MS,
        certificate=lambda: papers.certificate,
        cards=cards,
        ignition=Ignition(int(power.hold_s * 1000), int(power.farewell_s * 1000))
        if power
        else None,
        camera=config.camera.kind != "none",
        photo_share=config.camera.link_pct / 100,
        feed_clock=config.clock.chrony_socket is not None,
        budgets=_budgets(config),
        slots=updates.slots if updates else None,
    )
