"""Reports packed and unpacked, within their bounds."""

import os
import zlib

import pytest

from wire.batch import BadPayload
from wire.report import MAX_BYTES, MAX_LINES, MAX_TEXT_BYTES, logs_wanted, packed, unpacked


def test_a_short_one_comes_back_whole():
    assert unpacked(packed(b"one\ntwo\n")) == b"one\ntwo\n"


def test_of_a_long_one_the_newest_lines_stay():
    lines = [os.urandom(500).hex().encode() for _ in range(2_000)]
    data = packed(b"\n".join(lines))
    assert len(data) <= MAX_BYTES
    kept = unpacked(data).split(b"\n")
    assert kept == lines[-len(kept) :]
    assert len(kept) > 200


@pytest.mark.parametrize(
    "data",
    [b"", b"no zlib", zlib.compress(b"x" * 100)[:-3], zlib.compress(bytes(MAX_TEXT_BYTES + 1))],
)
def test_what_is_none_is_refused(data):
    with pytest.raises(BadPayload):
        unpacked(data)


def test_what_an_order_asks_for():
    assert logs_wanted(None).lines == 200
    assert logs_wanted('{"of":"kernel","lines":7,"since_ms":5}').of == "kernel"
    for text in ("[]", '{"of":"sshd"}', f'{{"lines":{MAX_LINES + 1}}}', '{"unit":"x"}', "{\ud800"):
        with pytest.raises(BadPayload):
            logs_wanted(text)
