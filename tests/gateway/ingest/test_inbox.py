"""Between the brokers' threads and the worker: lanes, bounds, and who waits for whom."""

import threading

import pytest

from gateway.ingest import inbox as inbox_module
from gateway.ingest.inbox import Inbox
from gateway.ingest.intake import Message


def event(number, unit="cp-01", payload=b"{}"):
    return Message(f"xk/v1/{unit}/up/log/event", payload, via=number)


def track(number, unit="cp-01", payload=b"{}"):
    return Message(f"xk/v1/{unit}/up/log/track", payload, via=number)


@pytest.fixture
def filled():
    """An inbox that holds the given messages."""

    def make(*messages):
        inbox = Inbox()
        for message in messages:
            assert inbox.put(message, 0) is True
        return inbox

    return make


def test_what_is_put_is_taken_in_order(filled):
    messages = [event(1), Message("xk/v1/cp-01/up/hello", b""), event(2), event(3)]
    inbox = filled(*messages)
    assert inbox.take(0) == messages
    assert inbox.take(0) == []


def test_tracks_come_after_events_each_in_its_own_order(filled):
    inbox = filled(track(1), event(2), track(3), event(4))
    groups = [[message.via for message in inbox.take(0)] for _ in range(3)]
    assert groups == [[2, 4], [1, 3], []]


def test_the_lanes_take_turns_so_that_neither_waits_for_ever(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "GROUP", 1)
    inbox = filled(track(1), track(2), event(3), event(4), event(5))
    taken = [message.via for _ in range(5) for message in inbox.take(0)]
    assert taken == [3, 1, 4, 2, 5]


def test_a_group_is_bounded_in_number(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "GROUP", 2)
    inbox = filled(track(1), event(2), event(3), event(4))
    groups = [[message.via for message in inbox.take(0)] for _ in range(4)]
    assert groups == [[2, 3], [1], [4], []]


@pytest.mark.parametrize(
    ("payload", "sizes"), [(b"{" + b"x" * 59, [2, 2, 1]), (b"x" * 60, [1] * 5), (b"{", [5, 0, 0])]
)
def test_the_tracks_of_a_group_are_bounded_in_weight(filled, monkeypatch, payload, sizes):
    monkeypatch.setattr(inbox_module, "LIGHT_WEIGHT", 100)
    inbox = filled(*(track(number, payload=payload) for number in range(5)))
    assert [len(inbox.take(0)) for _ in sizes] == sizes


def test_one_track_too_heavy_is_taken_all_the_same(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "LIGHT_WEIGHT", 1)
    assert len(filled(track(1, payload=b"x" * 1_000)).take(0)) == 1


def test_a_full_lane_takes_no_more_and_leaves_the_other_open(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "ROOM", 2)
    inbox = filled(track(1), track(2), event(3))
    assert inbox.put(track(4), 0) is False
    assert inbox.put(event(5), 0) is True
    assert inbox.put(event(6), 0) is False
    assert [message.via for _ in range(2) for message in inbox.take(0)] == [3, 5, 1, 2]


def test_a_lane_that_stays_full_is_not_overfilled_when_the_other_is_emptied(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "ROOM", 2)
    monkeypatch.setattr(inbox_module, "GROUP", 1)
    inbox, asked = filled(track(1), track(2), event(3)), threading.Event()
    taken = []

    def put():
        asked.set()
        taken.append(inbox.put(track(4), 0.2))

    thread = threading.Thread(target=put)
    thread.start()
    assert asked.wait(30)
    while thread.is_alive():
        inbox._first.append("cp-01", event(5))
        inbox._turn = 0
        assert [message.topic for message in inbox.take(0)] == [event(5).topic]
        assert len(inbox._tracks) == 2
    thread.join(30)
    assert taken == [False]


def test_who_waits_for_room_gets_it(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "ROOM", 1)
    inbox, taken = filled(event(1)), []
    thread = threading.Thread(target=lambda: taken.append(inbox.put(event(2), 30)))
    thread.start()
    got = inbox.take(30) + inbox.take(30)
    thread.join(30)
    assert taken == [True]
    assert [message.via for message in got] == [1, 2]


def test_who_waits_for_a_message_gets_it(filled):
    inbox, got = filled(), []
    thread = threading.Thread(target=lambda: got.extend(inbox.take(30)))
    thread.start()
    inbox.put(event(1), 0)
    thread.join(30)
    assert got == [event(1)]


def photo(n):
    return Message(f"xk/v1/cp-01/up/photo/{'ab' * 32}/{n}", b"x" * 100)


def test_the_three_lanes_take_turns(filled):
    report = Message("xk/v1/cp-01/up/report", b"x" * 100)
    inbox = filled(photo(0), report, photo(1), track(1), event(1))
    first, second, third = (inbox.take(0) for _ in range(3))
    assert [event(1).topic] == [m.topic for m in first]
    assert [track(1).topic] == [m.topic for m in second]
    assert [photo(0).topic, report.topic, photo(1).topic] == [m.topic for m in third]
    assert inbox.take(0) == []


def test_an_idle_inbox_forgets_no_lane(filled):
    inbox = filled()
    for _ in range(5):
        assert inbox.take(0) == []
    for message in (photo(0), track(1), event(1)):
        assert inbox.put(message, 0)
    assert len([m for _ in range(3) for m in inbox.take(0)]) == 3


def test_photos_come_in_light_groups_and_few_wait(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "LIGHT_WEIGHT", 150)
    monkeypatch.setattr(inbox_module, "PHOTO_ROOM", 3)
    inbox = filled(photo(0), photo(1), photo(2))
    assert not inbox.put(photo(3), 0)
    assert inbox.put(event(1), 0)
    assert [len(inbox.take(0)) for _ in range(3)] == [1, 2, 1]


def test_a_lane_is_bounded_in_bytes_too_and_has_room_again_once_they_are_taken(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "ROOM_BYTES", 100)
    inbox = filled(event(1, payload=b"{" + b"x" * 99))
    assert inbox.put(event(2), 0) is False
    assert inbox.put(track(3), 0) is True
    assert len(inbox.take(0)) == 1
    assert inbox.put(event(2), 0) is True


# Units in turn


def test_a_flood_of_one_unit_holds_up_no_other(filled, monkeypatch):
    monkeypatch.setattr(inbox_module, "GROUP", 2)
    inbox = filled(*(event(number) for number in range(5)), event(9, unit="cp-02"))
    groups = [[message.via for message in inbox.take(0)] for _ in range(3)]
    assert groups == [[0, 9], [1, 2], [3, 4]]


@pytest.mark.parametrize("bound", [("SHARE", 3), ("SHARE_BYTES", 6)])
def test_beyond_its_share_a_units_messages_are_passed_over_and_counted(filled, monkeypatch, bound):
    monkeypatch.setattr(inbox_module, *bound)
    inbox = filled(*(event(number) for number in range(8)), event(9, unit="cp-02"), track(10))
    assert inbox.passed_over() == {"cp-01": 5}
    assert inbox.passed_over() == {}
    assert [message.via for message in inbox.take(0)] == [0, 9, 1, 2]
    assert [message.via for message in inbox.take(0)] == [10]
    inbox.put(event(11), 0)
    assert [message.via for message in inbox.take(0)] == [11]
    assert inbox.passed_over() == {}
