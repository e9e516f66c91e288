"""Talks to a PN532 over a serial port: one command at a time, each bounded in time.

What the chip cannot do: tell of a card by itself over HSU, so it must be polled; keep its baud rate
over a crash of ours, so the rate is never raised, and one that another program raised is brought
back at the start.
"""

import termios
import time
from contextlib import suppress

import serial

from hardware.errors import PartRefused, PartSilent, PortError
from hardware.pn532 import commands
from hardware.pn532.frame import ACK, CHIP, HOST, WAKE, Frame, FrameReader, build

BAUD = 115200
RAISED_BAUDS = (921600, 460800, 230400)
"""What other programs raise it to, the usual one first."""

SETTLE_S = 0.01
"""A change of rate spoils what is still on its way out; this is long for six bytes at any rate."""

ANSWER_S = 0.4
ACK_S = 0.1
EXCHANGE_S = 1.0
"""A card's frame waiting time is its own affair, up to five seconds; those in use need less than 0.1."""

LONGEST_ANSWER = 65_538
"""Bytes of the longest APDU answer there is (ISO/IEC 7816-4); a chip that says more is not heard out."""

PROBE_S = 0.15
SET_BAUD_115200 = bytes.fromhex("1004")
TRIES = 3
GONE = (OSError, termios.error, TypeError)
"""What pyserial raises for a port that went away; `termios.error` is no OSError."""


class Pn532:
    """One chip on `port`. Not thread-safe; the thread that opened it owns it."""

    def __init__(self, port: str) -> None:
        self._name = port
        try:
            self._port = serial.Serial(port, BAUD, timeout=0.02, write_timeout=1, exclusive=True)
        except (OSError, ValueError, termios.error) as exc:
            raise PortError(f"cannot open {port}: {exc}; check cable and path") from exc
        self._reader = FrameReader()

    def close(self) -> None:
        """Lets go of the port, whatever has become of it; what is not yet sent is dropped, not waited for."""
        with suppress(*GONE):
            self._port.reset_output_buffer()
        with suppress(*GONE):
            self._port.close()

    def start(self) -> commands.Firmware:
        """Wakes the chip, finds its baud rate, and sets it up to be polled.

        Raises `PartSilent` where nothing answers, `PortError` where the port is gone.
        """
        for baud in (BAUD, *RAISED_BAUDS):
            self._set_baud(baud)
            if self._wakes():
                break
        else:
            raise PartSilent(
                f"no PN532 answers at {self._name}; check power, wires and its switches"
            )
        if self._port.baudrate != BAUD:
            self._bring_back()
        found = commands.firmware(self.ask(commands.GET_FIRMWARE))
        self.ask(commands.FEW_RETRIES)
        self.ask(commands.AUTOMATIC_RATS)
        self.field_off()
        return found

    def targets(self) -> list[commands.Target]:
        """The cards in the field now: none, one or two.

        Those that it found are not found again before `field_off`; so it is not asked again by itself
        when an answer was lost, and `start` is what mends that. Raises as `ask` does.
        """
        return commands.targets(self._ask(commands.LIST_106A, ANSWER_S, tries=1))

    def exchange(self, number: int, data: bytes, timeout_s: float = EXCHANGE_S) -> bytes:
        """Sends `data` to the card of this number in the last `targets`; returns what the card answers.

        Either may be longer than a frame. Nothing is ever sent twice, as a card's state moves with
        each command: after an error list the cards again and begin anew. `timeout_s` bounds each frame.
        Raises `CardGone`, `CardRefused`, `PartSilent` where an ACK or answer was lost, `PartRefused`,
        `PortError`.
        """
        last = max(0, len(data) - 1) // commands.MOST_OUT * commands.MOST_OUT
        for at in range(0, last, commands.MOST_OUT):
            piece = data[at : at + commands.MOST_OUT]
            self._exchange_frame(number | commands.MORE, piece, timeout_s)
        heard, more = self._exchange_frame(number, data[last:], timeout_s)
        while more and len(heard) < LONGEST_ANSWER:
            piece, more = self._exchange_frame(number, b"", timeout_s)
            heard += piece
        return heard

    def field_off(self) -> None:
        """Every card forgets all, and is found by the next `targets` as if it had just come."""
        self.ask(commands.FIELD_OFF)

    def abort(self) -> None:
        """Ends whatever the chip is about; an ACK from the host does that."""
        self._write(ACK)
        self._drop_input()

    def ask(self, command: bytes, timeout_s: float = ANSWER_S) -> bytes:
        """Sends a command and returns the answer's bytes after TFI.

        A lost ACK or answer is tried again. Raises `PartSilent`, `PartRefused`, `PortError`.
        """
        return self._ask(command, timeout_s, TRIES)

    def _exchange_frame(self, number: int, piece: bytes, timeout_s: float) -> tuple[bytes, bool]:
        command = bytes((commands.DATA_EXCHANGE, number)) + piece
        return commands.exchanged(self._ask(command, timeout_s, tries=1))

    def _ask(self, command: bytes, timeout_s: float, tries: int) -> bytes:
        for _ in range(tries):
            self._drop_input()
            self._write(build(HOST, command))
            answer = self._answer(command[0] + 1, timeout_s)
            if answer is not None:
                return answer
            self._write(ACK)
        name = commands.NAMES.get(command[0], f"command {command[0]:02x}")
        raise PartSilent(f"PN532 at {self._name} does not answer {name}")

    def _wakes(self) -> bool:
        self.abort()
        self._write(WAKE + build(HOST, commands.SAM_NORMAL))
        if self._answer(commands.SAM_NORMAL[0] + 1, PROBE_S) is not None:
            return True
        self._write(build(HOST, commands.SAM_NORMAL))
        return self._answer(commands.SAM_NORMAL[0] + 1, PROBE_S) is not None

    def _bring_back(self) -> None:
        self.ask(SET_BAUD_115200)
        self._write(ACK)
        time.sleep(SETTLE_S)
        self._set_baud(BAUD)
        if not self._wakes():
            raise PartSilent(f"PN532 at {self._name} did not come back to {BAUD} baud")

    def _answer(self, code: int, timeout_s: float) -> bytes | None:
        """The answer with `code` after its ACK; None when either does not come.

        What comes before the ACK belongs to an earlier command, which was given up meanwhile. After the
        deadline the port is looked at once more: a busy machine may have been late itself.
        """
        acknowledged = late = False
        deadline = time.monotonic() + ACK_S
        while not late:
            late = time.monotonic() >= deadline
            for frame in self._reader.feed(self._receive()):
                if frame.what == "ack" and not acknowledged:
                    acknowledged, late = True, False
                    deadline = time.monotonic() + timeout_s
                elif not acknowledged:
                    continue
                elif frame.what == "error":
                    raise PartRefused(f"PN532 at {self._name} refused command {code - 1:02x}")
                elif _answers(frame, code):
                    return frame.data
        return None

    def _receive(self) -> bytes:
        try:
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except GONE as exc:
            raise PortError(f"{self._name} is gone: {exc}; plug it in again") from exc

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except GONE as exc:
            raise PortError(f"{self._name} is gone: {exc}; plug it in again") from exc

    def _set_baud(self, baud: int) -> None:
        try:
            self._port.baudrate = baud
        except GONE as exc:
            raise PortError(f"{self._name} is gone: {exc}; plug it in again") from exc

    def _drop_input(self) -> None:
        try:
            self._port.reset_input_buffer()
        except GONE as exc:
            raise PortError(f"{self._name} is gone: {exc}; plug it in again") from exc
        self._reader.clear()


def _answers(frame: Frame, code: int) -> bool:
    return frame.tfi == CHIP and frame.data[:1] == bytes((code,))
