"""Repeating and reordering a stream of MQTT packets: whole, split, and never another byte than was sent."""

import random
from collections import Counter

import pytest

from sim.chaos.mangle import Mangle, at_qos_0, packet_size


def publish(number: int, qos: int = 1, size: int = 10) -> bytes:
    topic = b"\x00\x03a/b"
    mid = number.to_bytes(2, "big") if qos else b""
    body = topic + mid + number.to_bytes(4, "big") + bytes(size)
    assert len(body) < 16_384
    length = [len(body)] if len(body) < 128 else [len(body) & 0x7F | 0x80, len(body) >> 7]
    return bytes([0x30 | qos << 1, *length]) + body


PING = b"\xc0\x00"


def packets(data: bytes) -> list[bytes]:
    found = []
    while (size := packet_size(data)) is not None:
        found.append(data[:size])
        data = data[size:]
    assert data == b""
    return found


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize("mode", ["whole", "slow", "lossy"])
def test_other_modes_change_nothing_however_it_is_cut(mode: str, step: int) -> None:
    sent = b"".join([publish(1), PING, publish(2, size=300), publish(3, qos=0)])
    mangle = Mangle(random.Random(1))
    pieces = [sent[at : at + step] for at in range(0, len(sent), step)]
    assert b"".join(mangle.take(piece, mode) for piece in pieces) == sent


def test_repeat_adds_copies_with_qos_0_of_what_was_sent() -> None:
    sent = [publish(number) for number in range(200)]
    mangle = Mangle(random.Random(1))
    got = packets(mangle.take(b"".join(sent), "repeat"))
    assert [packet for packet in got if packet[0] == 0x32] == sent
    copies = [packet for packet in got if packet[0] == 0x30]
    assert 20 < len(copies) < 120
    assert set(copies) <= {at_qos_0(packet) for packet in sent}


def test_reorder_keeps_everything_once_and_lets_go_when_the_mode_ends() -> None:
    sent = [publish(number) for number in range(200)]
    mangle = Mangle(random.Random(2))
    got = packets(mangle.take(b"".join(sent), "reorder") + mangle.take(PING, "whole"))
    got.remove(PING)
    assert Counter(got) == Counter(sent)
    assert got != sent


def test_a_message_without_its_qos_has_the_same_topic_and_content() -> None:
    assert at_qos_0(publish(7, size=300)) == publish(7, qos=0, size=300)
    assert at_qos_0(publish(7, qos=0)) == publish(7, qos=0)


def test_a_packet_whose_length_is_not_all_there_waits() -> None:
    whole = publish(1, size=300)
    assert [packet_size(whole[:size]) for size in (0, 1, 2, 3)] == [None] * 4
    assert packet_size(whole + b"\xff") == len(whole)
