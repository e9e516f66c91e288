"""What the measured vehicle hands over is what it recorded, signed, in order, within a second of link."""

import pytest

from device.link.pace import FLOOR_BYTES
from sim.keys import CityKeys
from sim.measure import wire as measured
from sim.measure.backlog import Vehicle
from wire.batch import decode_batch, decode_record
from wire.keys import holds
from wire.track import unfold


@pytest.fixture(scope="module")
def fixes():
    return measured.noisy(7)


@pytest.fixture
def papers(tmp_path):
    return CityKeys(tmp_path / "keys").papers("v-1", tmp_path / "identity")


@pytest.mark.parametrize("bytes_s", [2_000, 1_000_000])
def test_all_that_was_kept_is_delivered_signed_and_in_order(tmp_path, papers, fixes, bytes_s):
    with Vehicle("v-1", tmp_path, papers) as vehicle:
        kept = vehicle.record(fixes)
        sent = vehicle.deliver(bytes_s)
    arrived, following = [], 1
    for topic, payload in sent:
        batch = decode_batch(payload)
        assert topic == "xk/v1/v-1/up/log/track"
        assert batch.first == following
        text = batch.signed_text("v-1", "track")
        assert holds(papers.certificate.public, text, batch.sig)
        following = batch.last + 1
        arrived += [fix for raw in batch.raws for fix in unfold(decode_record(raw))]
    assert len(arrived) == kept
    assert arrived == sorted(arrived, key=lambda fix: fix.up_ms)


def test_a_slow_link_is_never_handed_more_than_its_floor(tmp_path, papers, fixes):
    with Vehicle("v-1", tmp_path, papers) as slow:
        slow.record(fixes)
        assert all(len(payload) <= FLOOR_BYTES for _, payload in slow.deliver(2_000))
