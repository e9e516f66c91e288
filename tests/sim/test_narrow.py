"""The narrow way: what it carries is what was sent; how long that takes is counted, not waited for."""

import socket
import threading

import pytest

from sim.city import wait_for
from sim.narrow import HEAD_BYTES, LEAST_RTO_S, Narrow, Road, _Lane

WIDE = Road(bytes_s=10**9, delay_s=0.0)


@pytest.fixture
def echo():
    """A server that gives back what it gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            try:
                while True:
                    end, _ = server.accept()
                    while data := end.recv(4096):
                        end.sendall(data)
                    end.close()
            except OSError:
                pass  # the test is over

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("road", [WIDE, Road(10**6, 0.01, 0.2)])
def test_bytes_come_whole_and_in_order_both_ways(echo, road):
    narrow = Narrow(echo, road)
    sent = bytes(range(256)) * 200
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=20) as end:
        end.sendall(sent)
        end.settimeout(20)
        got = b""
        while len(got) < len(sent):
            got += end.recv(4096)
    assert got == sent
    assert narrow.up.carried_bytes > len(sent)
    narrow.close()


def test_an_end_reaches_the_other_side(echo):
    narrow = Narrow(echo, WIDE)
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=20) as end:
        end.settimeout(20)
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        narrow.close()
        assert end.recv(1) == b""


def test_closed_it_leaves_no_thread_behind_however_far_a_lane_is_behind(echo):
    narrow = Narrow(echo, Road(bytes_s=100, delay_s=0.0))
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=20) as end:
        end.sendall(bytes(1_000_000))
        assert wait_for(lambda: narrow.up.carried_bytes > 50_000)
        narrow.close()
    assert not any(thread.is_alive() for thread in narrow._threads)


def test_nobody_behind_it_ends_the_connection():
    narrow = Narrow(1, WIDE)
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=20) as end:
        end.settimeout(20)
        assert end.recv(1) == b""
    narrow.close()


class TestALane:
    def test_segments_leave_one_after_another(self):
        lane = _Lane(Road(1_000, 0.4), 1)
        size = 1_000 - HEAD_BYTES
        assert [lane.arrival_s(size, 10.0) for _ in range(3)] == pytest.approx([11.4, 12.4, 13.4])
        assert lane.arrival_s(size, 20.0) == pytest.approx(21.4)

    def test_a_lost_one_is_carried_twice_and_comes_a_round_trip_later(self):
        lane = _Lane(Road(1_000, 0.4, loss=1.0), 1)
        arrived_s = lane.arrival_s(1_000 - HEAD_BYTES, 10.0)
        assert arrived_s == pytest.approx(12.4 + 0.8 + LEAST_RTO_S)
