"""What systemd hears: each line as sd_notify(3) has it, and no sign of life that is not true."""

import os
import socket

import pytest

from tests.notified import Heard
from wire.service import Service
from wire.words import Words

WORK = Words("在岗", "on duty")


class Clock:
    """Time that the test moves on."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heard(tmp_path):
    manager = Heard(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def service(heard, clock):
    return Service(heard.environ, clock)


def test_it_is_ready_once_and_its_line_can_change(heard, service):
    service.ready(WORK)
    service.ready(WORK)
    service.says(Words("一\n二", "two\nlines"))
    service.stopping()
    assert heard.drain() == [
        *("READY=1", "STATUS=on duty", "STATUS=on duty", "STATUS=two lines", "STOPPING=1")
    ]


def test_people_read_it_in_their_language(heard):
    Service({**heard.environ, "XUNKONG_LANG": "zh"}).says(WORK)
    assert heard.drain() == ["STATUS=在岗"]


def test_an_abstract_socket_is_told_too(clock):
    name = f"xunkong-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        Service({"NOTIFY_SOCKET": f"@{name}"}, clock).stopping()
        assert manager.recv(100, socket.MSG_DONTWAIT) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/nowhere/at/all"])
def test_where_nobody_listens_the_work_goes_on(address, clock):
    service = Service({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}, clock)
    service.ready(WORK)
    service.alive()
    service.patient(5)


def test_a_service_manager_that_does_not_read_holds_nothing_up(heard, service):
    for _ in range(10_000):
        service.says(WORK)
    assert heard.next() == ["STATUS=on duty"]


def test_without_a_watchdog_there_are_no_signs_of_life(tmp_path, clock):
    manager = Heard(tmp_path / "notify", watchdog=False)
    service = Service(manager.environ, clock)
    service.alive()
    service.patient(5)
    assert manager.drain() == []
    manager.close()


def test_signs_of_life_come_well_in_time_and_not_at_every_turn(heard, service, clock):
    service.ready(WORK)
    heard.drain()
    for _ in range(200):
        service.alive()
        clock.now_s += 0.01
    assert heard.drain() == ["WATCHDOG=1"] * 3


def test_a_start_that_takes_long_is_given_time_as_long_as_it_moves(heard, service):
    service.alive()
    assert heard.drain() == ["EXTEND_TIMEOUT_USEC=2000000"]


def test_one_thread_that_hangs_silences_all(heard, service, clock):
    service.ready(WORK)
    service.alive("sink a")
    clock.now_s += 1.9
    service.alive()
    assert heard.drain()[-1] == "WATCHDOG=1"
    clock.now_s += 0.2
    service.alive()
    clock.now_s += 5
    service.alive()
    assert heard.drain() == []
    service.alive("sink a")
    assert heard.drain() == ["WATCHDOG=1"]


def test_a_thread_may_say_for_how_long_it_will_be_silent(heard, service, clock):
    service.ready(WORK)
    service.alive("sink a", 300)
    clock.now_s += 299
    service.alive()
    assert heard.drain()[-1] == "WATCHDOG=1"
    clock.now_s += 2
    service.alive()
    assert heard.drain() == []


def test_patience_is_asked_for_and_given_back(heard, service):
    service.patient(900)
    service.patient()
    service.ready(WORK)
    service.patient(900)
    service.patient()
    assert heard.drain() == [
        *("EXTEND_TIMEOUT_USEC=900000000", "EXTEND_TIMEOUT_USEC=2000000"),
        *("READY=1", "STATUS=on duty"),
        *("WATCHDOG=1", "WATCHDOG_USEC=900000000", "WATCHDOG=1", "WATCHDOG_USEC=2000000"),
    ]
