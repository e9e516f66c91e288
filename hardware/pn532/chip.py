"""The PN532 itself, simulated: bytes from the host in, bytes to the host out, with the chip's timing. Pure.

Source: NXP UM0701-02 (frames 6.2.1, commands 7.2 and 7.3), and the logged frames of real chips. What
it does not play: FeliCa, type B and Jewel cards (it answers as with none in the field), peer to peer.
What a card says is the card's own affair (`field.Contents`).
"""

from collections.abc import Callable

import msgspec

from hardware.pn532.field import RETRY_TIMEOUT_S, Card, Contents, Field, air_s
from hardware.pn532.frame import ACK, CHIP, ERROR_FRAME, HOST, Frame, FrameReader, build

__all__ = ["Card", "Chip", "Contents"]

ACK_S = 0.004
ANSWER_S = 0.001
TRY_S = 0.005
"""One attempt to activate a card."""

WAKE_BYTES = 5
"""What a sleeping chip's receiver loses before it listens."""

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
FOR_EVER = 0xFF
TIMEOUT = 0x01
NOT_LISTED = 0x27
AUTOMATIC_RATS = 0x10
MORE = 0x40
"""In the target's number: more of the command follows; in a status: more of the answer does."""

MOST_OUT = 262
"""Bytes of a card's answer that fit into one frame (7.3.8)."""


class _Search(msgspec.Struct):
    """An InListPassiveTarget that is under way."""

    most: int
    tries: int
    next_s: float
    uid: bytes = b""


class _Talk(msgspec.Struct):
    """An exchange with a card that is under way; `answer` None: the card says nothing."""

    code: int
    card: Card
    answer: bytes | None
    next_s: float
    gives_up_s: float


class Chip:
    """One chip, asleep after power-up. All times are seconds of any clock that only rises."""

    def __init__(self) -> None:
        self.field = Field()
        self.baud = 115200
        self.on_command: Callable[[int], None] = lambda code: None
        """Called with the code of each command that the chip hears, before it does it."""
        self._reader = FrameReader()
        self._lost_bytes = 0
        self._awake = self._ready = False
        self._retries, self._timeout_s = FOR_EVER, RETRY_TIMEOUT_S
        self._parameters = AUTOMATIC_RATS | 0x04
        self._search: _Search | None = None
        self._talk: _Talk | None = None
        self._coming, self._rest = b"", b""
        self._last = b""
        self._next_baud: int | None = None
        self._out: list[tuple[float, bytes]] = []
        self._commands: dict[int, Callable[[bytes, float], bytes | None]] = {
            0x00: self._diagnose,
            0x02: lambda data, now_s: bytes.fromhex("32010607"),
            0x04: self._general_status,
            0x06: lambda data, now_s: bytes(len(data) // 2),
            0x08: lambda data, now_s: b"",
            0x10: self._set_baud,
            0x12: self._set_parameters,
            0x14: self._sam,
            0x16: self._power_down,
            0x32: self._rf_configuration,
            0x40: self._exchange,
            0x42: self._communicate_thru,
            0x44: self._deselect,
            0x4A: self._list,
            0x50: lambda data, now_s: bytes((NOT_LISTED,)),
            0x52: self._release,
            0x54: self._select,
            0x56: lambda data, now_s: bytes((TIMEOUT, 0)),
            0x60: lambda data, now_s: b"\x00",
        }

    @property
    def cards(self) -> list[Card]:
        """The cards in the field; set, it tears away those that are not among the new ones."""
        return self.field.cards

    @cards.setter
    def cards(self, cards: list[Card]) -> None:
        self.field.cards = cards

    # Bytes

    def feed(self, data: bytes, baud: int, now_s: float) -> None:
        """Bytes came from the host at `baud`; at another rate than the chip's they are noise."""
        if baud != self.baud:
            return
        if not self._awake:
            data = self._wake(data)
        for frame in self._reader.feed(data):
            self._frame(frame, now_s)

    def _wake(self, data: bytes) -> bytes:
        lost = min(len(data), WAKE_BYTES - self._lost_bytes)
        self._lost_bytes += lost
        self._awake = self._lost_bytes >= WAKE_BYTES
        return data[lost:]

    def due(self, now_s: float) -> bytes:
        """The bytes that the chip has sent by `now_s`."""
        return b"".join(self.due_frames(now_s))

    def due_frames(self, now_s: float) -> list[bytes]:
        """The frames that the chip has sent by `now_s`."""
        if self._search and now_s >= self._search.next_s:
            self._look(self._search, now_s)
        if self._talk and now_s >= self._talk.next_s:
            self._hear(self._talk, now_s)
        sent = [data for at_s, data in self._out if at_s <= now_s]
        self._out = [(at_s, data) for at_s, data in self._out if at_s > now_s]
        return sent

    def next_s(self) -> float | None:
        """When `due` will have something; None while nothing is under way."""
        times = [at_s for at_s, _ in self._out]
        times += [task.next_s for task in (self._search, self._talk) if task]
        return min(times, default=None)

    # Frames

    def _frame(self, frame: Frame, now_s: float) -> None:
        if frame.what == "ack":
            self._abort()
        elif frame.what == "nak":
            self._out.append((now_s + ANSWER_S, self._last))
        elif frame.what == "data" and frame.tfi == HOST and frame.data:
            self._command(frame.data[0], frame.data[1:], now_s)

    def _abort(self) -> None:
        """The host's ACK ends what is under way; after a change of rate it is what makes it so."""
        self._out.clear()
        self._search = self._talk = None
        if self._next_baud:
            self.baud, self._next_baud = self._next_baud, None

    def _command(self, code: int, data: bytes, now_s: float) -> None:
        self.on_command(code)
        self._search = self._talk = None
        self._out = [(now_s + ACK_S, ACK)]
        done = self._commands.get(code)
        if done is None:
            self._say(ERROR_FRAME, now_s + ACK_S)
            return
        try:
            answer = done(data, now_s + ACK_S)
        except IndexError:
            self._say(ERROR_FRAME, now_s + ACK_S)
            return
        if answer is not None:
            self._answer(code, answer, now_s + ACK_S)

    def _answer(self, code: int, answer: bytes, now_s: float) -> None:
        self._say(build(CHIP, bytes((code + 1,)) + answer), now_s)

    def _say(self, frame: bytes, now_s: float) -> None:
        self._last = frame
        self._out.append((now_s + ANSWER_S, frame))

    # Commands: each takes its parameters and gives what follows the answer's code, None for none yet

    def _diagnose(self, data: bytes, now_s: float) -> bytes:
        del now_s
        return data if data[0] == 0x00 else b"\x00"

    def _general_status(self, data: bytes, now_s: float) -> bytes:
        del data, now_s
        listed = b"".join(bytes((n, 0, 0, 0)) for n in range(1, self.field.listed + 1))
        return bytes((0, 0, self.field.listed)) + listed + b"\x00"

    def _set_baud(self, data: bytes, now_s: float) -> bytes:
        del now_s
        self._next_baud = BAUDS[data[0]]
        return b""

    def _set_parameters(self, data: bytes, now_s: float) -> bytes:
        del now_s
        self._parameters = data[0]
        return b""

    def _sam(self, data: bytes, now_s: float) -> bytes:
        del now_s
        self._ready = data[0] == 0x01
        return b""

    def _power_down(self, data: bytes, now_s: float) -> bytes:
        del data, now_s
        self.sleep()
        return b"\x00"

    def sleep(self) -> None:
        """Goes to power-down, as for want of voltage: it wants some bytes and SAMConfiguration then."""
        self._awake = self._ready = False
        self._lost_bytes = 0
        self.field.off()

    def _rf_configuration(self, data: bytes, now_s: float) -> bytes:
        del now_s
        if data[0] == 0x02:
            self._timeout_s = 0.0001 * 2 ** (data[3] - 1)
        elif data[0] == 0x05:
            self._retries = data[3]
        elif data[0] == 0x01 and not data[1] & 1:
            self.field.off()
        return b""

    def _list(self, data: bytes, now_s: float) -> bytes | None:
        most, kind = data[0], data[1]
        self.field.forget()
        self._coming = self._rest = b""
        if not self._ready:
            return None
        if kind != 0x00:
            return b"\x00"
        tries = self._retries if self._retries == FOR_EVER else self._retries + 1
        self._search = _Search(most, tries, now_s + TRY_S, bytes(data[2:]))
        return None

    def _look(self, search: _Search, now_s: float) -> None:
        found = self.field.find(search.uid, search.most, self._rats)
        if search.tries != FOR_EVER:
            search.tries -= 1
        if not found and search.tries:
            search.next_s = now_s + TRY_S
            return
        self._search = None
        told = b"".join(self._tell(n, card) for n, card in enumerate(found, 1))
        self._answer(0x4A, bytes((len(found),)) + told, now_s)

    @property
    def _rats(self) -> bool:
        return bool(self._parameters & AUTOMATIC_RATS)

    def _tell(self, number: int, card: Card) -> bytes:
        head = bytes((number, card.sens_res >> 8, card.sens_res & 0xFF, card.sak, len(card.uid)))
        return head + card.uid + (card.ats if card.speaks_14443_4 and self._rats else b"")

    def _exchange(self, data: bytes, now_s: float) -> bytes | None:
        """A command that is longer than a frame comes in pieces, an answer that is goes in pieces."""
        card = self.field.numbered(data[0] & 0x3F)
        if card is None:
            return bytes((NOT_LISTED,))
        if data[0] & MORE:
            self._coming += data[1:]
            return b"\x00"
        whole, self._coming = self._coming + data[1:], b""
        if not whole and self._rest:
            return self._next_piece()
        answer, wait_s = self.field.command(card, whole), card.patience_s(self._timeout_s)
        self._talk_to(0x40, card, whole, answer, wait_s, now_s)
        return None

    def _communicate_thru(self, data: bytes, now_s: float) -> bytes | None:
        card = self.field.numbered(1)
        if card is None:
            return bytes((TIMEOUT,))
        answer = self.field.frame(card, data)
        self._talk_to(0x42, card, data, answer, self._timeout_s, now_s)
        return None

    def _talk_to(
        self, code: int, card: Card, sent: bytes, answer: bytes | None, wait_s: float, now_s: float
    ) -> None:
        gives_up_s = now_s + air_s(sent, b"") + wait_s
        next_s = gives_up_s
        if answer is not None:
            next_s = now_s + air_s(sent, answer) + card.think_s
        self._talk = _Talk(code, card, answer, next_s, gives_up_s)

    def _hear(self, talk: _Talk, now_s: float) -> None:
        """The card's answer is due; one that was torn away meanwhile leaves the chip to wait in vain."""
        if talk.answer is not None and self.field.hears(talk.card):
            self._talk, self._rest = None, talk.answer
            self._answer(talk.code, self._next_piece(), now_s)
        elif now_s < talk.gives_up_s:
            talk.next_s = talk.gives_up_s
        else:
            self._talk = None
            self._answer(talk.code, bytes((TIMEOUT,)), now_s)

    def _next_piece(self) -> bytes:
        piece, self._rest = self._rest[:MOST_OUT], self._rest[MOST_OUT:]
        return bytes((MORE if self._rest else 0,)) + piece

    def _deselect(self, data: bytes, now_s: float) -> bytes:
        del now_s
        if data[0] > self.field.listed:
            return bytes((NOT_LISTED,))
        self.field.halt(data[0])
        return b"\x00"

    def _release(self, data: bytes, now_s: float) -> bytes:
        said = self._deselect(data, now_s)
        if data[0] == 0:
            self.field.forget()
        return said

    def _select(self, data: bytes, now_s: float) -> bytes:
        del now_s
        return b"\x00" if self.field.numbered(data[0]) else bytes((NOT_LISTED,))
