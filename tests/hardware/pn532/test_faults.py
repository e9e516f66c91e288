"""Each fault of the line does what it says to the next frames, and to no more."""

import pytest

from hardware.pn532.faults import Faults
from hardware.pn532.frame import ACK, CHIP, ERROR_FRAME, build

FIRST = build(CHIP, b"\x4b\x00")
ANSWER = build(CHIP, b"\x41\x00data")


def after(fault):
    """What comes of ACK and answer with the fault, and of the next ones."""
    faults = Faults()
    assert faults.frames(FIRST) == [FIRST]
    faults.add(fault)
    hit = b"".join(faults.frames(ACK) + faults.frames(ANSWER))
    assert faults.frames(ACK) + faults.frames(ANSWER) == [ACK, ANSWER]
    return hit


@pytest.mark.parametrize(
    ("fault", "comes"),
    [
        ("lose_ack", ANSWER),
        ("lose_answer", ACK),
        ("headless", ACK + ANSWER[-3:]),
        ("cut", ACK + ANSWER[:-3]),
        ("refuse", ACK + ERROR_FRAME),
        ("wrong", ACK + build(CHIP, b"\x43\x00data")),
        ("stale", ACK + FIRST),
        ("early", FIRST + ACK + ANSWER),
    ],
)
def test_a_fault_hits_once(fault, comes):
    assert after(fault) == comes


def test_a_spoilt_checksum_does_not_hold():
    hit = after("spoil")
    assert (hit[:-2], hit[-1]) == ((ACK + ANSWER)[:-2], ANSWER[-1])
    assert hit[-2] != ANSWER[-2]


def test_as_often_as_told():
    faults = Faults()
    faults.add("lose_ack", 2)
    assert [faults.frames(ACK) for _ in range(3)] == [[], [], [ACK]]


def test_split_each_byte_by_itself():
    faults = Faults()
    faults.split = True
    assert faults.frames(ACK) == [bytes((byte,)) for byte in ACK]


def test_glued_the_ack_waits_for_its_answer():
    faults = Faults()
    faults.glue = True
    assert faults.frames(ACK) + faults.frames(ANSWER) == [ACK + ANSWER]


def test_an_error_frame_has_no_other_code():
    faults = Faults()
    faults.add("wrong")
    assert faults.frames(ERROR_FRAME) == [ERROR_FRAME]
