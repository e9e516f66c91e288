"""The platform's stand-in, over HTTP: what it keeps, how it misbehaves, and that it remembers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from sim.platform import MAX_BODY_BYTES, Platform

WAIT_S = 30


def event(number: int, source: str = "/units/cp-1") -> dict[str, Any]:
    kind = "cn.xunkong.checkin.v1"
    return {"specversion": "1.0", "id": f"cp-1/event/a/{number}", "source": source, "type": kind}


@contextmanager
def serving(store: Path) -> Iterator[Platform]:
    platform = Platform(0, store)
    thread = threading.Thread(target=platform.serve)
    thread.start()
    try:
        yield platform
    finally:
        platform.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def platform(store: Path) -> Iterator[Platform]:
    with serving(store) as one:
        yield one


def ask(platform: Platform, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and decoded answer of one request."""
    connection = HTTPConnection("127.0.0.1", platform.port, timeout=WAIT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def post(platform: Platform, *events: object) -> int:
    return ask(platform, "POST", "/events", json.dumps(events).encode())[0]


def control(platform: Platform, mode: str) -> int:
    return ask(platform, "POST", "/control", json.dumps({"mode": mode}).encode())[0]


def held(store: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["event"] for line in store.read_text("utf-8").splitlines()]


def test_a_batch_is_kept_in_order_with_the_time_of_its_receipt(
    platform: Platform, store: Path
) -> None:
    assert post(platform, event(1), event(2)) == 202
    assert post(platform, event(3)) == 202
    assert held(store) == [event(1), event(2), event(3)]
    times = [json.loads(line)["received_ns"] for line in store.read_text().splitlines()]
    assert times[0] == times[1] < times[2]


def test_the_count_of_what_came_again_goes_by_source_and_id(platform: Platform) -> None:
    post(platform, event(1), event(2))
    post(platform, event(1))
    post(platform, event(1, source="/units/cp-2"))
    said = ask(platform, "GET", "/stats")[1]
    assert said == {"events": 4, "requests": 3, "again": 1, "distinct": 3, "mode": "ok"}


@pytest.mark.parametrize(("mode", "status"), [("fail", 503), ("refuse", 422)])
def test_told_to_misbehave_it_keeps_nothing(
    platform: Platform, store: Path, mode: str, status: int
) -> None:
    assert control(platform, mode) == 200
    assert post(platform, event(1)) == status
    assert held(store) == []
    assert control(platform, "ok") == 200
    assert post(platform, event(1)) == 202
    assert held(store) == [event(1)]


def test_a_stalled_request_is_answered_once_it_may_go_on(platform: Platform, store: Path) -> None:
    control(platform, "stall")
    statuses: list[int] = []
    request = threading.Thread(target=lambda: statuses.append(post(platform, event(1))))
    request.start()
    while ask(platform, "GET", "/stats")[1]["requests"] == 0:
        assert request.is_alive()
    assert (statuses, held(store)) == ([], [])
    control(platform, "ok")
    request.join(WAIT_S)
    assert statuses == [202]
    assert held(store) == [event(1)]


def test_the_end_lets_a_stalled_request_go(store: Path) -> None:
    with serving(store) as platform:
        control(platform, "stall")
        request = threading.Thread(target=lambda: post(platform, event(1)))
        request.start()
        while ask(platform, "GET", "/stats")[1]["requests"] == 0:
            assert request.is_alive()
    request.join(WAIT_S)
    assert not request.is_alive()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe[", "JSON"),
        (json.dumps(event(1)).encode(), "array"),
        (b"[1]", "event 0"),
        (json.dumps([event(1), {"id": "x"}]).encode(), "event 1"),
    ],
)
def test_a_bad_batch_is_refused_whole(
    platform: Platform, store: Path, body: bytes, word: str
) -> None:
    status, said = ask(platform, "POST", "/events", body)
    assert status == 400
    assert word in said["error"]
    assert held(store) == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"mode":"fly"}', b'{"mood":"ok"}', b'"ok"'])
def test_a_bad_command_changes_nothing(platform: Platform, body: bytes) -> None:
    control(platform, "fail")
    assert ask(platform, "POST", "/control", body)[0] == 400
    assert ask(platform, "GET", "/stats")[1]["mode"] == "fail"


def test_another_path_is_not_found(platform: Platform) -> None:
    assert ask(platform, "GET", "/events")[0] == 404


def test_too_large_a_body_is_not_read(platform: Platform, store: Path) -> None:
    connection = HTTPConnection("127.0.0.1", platform.port, timeout=WAIT_S)
    connection.putrequest("POST", "/events")
    connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    assert (status, held(store)) == (413, [])


def test_an_empty_batch_is_taken(platform: Platform, store: Path) -> None:
    assert post(platform) == 202
    assert held(store) == []


class TestARestart:
    def test_keeps_what_was_counted(self, store: Path) -> None:
        with serving(store) as platform:
            post(platform, event(1), event(2))
            post(platform, event(2))
        with serving(store) as platform:
            post(platform, event(1))
            said = ask(platform, "GET", "/stats")[1]
        assert (said["events"], said["distinct"], said["again"]) == (4, 2, 2)
        assert len(held(store)) == 4

    def test_after_a_kill_in_mid_line_drops_that_line_alone(self, store: Path) -> None:
        with serving(store) as platform:
            post(platform, event(1))
        whole = store.read_bytes()
        store.write_bytes(whole + whole[:-10])
        with serving(store) as platform:
            post(platform, event(2))
            assert ask(platform, "GET", "/stats")[1]["distinct"] == 2
        assert held(store) == [event(1), event(2)]
