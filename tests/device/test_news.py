"""The unit's log: each change once."""

import pytest

from device.core import events as ev
from device.news import News


@pytest.fixture
def said(caplog):
    caplog.set_level("INFO", "xunkong.device")
    news = News()

    def tell(*events):
        caplog.clear()
        for event in events:
            news.tell(event)
        return [record.getMessage() for record in caplog.records]

    return tell


def test_a_broker_that_stays_away_is_told_of_once(said):
    gone = "no broker: b:1883: refused; tried again, records stay on the unit"
    assert said(ev.LinkDown(1, "b:1883: refused"), ev.LinkDown(2, "b:1883: refused")) == [gone]
    assert said(ev.LinkUp(3, "b:1883")) == ["connected to broker b:1883"]
    assert said(ev.LinkDown(3, "b:1883: refused")) == [gone]


def test_parts_speak_for_themselves(said):
    assert said(ev.PartSpoke("gps", "silent"), ev.PartSpoke("nfc", "ok")) == [
        "gps: silent",
        "nfc: ok",
    ]
    assert said(ev.PartSpoke("gps", "silent")) == []


def test_what_happens_all_the_time_is_not_told(said):
    assert said(ev.Tick(), ev.Handed(1), ev.CardShown("04a1b2c3", 5)) == []
