"""Frames whole, split, byte by byte, trailed, in noise, extended and hostile; and those of real chips."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.pn532.frame import (
    ACK,
    CHIP,
    ERROR_FRAME,
    HOST,
    MAX_DATA,
    NAK,
    WAKE,
    Frame,
    FrameError,
    FrameReader,
    build,
)

SHORT = {"ack": ACK, "nak": NAK, "error": ERROR_FRAME}
data_frames = st.tuples(
    st.just("data"), st.sampled_from([HOST, CHIP]), st.binary(min_size=0, max_size=MAX_DATA - 1)
)
frames = st.lists(st.one_of(data_frames, st.sampled_from([(name,) for name in SHORT])), max_size=6)


def on_the_wire(items):
    return b"".join(build(*item[1:]) if item[0] == "data" else SHORT[item[0]] for item in items)


def expected(items):
    return [Frame(*item) for item in items]


def fed(pieces):
    reader, found = FrameReader(), []
    for piece in pieces:
        found += reader.feed(piece)
    return found


@given(frames)
def test_whole(items):
    assert fed([on_the_wire(items)]) == expected(items)


@given(frames)
def test_byte_by_byte(items):
    assert fed(bytes((b,)) for b in on_the_wire(items)) == expected(items)


@given(frames, st.lists(st.integers(0, 2000), max_size=8))
def test_split_anywhere(items, cuts):
    wire = on_the_wire(items)
    at = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    pieces = [wire[a:b] for a, b in pairwise(at)]
    assert fed(pieces) == expected(items)


@given(frames)
def test_one_that_is_not_complete_waits(items):
    wire = build(HOST, b"\x4a\x02\x00")
    for cut in range(len(wire) - 1):
        reader = FrameReader()
        assert reader.feed(on_the_wire(items) + wire[:cut]) == expected(items)
        assert reader.feed(wire[cut:]) == [Frame("data", HOST, b"\x4a\x02\x00")]


@given(st.binary(max_size=200).filter(lambda noise: b"\x00\xff" not in noise + b"\x00"))
def test_after_noise_without_a_start_the_next_frame_is_found(noise):
    assert fed([noise, ACK, build(CHIP, b"\x15")]) == [Frame("ack"), Frame("data", CHIP, b"\x15")]


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_hostile_bytes_never_raise_and_are_never_hoarded(pieces):
    reader = FrameReader()
    for piece in pieces:
        for frame in reader.feed(piece):
            assert frame.what in ("data", "ack", "nak", "error")
        assert len(reader._buffer) <= MAX_DATA + 12


@given(st.binary(max_size=300))
def test_after_any_noise_a_few_frames_suffice_to_be_heard_again(noise):
    wire = build(CHIP, b"\x03\x32\x01\x06\x07")
    found = fed([noise, wire * 60])
    assert Frame("data", CHIP, b"\x03\x32\x01\x06\x07") in found


@pytest.mark.parametrize("at", range(3, 10))
def test_one_wrong_byte_makes_no_frame_and_the_next_is_found(at):
    wire = bytearray(build(CHIP, b"\x15\x00"))
    wire[at - 1 if at > 8 else at] ^= 0x10
    found = fed([bytes(wire), ACK, build(CHIP, b"\x4b\x00")])
    assert found[-1] == Frame("data", CHIP, b"\x4b\x00")
    assert Frame("data", CHIP, b"\x15\x00") not in found


def test_noise_is_counted():
    reader = FrameReader()
    reader.feed(b"\x12\x34\x56" + ACK)
    assert reader.noise_bytes >= 3


@pytest.mark.parametrize("size", [1, 253, 254, 255, 256, MAX_DATA - 1])
def test_from_255_on_a_frame_is_extended(size):
    wire = build(HOST, bytes(size))
    assert (wire[3:5] == b"\xff\xff") == (size + 1 > 255)
    assert fed([wire]) == [Frame("data", HOST, bytes(size))]


def test_too_much_for_the_chip_is_refused():
    with pytest.raises(FrameError, match="266 bytes"):
        build(HOST, bytes(MAX_DATA))


@pytest.mark.parametrize("length", [0, MAX_DATA + 1, 0xFFFF])
def test_a_length_that_no_frame_has_is_noise(length):
    high, low = divmod(length, 256)
    head = bytes((0, 0, 0xFF, 0xFF, 0xFF, high, low, -(high + low) & 0xFF))
    assert fed([head, ACK]) == [Frame("ack")]


def test_clear_forgets_what_was_begun():
    reader = FrameReader()
    reader.feed(build(CHIP, b"\x15\x00")[:7])
    reader.clear()
    assert reader.feed(ACK) == [Frame("ack")]


class TestRealFrames:
    KNOWN = (
        ("0000ff02fed4022a00", HOST, "02"),
        ("0000ff06fad50332010607e800", CHIP, "0332010607"),
        ("0000ff05fbd4140100001700", HOST, "14010000"),
        ("0000ff04fcd44a0100e100", HOST, "4a0100"),
        ("0000ff03fdd54b00e000", CHIP, "4b00"),
    )

    @pytest.mark.parametrize(("wire", "tfi", "data"), KNOWN)
    def test_ours_are_the_same(self, wire, tfi, data):
        assert build(tfi, bytes.fromhex(data)).hex() == wire
        assert fed([bytes.fromhex(wire)]) == [Frame("data", tfi, bytes.fromhex(data))]

    def test_every_logged_line_is_frames_and_nothing_else_but_the_wake_up(self, logged):
        assert len(logged) == 28
        for way, wire in logged:
            reader = FrameReader()
            found = reader.feed(wire)
            assert reader.noise_bytes == (10 if wire.startswith(bytes(10)) else 0)
            assert reader._buffer == b""
            tfi = HOST if way == ">" else CHIP
            assert found
            assert all(f == Frame("ack") or f == Frame("data", tfi, f.data) for f in found)

    def test_built_again_each_is_the_same(self, logged):
        count = 0
        for _, wire in logged:
            for frame in fed([wire]):
                if frame.what == "data":
                    assert build(frame.tfi, frame.data) in wire
                    count += 1
        assert count >= 20

    def test_an_acknowledgement_and_its_answer_may_come_at_once(self):
        wire = bytes.fromhex("0000ff00ff000000ff03fdd54b00e000")
        assert fed([wire]) == [Frame("ack"), Frame("data", CHIP, b"\x4b\x00")]

    def test_the_wake_up_is_nothing(self):
        assert fed([WAKE + build(HOST, b"\x02")]) == [Frame("data", HOST, b"\x02")]
