"""Records in plain words."""

from typing import get_args

from device.status.plain import _TABLE, RESULTS, STOPS, is_silent, plain
from tests.device.status.conftest import head
from wire.records import (
    KINDS,
    Alarm,
    Boot,
    Checkin,
    Clock,
    Imported,
    Photo,
    Removed,
    Result,
    Root,
    StopReason,
    Track,
)


def test_every_kind_of_event_that_a_unit_writes_has_its_words():
    assert {*KINDS} - {*_TABLE} == {Track, Removed, Root, Imported}
    assert {*STOPS} == {*get_args(StopReason)}
    assert {*RESULTS} == {*get_args(Result)}


def test_a_kind_without_words_is_named():
    track = Track(**head(), t0_ms=None, up0_ms=1, dt_ms=[0], lat_e7=[1], lon_e7=[1])
    assert plain(track) == ("track", "track")


def test_what_some_of_them_say():
    seen = {"badge": None, "person": None, "place": "pl-1", "method": "geofence", "proof": "gnss"}
    photo = {"sha256": "0" * 64, "bytes": 1, "width": 1, "height": 1, "reason": "sos"}
    for record, said in (
        (
            Boot(**head(), version="1", role="vehicle", last_stop="power_cut", logs={}),
            "a power cut",
        ),
        (Clock(**head(), utc_ms=1, source="gnss", err_ms=300), "learned by gnss, within 0.3 s"),
        (Checkin(**head(), result="weak", **seen), "? at pl-1 by geofence: too weak a proof"),
        (Alarm(**head(), alarm="part", what="ok", part="gps", active=False), "part is over: gps"),
        (Photo(**head(), lost="card", **photo), "a photo was lost: card"),
    ):
        assert said in plain(record).en


def test_a_silent_alarm_is_not_for_the_box():
    assert is_silent(Alarm(**head(), alarm="duress", what="a card"))
    assert not is_silent(Alarm(**head(), alarm="sos", what="SOS button"))
