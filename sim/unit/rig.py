"""The unit's process with its simulated parts, and what a hand can do to them."""

import time
from collections.abc import Callable
from pathlib import Path

from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin
from hardware.panel.twin import Wires
from hardware.pn532.twin import Pn532Twin
from sim.city import Unit
from sim.unit.relay import Relay
from wire.live import Role

DRIVE_S = 3600
TAP_S, SOS_S, PRESS_S = 0.5, 2.0, 0.2
TAP_LOOKS = 9
HOLD_S = 5
"""Ignition off for so long, and the unit takes its leave: short, since a person waits for it."""


class Rig:
    """One unit. `later` is told what is to be done after so many seconds."""

    def __init__(
        self,
        name: str,
        role: Role,
        folder: Path,
        relay: Relay,
        later: Callable[[float, Callable[[], object]], None],
    ) -> None:
        self._later = later
        self.relay = relay
        self.unit = Unit(name, role, folder, relay, _parts(folder, role))
        self._wires = Wires(self.unit.folder / "fingers")
        self.reader = Pn532Twin(folder / "nfc")
        self._epochs = list(drive(time.time_ns() // 1_000_000, DRIVE_S, seed=1))
        self._sent = 0
        self._gps_port = folder / "gps"
        self._gps = self._twin()
        self.ignition = role == "vehicle"
        self.reader_in = self.gps_in = self.gps_speaks = True

    def start(self) -> None:
        """Starts the unit and its receiver."""
        self._switch_on()
        self._gps.start()

    def close(self) -> None:
        """Ends the unit and its parts."""
        self.unit.program.stop()
        self._gps.stop()
        self.reader.stop()
        self._wires.close()
        self.relay.close()

    def press(self, contact: str, down: bool) -> None:
        """Closes or opens a contact; without a unit that runs nobody notices."""
        if self.unit.program.running:
            self._wires.move(contact, down)

    def tap(self, uid: str | None) -> None:
        """Holds a card to the reader until it was noticed: half a second, or on a busy machine longer."""
        if uid is not None:
            self.reader.remove()
            self.reader.present(uid)
            self._later(TAP_S, lambda: self._take_away(uid, TAP_LOOKS))

    def _take_away(self, uid: str, looks: int) -> None:
        if looks and self.reader_in and self.reader.told_ns(uid) is None:
            self._later(TAP_S, lambda: self._take_away(uid, looks - 1))
        else:
            self.reader.remove(uid)

    def hold(self, contact: str, for_s: float) -> None:
        """Presses a button, and lets go of it later."""
        self.press(contact, True)
        self._later(for_s, lambda: self.press(contact, False))

    def sos(self) -> None:
        self.hold("sos", SOS_S)

    def ack(self) -> None:
        self.hold("ack", PRESS_S)

    def turn_key(self) -> None:
        """Ignition on or off; a checkpoint has none."""
        if self.unit_is_vehicle:
            self.ignition = not self.ignition
            self.press("ignition", self.ignition)

    @property
    def unit_is_vehicle(self) -> bool:
        return "[power]" in self.unit.config.read_text("utf-8")

    def plug_reader(self) -> None:
        self.reader_in = not self.reader_in
        self.reader.plug() if self.reader_in else self.reader.unplug()

    def plug_gps(self) -> None:
        self.gps_in = not self.gps_in
        self._gps.plug() if self.gps_in else self._gps.unplug()

    def silence_gps(self) -> None:
        """The receiver falls silent, or goes on where the drive was."""
        self.gps_speaks = not self.gps_speaks
        if not self.gps_speaks:
            self._gps.silence()
            return
        self._gps.stop()
        self._gps = self._twin()
        self._gps.start()
        self.gps_in = True

    def cut_link(self) -> None:
        self.relay.cut() if self.relay.up else self.relay.restore()

    def kill(self) -> None:
        """Kills the unit as a power cut of its process; starts it where it does not run."""
        if self.unit.program.running:
            self.unit.program.kill()
        else:
            self.unit.program.stop()
            self._switch_on()

    def _switch_on(self) -> None:
        self._wires.renew(["ignition"] if self.ignition else [])
        self.unit.program.start()

    def parts(self) -> str:
        """What is unplugged or off, in a word each."""
        off = [("NFC -", self.reader_in), ("GPS -", self.gps_in), ("GPS ...", self.gps_speaks)]
        said = [word for word, fine in off if not fine]
        if self.unit_is_vehicle:
            said.append(f"IGN {'on' if self.ignition else 'off'}")
        return "  ".join(said)

    def _twin(self) -> GpsTwin:
        twin = GpsTwin(b"".join(self._epochs[self._sent :]), restamp=True, sent=self._count)
        twin.plug(self._gps_port)
        return twin

    def _count(self, data: bytes) -> None:
        self._sent += 1


def _parts(folder: Path, role: Role) -> str:
    power = f'[power]\nhold_s = {HOLD_S}\nfarewell_s = 2\noff = ["true"]\n'
    return (
        'fingers = "fingers"\n'
        f'[gps]\nport = "{folder / "gps"}"\nbaud = 115200\n'
        f'[nfc]\nport = "{folder / "nfc"}"\n'
        '[camera]\nkind = "sim"\nwidth = 640\nheight = 480\n'
        f"{power if role == 'vehicle' else ''}"
    )
