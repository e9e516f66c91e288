"""Opens a unit's parts by its configuration, and puts what they say into the inbox as events."""

import logging
import os
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import msgspec

from device.config import DeviceConfig, PanelSection
from device.core import effects as ef
from device.core import events as ev
from device.core.clock import BUILT_MS
from device.health import BOARD_EVERY_S, MODEM_EVERY_S, Rounds, measured, modem_said
from device.system import boot_id
from hardware.board.readings import Board
from hardware.errors import HardwareError
from wire.cards.ring import NO_KEYS, KeyRing
from wire.records import Proof
from wire.words import Fault

Put = Callable[[ev.Event], None]
log = logging.getLogger("xunkong.device")


class Reader(Protocol):
    """A part with a thread of its own."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Alive(Reader, Protocol):
    """A reader that knows when its part last gave a sign of life (CLOCK_BOOTTIME); None: never."""

    heard_ms: int | None


class PhotoTaker(Reader, Protocol):
    """What does the photos' work: never waited for."""

    def submit(self, effect: ef.PhotoEffect) -> None: ...


class Display(Protocol):
    """What the person at the box hears and sees."""

    def signal(self, pattern: str) -> None: ...

    def trouble(self, on: bool) -> None: ...

    def close(self) -> None: ...


class NoPanel:
    """A unit without buttons, lights and buzzer."""

    def signal(self, pattern: str) -> None:
        """There is nobody to tell."""

    def trouble(self, on: bool) -> None:
        """There is nothing to light."""

    def close(self) -> None:
        """There is nothing to let go of."""


class Keys:
    """The reader's keys: a table that is never changed, only replaced. Its thread reads, the main one replaces."""

    def __init__(self) -> None:
        self.ring: KeyRing = NO_KEYS


class Parts:
    """All parts of one unit. A part that the configuration leaves out is not imported either."""

    def __init__(
        self,
        config: DeviceConfig,
        folder: Path,
        put: Put,
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`reached` is called at the photos' named points."""
        self.panel: Display = open_panel(config.panel, config.power is not None, folder, put)
        self._alive: dict[str, Alive] = {}
        self._keys = Keys()
        there = config.camera.kind != "none"
        self._camera = _camera(config, folder, put, reached) if there else None
        if config.nfc:
            self._alive["nfc"] = _nfc(config.nfc.port, self._keys, put)
        if config.gps:
            self._alive["gps"] = _gps(config.gps.port, config.gps.baud, put)
        self._readers: list[Reader] = [*self._alive.values(), *self._rounds(config, folder, put)]

    def _rounds(self, config: DeviceConfig, folder: Path, put: Put) -> list[Reader]:
        board = Board((folder / config.journal.path).parent)
        rounds: list[Reader] = [
            Rounds("health", BOARD_EVERY_S, lambda: measured(board.read(), self._heard()), put)
        ]
        if config.modem:
            rounds.append(_modem(config.modem.command, put))
        return rounds

    def _heard(self) -> dict[str, int]:
        heard = {name: reader.heard_ms for name, reader in self._alive.items()}
        return {name: up_ms for name, up_ms in heard.items() if up_ms is not None}

    def photo(self, effect: ef.PhotoEffect) -> None:
        """Hands photos' work over; a unit without a camera has none."""
        if self._camera:
            self._camera.submit(effect)

    def arm(self, keys: KeyRing) -> None:
        """The card reader uses `keys` from the next card on."""
        if keys:
            import_module("hardware.cards.examine")  # now, and not while somebody holds a card
        self._keys.ring = keys

    def start(self) -> None:
        """Begins to read; a part that is not there yet is waited for, for ever."""
        for reader in self._readers:
            reader.start()
        if self._camera:
            self._camera.start()

    def stop(self) -> None:
        """Lets go of everything."""
        for reader in self._readers:
            reader.stop()
        if self._camera:
            self._camera.stop()
        self.panel.close()


def _nfc(port: str, keys: Keys, put: Put) -> Alive:
    from hardware.pn532.poller import CardArrived, NfcEvent, NfcReader, NfcStatus

    def told(event: NfcEvent) -> None:
        if isinstance(event, CardArrived):
            put(card_event(event))
        elif isinstance(event, NfcStatus):
            put(ev.PartSpoke("nfc", event.status))

    return NfcReader(port, told, examine=partial(_examine, keys))


def _examine(keys: Keys, exchange: Callable[[bytes], bytes], target: Any) -> Any:
    """The reader's thread: what a card proves. A unit without card keys takes every card by its UID alone."""
    ring = keys.ring
    if not ring:
        return None
    from hardware.cards.examine import CardKey, examine
    from wire.cards.keys import AIDS, AUTH, DESFIRE

    def key_for(uid: str) -> CardKey | None:
        if uid in ring.desfire:
            earlier = {one.version: one.desfire[uid] for one in ring.earlier}
            return CardKey(ring.desfire[uid], AUTH, AIDS[DESFIRE], earlier)
        if uid not in ring.ev2:
            return None
        earlier = {one.version: one.ev2[uid] for one in ring.earlier}
        return CardKey(ring.ev2[uid], AUTH, earlier=earlier)

    found = examine(exchange, target, key_for)
    if found.failed and key_for(target.uid):
        log.warning("card %s: %s", target.uid, found.failed)
    return found


def _gps(port: str, baud: int, put: Put) -> Alive:
    from hardware.gps.epoch import GpsFix
    from hardware.gps.reader import GpsEvent, GpsReader

    def told(event: GpsEvent) -> None:
        put(fix_event(event) if isinstance(event, GpsFix) else ev.PartSpoke("gps", event.status))

    return GpsReader(port, baud, told, floor_utc_ms=BUILT_MS)


def _modem(command: str, put: Put) -> Reader:
    from hardware.modem.mmcli import Mmcli

    mmcli, boot = Mmcli(command), boot_id()
    return Rounds("modem", MODEM_EVERY_S, lambda: modem_said(mmcli.read(), boot), put)


def _camera(
    config: DeviceConfig, folder: Path, put: Put, reached: Callable[[str], None]
) -> PhotoTaker:
    from device.photos.worker import Budget, PhotoWorker
    from hardware.camera.driver import Camera
    from hardware.camera.process import command
    from hardware.camera.still import StillSettings

    said = config.camera
    settings = StillSettings(said.camera_num, said.width, said.height, said.quality)
    text = msgspec.json.encode(settings).decode()
    words = command(said.kind, text, str(folder / said.control))
    room, free = said.max_mb * 2**20, said.keep_free_mb * 2**20
    budget = Budget(folder / said.folder, said.max_photos, room, free)
    return PhotoWorker(config.unit.id, budget, lambda told: Camera(words, told), put, reached)


def card_event(card: Any) -> ev.CardShown:
    """A card that arrived (`hardware.pn532.poller.CardArrived`) as the core takes it.

    What `examine` found of SUN is a message that nobody has verified yet: the core does.
    """
    found = card.evidence
    if found is None:
        return ev.CardShown(card.uid, card.up_ms)
    proof: Proof = "ev2" if found.proof == "ev2" else "uid"
    return ev.CardShown(card.uid, card.up_ms, proof, found.sun, found.forged)


def fix_event(fix: Any) -> ev.Fix:
    """A receiver's fix (`hardware.gps.epoch.GpsFix`) as the core takes it."""
    return ev.Fix(
        up_ms=fix.up_ms,
        lat=fix.lat,
        lon=fix.lon,
        utc_ms=fix.utc_ms,
        clock_ok=fix.clock_ok,
        speed_m_s=fix.speed_m_s,
        course_deg=fix.course_deg,
        hacc_m=fix.hacc_m,
        sats=fix.sats,
    )


def open_panel(section: PanelSection, ignition: bool, folder: Path, put: Put) -> Display:
    """The panel that `section` asks for; `ignition`: with that contact too. Raises `Fault`."""
    if section.kind == "none":
        return NoPanel()
    from hardware.panel.panel import ButtonChanged, Panel

    def told(moved: ButtonChanged) -> None:
        put(ev.ButtonMoved(moved.name, moved.pressed, moved.up_ms))

    return Panel(_factory(section, folder), told, ignition)


def _factory(section: PanelSection, folder: Path) -> Any:
    try:
        if section.kind == "sim":
            from hardware.panel.twin import SimFactory

            paths = (folder / name if name else None for name in (section.trace, section.fingers))
            return SimFactory(*paths)
        return _gpio()
    except (OSError, ImportError, HardwareError) as exc:
        raise Fault(
            f"[panel] kind = {section.kind!r} 无法打开：{exc}；请检查接线与 python3-lgpio，或改为 none",
            f"[panel] kind = {section.kind!r} cannot be opened: {exc}; "
            "check the pins and python3-lgpio, or use none",
        ) from exc


def _gpio() -> Any:
    """A board's pins. lgpio makes a pipe in the working directory when it is imported, unless LG_WD says where."""
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    from gpiozero.pins.lgpio import LGPIOFactory

    return LGPIOFactory()
