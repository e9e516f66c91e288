"""A record as a CloudEvent: identity, time and what it is worth, subject, sequence, data."""

import base64
import json

import pytest

from gateway.forward.events import correction_event, identity, record_event, rfc3339
from gateway.store.times import BootAnchor

ROW = {
    "unit": "cp-01", "stream": "event", "log": "e" * 16, "seq": 41, "kind": "checkin",
    "boot": "9c1b22f0", "up_ms": 9_000, "at_ms": 1_763_890_000_000, "clock": "gnss",
    "raw": b'{"kind": "checkin", "place": "east", "person": "p-1", "newer": 1.0}', "mark": None,
}  # fmt: skip
ANCHOR = BootAnchor(10_000, 1_763_890_000_000, 50, "ntp")
ID = "cp-01/event/" + "e" * 16 + "/41"


def event(anchor=None, **fields):
    made = record_event({**ROW, **fields}, anchor)
    said = json.loads(made.body)
    assert (made.id, made.source) == (said["id"], said["source"])
    return said


def test_a_whole_event():
    assert event() == {
        "specversion": "1.0",
        "id": ID,
        "source": "/units/cp-01",
        "type": "cn.xunkong.checkin.v1",
        "sequence": "00000000000000000041",
        "timequality": "gnss",
        "time": "2025-11-23T09:26:40.000Z",
        "recordedtime": "2025-11-23T09:26:40.000Z",
        "subject": "east",
        "datacontenttype": "application/json",
        "data": {"kind": "checkin", "place": "east", "person": "p-1", "newer": 1.0},
    }


def test_the_record_is_passed_on_byte_by_byte():
    assert b'"data":' + ROW["raw"] in record_event(ROW, None).body


def test_sequences_sort_as_text():
    numbers = [1, 9, 10, 2**53]
    texts = [event(seq=number)["sequence"] for number in numbers]
    assert texts == sorted(texts)
    assert len(set(texts)) == 4


@pytest.mark.parametrize(
    ("clock", "at_ms", "anchor", "quality", "time", "recorded"),
    [
        ("ntp", 1_000, ANCHOR, "ntp", "1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.000Z"),
        ("gw", 1_000, None, "gw", "1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.000Z"),
        ("rtc", 1_000, None, "rtc", "1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.000Z"),
        ("rtc", 1_000, ANCHOR, "repaired", "2025-11-23T09:26:39.000Z", "1970-01-01T00:00:01.000Z"),
        ("none", None, ANCHOR, "repaired", "2025-11-23T09:26:39.000Z", None),
        ("none", None, None, "none", None, None),
        (None, None, None, "none", None, None),
    ],
)
def test_the_time_and_what_it_is_worth(clock, at_ms, anchor, quality, time, recorded):
    said = event(anchor, clock=clock, at_ms=at_ms)
    assert said["timequality"] == quality
    assert said.get("time") == time
    assert said.get("recordedtime") == recorded


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b'{"place":"east","person":"p-1"}', "east"),
        (b'{"place":null,"person":"p-1"}', "p-1"),
        (b'{"place":"","person":"p-1"}', "p-1"),
        (b'{"place":null}', None),
        (b'{"place":7,"person":"p-1"}', None),
        (b"[1]", None),
        (b"null", None),
    ],
)
def test_the_subject_is_a_place_or_a_person(raw, subject):
    assert event(raw=raw).get("subject") == subject


def test_a_record_that_is_no_utf8_goes_as_base64():
    raw = b'{"kind":"x","a":"\xff"}'
    said = event(raw=raw, kind=None, mark="unreadable: x")
    assert base64.b64decode(said["data_base64"]) == raw
    assert "data" not in said
    assert said["mark"] == "unreadable: x"


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("checkin", "checkin"), (None, "unreadable"), ("", "unreadable"), ("New Kind!", "new-kind-"),
        ("新", "-"), ("fire-watch", "fire-watch"),
    ],
)  # fmt: skip
def test_any_kind_makes_a_type(kind, type_):
    assert event(kind=kind)["type"] == f"cn.xunkong.{type_}.v1"


def test_a_correction_names_the_record_and_the_clock_record_that_dates_it():
    made = correction_event(
        {**ROW, "clock": "none", "at_ms": None}, ANCHOR, {"log": "c" * 16, "seq": 57}
    )
    said = json.loads(made.body)
    assert made.id == said["id"] == f"{ID}/correction/{'c' * 16}/57"
    assert said["type"] == "cn.xunkong.correction.v1"
    assert said["source"] == "/units/cp-01"
    assert (said["time"], said["timequality"]) == ("2025-11-23T09:26:39.000Z", "repaired")
    assert said["data"] == {"ref": {"unit": "cp-01", "stream": "event", "log": "e" * 16, "seq": 41}}


def test_names_and_times_as_text():
    assert identity(ROW) == ID
    assert rfc3339(1) == "1970-01-01T00:00:00.001Z"
    assert rfc3339(1_763_890_000_999) == "2025-11-23T09:26:40.999Z"


def test_an_hour_of_hostile_records_is_forwarded_whole(forward, bench, unit_log, platform):
    """What a reader cannot read, and what no clock can show, is still an event of its own."""
    log = unit_log()
    log.add_raw(
        b'{"kind":"newer","boot":"9c1b22f0","up_ms":1,"at_ms":9007199254740991,"clock":"gnss"}'
    )
    log.checkin(up_ms=2**53, at_ms=None, clock="none")
    log.add_raw(b'{"kind":"checkin","up_ms":"\\u0000"}').add_raw(b"3").add_raw(b'"\xff"')
    log.checkin(at_ms=4_102_444_800_000)
    bench.take(log.message())
    forward.all()
    assert [event["id"].rpartition("/")[2] for event in platform.taken] == list("123456")
    assert "time" not in platform.taken[0]
    assert platform.taken[5]["time"] == "2100-01-01T00:00:00.000Z"
