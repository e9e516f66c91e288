"""Cards that fill up or turn read-only, and networks that die: what needs root is skipped without it."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.chaos import damage
from sim.chaos.ground import Card, Net, can_mount, can_net

NAME = f"xk-test-{os.getpid()}"


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    if not can_mount(tmp_path):
        pytest.skip("needs root, to mount a card")
    made = Card(tmp_path / "card", mounted=True)
    yield made
    made.close()


@pytest.fixture
def net() -> Iterator[Net]:
    if not can_net(NAME):
        pytest.skip("needs root, ip, tc and nsenter, to make a network")
    made = Net(NAME)
    yield made
    made.close()


def why_not(path: Path) -> int | None:
    try:
        path.write_bytes(bytes(4096))
    except OSError as exc:
        return exc.errno
    return None


def test_a_full_card_takes_nothing_until_there_is_room(card: Card) -> None:
    card.fill()
    assert why_not(card.path / "a") == errno.ENOSPC
    card.empty()
    assert why_not(card.path / "a") is None


def test_a_read_only_card_takes_nothing_and_says_so(card: Card) -> None:
    assert card.read_only(True)
    assert why_not(card.path / "a") == errno.EROFS
    assert card.read_only(False)
    assert why_not(card.path / "a") is None


def test_a_card_that_somebody_writes_on_cannot_be_made_read_only(card: Card) -> None:
    with (card.path / "a").open("wb"):
        assert not card.read_only(True)


def test_an_image_is_put_back_as_it_was(tmp_path: Path) -> None:
    card = Card(tmp_path / "card", mounted=False)
    (card.path / "a").write_text("old")
    card.copy(tmp_path / "image")
    (card.path / "a").write_text("new")
    (card.path / "b").write_text("newer")
    card.put_back(tmp_path / "image")
    assert [(path.name, path.read_text()) for path in card.path.iterdir()] == [("a", "old")]


def test_the_networks_loopback_can_be_shaped_and_die(net: Net) -> None:
    net.shape(64)
    assert net.do("bash", "-c", "tc qdisc show dev lo | grep -q tbf")
    net.shape(None)
    assert not net.do("bash", "-c", "tc qdisc show dev lo | grep -q tbf")
    net.dead(True)
    assert not net.do("bash", "-c", "ip link show lo | grep -q LOWER_UP")
    net.dead(False)
    assert net.do("bash", "-c", "ip link show lo | grep -q LOWER_UP")


def test_where_the_network_is_another_a_port_here_is_not_there(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not net.do("bash", "-c", f"</dev/tcp/127.0.0.1/{port}")


def test_live_frames_of_what_is_no_log() -> None:
    assert damage.live_frames(b"") == 0
    assert damage.live_frames(bytes(5)) == 0
