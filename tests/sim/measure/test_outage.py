"""The outage's load is what units would send: whole chains, within the limits of a unit's batches."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.link.delivery import MAX_BATCH_BYTES
from sim.measure import outage
from wire.batch import decode_batch, decode_record
from wire.chain import START
from wire.keys import KeySigner
from wire.track import unfold


@pytest.fixture(scope="module")
def hour():
    return outage.drive(1)


def test_an_hour_has_every_second(hour):
    fixes = [fix for raw in hour for fix in unfold(decode_record(raw))]
    assert len(fixes) == outage.FIXES
    assert len({fix.at_ms for fix in fixes}) == outage.FIXES


def test_the_batches_are_one_signed_chain(hour):
    signer = KeySigner(Ed25519PrivateKey.generate())
    following, h = 1, START
    for topic, payload in outage.batches("v-001", hour, signer):
        batch = decode_batch(payload)
        assert topic == "xk/v1/v-001/up/log/track"
        assert (batch.first, batch.prev) == (following, h)
        assert batch.kid == signer.kid
        assert len(batch.sig) == 86
        assert sum(map(len, batch.raws)) <= MAX_BATCH_BYTES
        following, h = batch.last + 1, batch.hs[-1]
    assert following == len(hour) + 1
