"""Bytes on a UART take their time."""

import pytest

from hardware.pn532.pace import Pace

BYTE_S = 10 / 115200


def test_bytes_are_through_with_their_last_bit():
    pace = Pace()
    pace.push(b"abc", 115200, 5.0)
    assert pace.next_s() == pytest.approx(5.0 + 3 * BYTE_S)
    assert pace.due(5.0 + 2.9 * BYTE_S) == []
    assert pace.due(5.0 + 3.1 * BYTE_S) == [(b"abc", 115200)]
    assert pace.next_s() is None


def test_what_is_sent_meanwhile_waits_for_its_turn():
    pace = Pace()
    pace.push(b"abc", 115200, 5.0)
    pace.push(b"d", 115200, 5.0)
    assert pace.due(5.0 + 3.1 * BYTE_S) == [(b"abc", 115200)]
    assert pace.next_s() == pytest.approx(5.0 + 4 * BYTE_S)
    assert pace.due(6.0) == [(b"d", 115200)]


def test_an_idle_line_sends_at_once_and_at_its_own_rate():
    pace = Pace()
    pace.push(b"a", 115200, 5.0)
    assert pace.due(6.0)
    pace.push(b"a", 921600, 7.0)
    assert pace.next_s() == pytest.approx(7.0 + 10 / 921600)


def test_cleared_it_has_lost_all_and_is_idle():
    pace = Pace()
    pace.push(bytes(1000), 9600, 5.0)
    pace.clear()
    assert pace.due(100.0) == []
    pace.push(b"a", 115200, 5.0)
    assert pace.next_s() == pytest.approx(5.0 + BYTE_S)
