"""A line of MQTT packets, cut where one is too long: whole, split anywhere, and with what is out of order."""

import pytest

from wire.limits import MAX_PAYLOAD_BYTES
from wire.packets import MOST_BYTES, MOST_OTHER_BYTES, PacketFault, PacketReader, Packets

LONGEST = 2**28 - 1
SHORT = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\xd0\x00"]


def packet(first, body):
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | 128 if size else low])
        if not size:
            return bytes([first]) + length + body


def message(payload, topic=b"xk/v1/a/down/config", first=0x32):
    return packet(first, len(topic).to_bytes(2) + topic + b"\x00\x07" + payload)


def cut(whole, topic=b"xk/v1/a/down/config"):
    return message(whole[4:][:MOST_BYTES][len(topic) + 4 :], topic)


def fed(data, step):
    packets = Packets()
    return b"".join(packets.admit(data[at : at + step]) for at in range(0, len(data), step))


GOOD = b"".join([*SHORT, message(b"x" * 10), message(b"y" * 200), message(b""), *SHORT])


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 10_000])
def test_what_is_in_order_passes_unchanged(step):
    assert fed(GOOD, step) == GOOD


@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 40_000])
def test_a_message_that_may_be_passes_whole_and_so_does_one_that_is_judged_further_up(size):
    whole = message(b"z" * size)
    assert fed(whole, 65_536) == whole


@pytest.mark.parametrize("step", [1_000, 65_536, 10**7])
@pytest.mark.parametrize("topic", [b"a", b"t" * 65_535])
def test_a_longer_one_is_cut_and_what_follows_is_as_it_was(step, topic):
    whole = message(bytes(10**6), topic)
    came = fed(GOOD + whole + GOOD + whole + SHORT[0], step)
    assert came == GOOD + cut(whole, topic) + GOOD + cut(whole, topic) + SHORT[0]
    assert MOST_BYTES - len(topic) - 4 > MAX_PAYLOAD_BYTES


def test_of_the_longest_that_can_be_announced_nothing_is_held():
    packets, line = Packets(), b"\x30\xff\xff\xff\x7f" + bytes(65_531)
    passed = len(packets.admit(line))
    left = LONGEST - 65_531
    chunk = bytes(2**20)
    while left > 0:
        passed += len(packets.admit(chunk[:left]))
        left -= len(chunk)
    assert passed == MOST_BYTES + 4
    assert packets.admit(SHORT[0]) == SHORT[0]


WRONG = {
    "five bytes of length": (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
    "never asked for": (message(b"x", first=0x34), "QoS 2"),
    "no such level": (message(b"x", first=0x36), "QoS 2"),
    "a long answer": (packet(0x90, bytes(MOST_OTHER_BYTES + 1)), "kind 9 with 1025 bytes"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("step", [1, 10_000])
def test_what_no_broker_in_order_sends_ends_the_line(wrong, step):
    data, why = WRONG[wrong]
    with pytest.raises(PacketFault, match=why):
        fed(SHORT[0] + data, step)


class Line:
    """Gives what it was given, piece by piece; then there is nothing yet."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def recv(self, size):
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)


def test_a_reader_hands_out_small_pieces_and_says_when_there_is_nothing():
    reader = PacketReader(Line(b"\x20", b"\x02\x00\x00", b"").recv)
    with pytest.raises(BlockingIOError):
        reader.fill()
    reader.fill()
    assert (reader.take(1), reader.unread(), reader.take(9)) == (b"\x20", 3, b"\x02\x00\x00")
    reader.fill()
    assert (reader.take(1), reader.unread(), reader.fault) == (b"", 0, "")


def test_a_reader_tells_why_the_line_is_given_up():
    reader = PacketReader(Line(message(b"x", first=0x34)).recv)
    with pytest.raises(PacketFault):
        reader.fill()
    assert "QoS 2" in reader.fault
