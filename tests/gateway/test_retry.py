"""The quarantine, looked at and tried again."""

import pytest

from gateway.ingest.intake import Message
from gateway.ingest.quarantine import KEPT_BYTES
from gateway.ingest.registry import keep
from gateway.retry import again, listed, one
from gateway.store.schema import quarantine
from tests.sun import sun_url
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys
from wire.records import Checkin
from wire.words import Fault

KEYS = SiteKeys(bytes(range(16)))
CARD = "04de5f1eacc040"
TOPIC = "xk/v1/cp-01/up/log/event"


def introduced(store, site):
    """The key of `cp-01`, whose certificate `store` knows."""
    unit = site.bearer("cp-01")
    with store.changing() as connection:
        keep(connection, unit.read(site), 0)
    return unit


def test_the_newest_is_listed_first(any_bench):
    for number in range(3):
        any_bench.now_ms += 1
        any_bench.take(Message(TOPIC, b"bad %d" % number))
    assert [row.payload for row in listed(any_bench.store)] == [b"bad 2", b"bad 1", b"bad 0"]


def test_one_is_found_by_the_beginning_of_its_hash(bench):
    bench.take(Message(TOPIC, b"bad"), Message(TOPIC, b"worse"))
    row = listed(bench.store)[0]
    assert one(bench.store, row.sha256[:12].upper()).payload == row.payload
    with pytest.raises(Fault, match="2 payloads begin with ''; see `list`, and give more digits"):
        one(bench.store, "")
    with pytest.raises(Fault, match="0 payloads begin with 'xyz'"):
        one(bench.store, "xyz")


def test_what_is_still_wrong_stays_with_the_reason(any_bench, gateway_keys):
    any_bench.take(Message(TOPIC, b"bad"))
    (row,) = listed(any_bench.store)
    assert (
        again(any_bench.store, row, gateway_keys, None) == "starts with neither { nor 0x78 (zlib)"
    )
    (held,) = listed(any_bench.store)
    assert held.times == 2


def test_what_can_be_taken_now_is_taken_and_out(any_bench, unit_log, keys_site, gateway_keys):
    log = unit_log().grow(2)
    key = introduced(any_bench.store, keys_site)
    any_bench.take(Message(TOPIC, b"bad"))
    with any_bench.store.changing() as connection:
        connection.execute(quarantine.update().values(payload=log.payload(key=key)))
    (row,) = listed(any_bench.store)
    assert again(any_bench.store, row, gateway_keys, None) is None
    assert listed(any_bench.store) == []
    assert any_bench.kept() == log.raws


def test_what_was_kept_in_part_cannot_be_tried(bench, gateway_keys):
    bench.take(Message(TOPIC, b"x" * (KEPT_BYTES + 1)))
    (row,) = listed(bench.store)
    assert (
        again(bench.store, row, gateway_keys, None)
        == f"only its first {KEPT_BYTES} bytes were kept"
    )
    assert listed(bench.store)[0].times == 1


@pytest.mark.parametrize(("which", "alarms"), [("file", 0), ("auth", 1)])
def test_sun_messages_are_judged_as_ingest_judges_them(
    bench, unit_log, keys_site, gateway_keys, which, alarms
):
    url = sun_url(getattr(card_keys(KEYS.master, CARD), which), CARD, 5)
    log = unit_log().add(
        Checkin, badge=CARD, person="p", place="pl", method="nfc", proof="sun", result="accepted",
        sun=url, sun_counter=5,
    )  # fmt: skip
    key = introduced(bench.store, keys_site)
    bench.take(Message(TOPIC, b"bad"))
    with bench.store.changing() as connection:
        connection.execute(quarantine.update().values(payload=log.payload(key=key)))
    (row,) = listed(bench.store)
    assert again(bench.store, row, gateway_keys, KEYS) is None
    assert len([what for what in bench.alarms() if "SUN message" in what]) == alarms
    (kept,) = [row for row in bench.table("records") if row["unit"] == "cp-01"]
    assert kept["mark"] == ("SUN message does not hold" if alarms else None)
