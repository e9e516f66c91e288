"""The buffered socket over a real pair of sockets."""

import socket

import pytest

from gateway.ingest.buffered import GATHER_BYTES, BufferedSocket


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield BufferedSocket(ours), theirs
    ours.close()
    theirs.close()


def test_what_came_is_read_in_pieces_of_any_size(pair):
    line, theirs = pair
    theirs.sendall(b"0123456789")
    assert line.recv(1) == b"0"
    assert (line.unread(), line.pending()) == (9, 9)
    assert line.recv(4) + line.recv(100) == b"123456789"
    assert line.unread() == 0
    with pytest.raises(BlockingIOError):
        line.recv(1)
    assert line.unread() == 0


def test_the_end_is_empty(pair):
    line, theirs = pair
    theirs.sendall(b"ab")
    theirs.close()
    assert (line.recv(5), line.recv(5)) == (b"ab", b"")


def test_without_input_it_sends_at_once(pair):
    line, theirs = pair
    assert line.send(b"ack") == 3
    assert theirs.recv(10) == b"ack"


def test_while_there_is_input_small_writes_are_gathered_until_it_is_read(pair):
    line, theirs = pair
    theirs.sendall(b"ab")
    line.recv(1)
    line._since_s = 1e12
    line._gathered += b"1"
    line.send(b"2")
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(10)
    line.recv(1)
    assert line.pending() == 0
    theirs.setblocking(True)
    assert theirs.recv(10) == b"12"


@pytest.mark.parametrize("why", ["much", "old"])
def test_much_or_old_output_does_not_wait_for_the_input(pair, why):
    line, theirs = pair
    theirs.sendall(b"ab")
    line.recv(1)
    line._since_s = 1e12 if why == "much" else 0.0
    line._gathered += b"." * (GATHER_BYTES if why == "much" else 1)
    line.send(b"!")
    sent = GATHER_BYTES + 1 if why == "much" else 2
    assert len(theirs.recv(sent + 10)) == sent


def test_what_does_not_fit_now_goes_later(pair):
    line, theirs = pair
    data = bytes(range(256)) * 8_192
    line.send(data)
    got = bytearray()
    while len(got) < len(data):
        got += theirs.recv(65536)
        line.pending()
    assert got == data


def test_what_was_gathered_goes_out_before_the_close(pair):
    line, theirs = pair
    theirs.sendall(b"ab")
    line.recv(1)
    line._since_s = 1e12
    line._gathered += b"bye"
    line.close()
    assert theirs.recv(10) == b"bye"
    line.close()


def test_a_broken_line_is_told_of(pair):
    line, theirs = pair
    theirs.close()
    with pytest.raises(OSError):
        line.send(b"x")
