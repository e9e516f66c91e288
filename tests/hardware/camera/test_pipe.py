"""The pipe's messages: whole, byte by byte, several at once, and what is none of ours."""

import pytest

from hardware.camera.pipe import Ask, Assembler, BadMessage, Said, encode

ANSWERS = [(Said("ok", exposure_us=20, iso=200), b"\xff\xd8" * 999), (Said("missing", "无"), b"")]


def test_whole_and_several_at_once():
    data = b"".join(encode(*answer) for answer in ANSWERS)
    assert Assembler(Said).feed(data) == ANSWERS


def test_byte_by_byte():
    data = b"".join(encode(*answer) for answer in ANSWERS)
    assembler = Assembler(Said)
    assert [m for at in range(len(data)) for m in assembler.feed(data[at : at + 1])] == ANSWERS


def test_an_incomplete_one_waits():
    data = encode(Ask(True, ("27.2 111.4", "v-1")))
    assembler = Assembler(Ask)
    assert assembler.feed(data[:-1]) == []
    assert assembler.feed(data[-1:]) == [(Ask(True, ("27.2 111.4", "v-1")), b"")]


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):",
        encode(Ask(True)),
        b"\0\0\0\2\0\0\0\0[]",
        b"\0\0\0\1\xff\0\0\0",
    ],
)
def test_what_is_none_of_ours_is_refused(data):
    with pytest.raises(BadMessage):
        Assembler(Said).feed(data)
