"""The inbox: nobody who taps waits behind positions."""

import threading

from device.core.events import ButtonMoved, CardShown, Heard, PartSpoke, Tick
from device.inbox import Inbox

TAP = CardShown("04a1b2c3", 1)
PRESS = ButtonMoved("sos", True, 2)


def drain(inbox):
    taken = []
    while (event := inbox.take(0)) is not None:
        taken.append(event)
    return taken


def test_taps_and_buttons_first_each_lane_in_its_order():
    inbox = Inbox()
    others = [PartSpoke("gps", str(n)) for n in range(3)]
    for event in (others[0], TAP, others[1], PRESS, others[2]):
        inbox.put(event)
    assert drain(inbox) == [TAP, PRESS, *others]


def test_empty_gives_none():
    assert Inbox().take(0) is None


def test_a_taker_is_woken_by_what_comes():
    inbox, taken = Inbox(), []
    taker = threading.Thread(target=lambda: taken.append(inbox.take(30)))
    taker.start()
    inbox.put(TAP)
    taker.join(10)
    assert taken == [TAP]


def test_nothing_is_lost_among_many_threads():
    inbox = Inbox()

    def put(part):
        for n in range(500):
            inbox.put(PartSpoke(part, str(n)))
            inbox.put(Tick())

    threads = [threading.Thread(target=put, args=(str(p),)) for p in range(4)]
    for thread in threads:
        thread.start()
    taken = [inbox.take(10) for _ in range(4 * 1000)]
    for thread in threads:
        thread.join(10)
    assert inbox.take(0) is None
    for part in range(4):
        words = [e.word for e in taken if isinstance(e, PartSpoke) and e.part == str(part)]
        assert words == [str(n) for n in range(500)]


def test_a_flood_from_the_broker_takes_bounded_room_and_nothing_else_is_passed_over():
    inbox, message = Inbox(), Heard("xk/v1/cp-1/down/config", bytes(100_000), False)
    for _ in range(200):
        inbox.put(message)
    inbox.put(TAP)
    inbox.put(Tick())
    taken = drain(inbox)
    assert (taken[0], taken[-1]) == (TAP, Tick())
    assert 40 <= len(taken) - 2 <= 45
    inbox.put(message)
    assert drain(inbox) == [message]


def test_what_hands_did_is_taken_together_and_the_rest_stays_in_its_order():
    inbox, moves = Inbox(), [ButtonMoved("sos", down, n) for n, down in enumerate((True, False))]
    for event in (Tick(), moves[0], TAP, moves[1]):
        inbox.put(event)
    assert inbox.moves() == moves
    assert inbox.moves() == []
    assert drain(inbox) == [TAP, Tick()]
