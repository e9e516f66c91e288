"""Bad lines, each mode over real sockets: what gets through, who hears of a break, and when it is over."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sim.chaos.line import Mode, Open, Set
from sim.program import Program

WAIT_S = 15.0


class Echo:
    """A server that says everything back. `closed`: an end of a connection was noticed."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                end, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(end,), daemon=True).start()

    def _answer(self, end: socket.socket) -> None:
        try:
            while data := end.recv(65536):
                end.sendall(data)
        except OSError:
            pass
        end.close()
        self.closed.set()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Callable[[Open | Set], dict[str, object]]]:
    """Tells a process of lines what to do; gives its answer."""
    program = Program(["sim", "line"], tmp_path / "log.txt").start()

    def ask(command: Open | Set) -> dict[str, object]:
        answer: dict[str, object] = msgspec.json.decode(
            program.ask(msgspec.json.encode(command).decode())
        )
        return answer

    yield ask
    program.stop()


Lines = Callable[[Open | Set], dict[str, object]]


@pytest.fixture
def port(lines: Lines, echo: Echo) -> int:
    answer = lines(Open("l", echo.port))
    assert isinstance(answer["port"], int)
    return answer["port"]


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def said_back(end: socket.socket, data: bytes) -> bool:
    end.sendall(data)
    got = b""
    while len(got) < len(data):
        piece = end.recv(65536)
        if not piece:
            return False
        got += piece
    return got == data


def is_broken(end: socket.socket) -> bool:
    try:
        return end.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("mode", ["whole", "slow", "lossy", "repeat", "reorder"])
def test_what_gets_through_is_what_was_sent(lines: Lines, port: int, mode: Mode) -> None:
    lines(Set("l", mode, bytes_s=100_000, seed=4))
    with call(port) as end:
        assert said_back(end, bytes(range(256)) * 40)


def test_cut_breaks_what_is_there_and_turns_away_who_comes(lines: Lines, port: int) -> None:
    with call(port) as end:
        assert said_back(end, b"hello")
        lines(Set("l", "cut"))
        assert is_broken(end)
    with call(port) as end:
        assert is_broken(end)
    lines(Set("l", "whole"))
    with call(port) as end:
        assert said_back(end, b"hello")


def test_half_open_lets_only_the_far_end_hear_of_it_and_that_connection_is_dead_for_good(
    lines: Lines, port: int, echo: Echo
) -> None:
    with call(port) as end:
        assert said_back(end, b"hello")
        lines(Set("l", "half open"))
        assert echo.closed.wait(WAIT_S)
        lines(Set("l", "whole"))
        end.sendall(b"is anybody there?")
        with call(port) as other:
            assert said_back(other, b"hello")
        end.settimeout(0.2)
        assert not is_broken(end)


def test_who_comes_to_a_half_open_line_is_let_in_and_never_answered(
    lines: Lines, port: int
) -> None:
    lines(Set("l", "half open"))
    with call(port) as end:
        end.sendall(b"hello")
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(1)


def test_a_target_that_is_not_there_is_a_broken_line(lines: Lines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    answer = lines(Open("n", nobody))
    assert isinstance(answer["port"], int)
    with call(answer["port"]) as end:
        assert is_broken(end)


def test_what_is_no_command_is_said_to_be_none(lines: Lines) -> None:
    assert "KeyError" in str(lines(Set("nobody", "cut"))["error"])
