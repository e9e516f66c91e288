"""The CloudEvents sink alone: one POST, and what each answer of a real HTTP server means."""

import pytest

from gateway.config import SinkSection
from gateway.forward.cloudevents import CloudEventsSink
from gateway.forward.sink import Delivered, Event, Refused, Stopped, TryLater

EVENTS = [Event("a", "/units/a", b'{"id":"a"}'), Event("b", "/units/b", b'{"id":"b"}')]


@pytest.fixture
def sink(platform):
    return CloudEventsSink(SinkSection("cloudevents", platform.url, headers={"X-City": "c-1"}))


def test_a_batch_is_a_json_array_with_the_sites_headers(sink, platform):
    assert sink.deliver(EVENTS) == Delivered()
    ((headers, events),) = platform.requests
    assert events == [{"id": "a"}, {"id": "b"}]
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
    assert headers["X-City"] == "c-1"


MEANINGS = {
    Delivered: (200, 201, 202, 204, 299),
    TryLater: (408, 425, 429, 500, 502, 503, 504, 511),
    Refused: (400, 409, 413, 422),
    Stopped: (300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 406, 410, 415, 418, 451),
}


@pytest.mark.parametrize(
    ("meaning", "status"),
    [(meaning, one) for meaning, all_of in MEANINGS.items() for one in all_of],
)
def test_what_a_status_means(sink, platform, meaning, status):
    platform.says(status, headers={"Location": platform.url})
    outcome = sink.deliver(EVENTS)
    assert type(outcome) is meaning
    assert len(platform.requests) == 1
    if meaning is not Delivered:
        assert outcome.why == f"{platform.url} answered {status}"


def test_what_the_platform_said_is_passed_on_as_far_as_a_line_goes(sink, platform):
    platform.says(403, body="密码 no\n".encode() + b"x" * 500)
    why = sink.deliver(EVENTS).why
    assert why.startswith(f"{platform.url} answered 403 密码 no")
    assert len(why) < 300


def test_a_connection_is_used_again_and_made_anew_when_it_broke(sink, platform):
    assert sink.deliver(EVENTS) == Delivered()
    platform.says(200, hang_up=True)
    assert type(sink.deliver(EVENTS)) is TryLater
    assert sink.deliver(EVENTS) == Delivered()


def test_a_platform_that_is_not_there(sink, platform):
    platform.close()
    outcome = sink.deliver(EVENTS)
    assert type(outcome) is TryLater
    assert outcome.after_s == 0
    assert outcome.why.startswith(f"{platform.url}: ")


def test_a_name_that_nobody_knows_is_tried_again():
    sink = CloudEventsSink(SinkSection("cloudevents", "http://nobody.invalid/events"))
    assert type(sink.deliver(EVENTS)) is TryLater
