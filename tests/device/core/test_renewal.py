"""The unit asks for its next certificate in time, and is not misled by what comes back."""

import pytest
from msgspec.structs import replace

from device.core import effects as ef
from device.core import events as ev
from device.core.renewal import AGAIN_MS, WAY_BACK
from device.trust import GatewayTrust
from tests.device.core.conftest import UTC0
from tests.keys import Site
from wire import codec, topics
from wire.live import WorkerState
from wire.orders import CertGrant, CertRequest

SITE = Site()
DAY_MS = 86_400_000
TOPIC = topics.cert("v-1")


class Held:
    """The certificate in use: made `age` days ago, good for 90."""

    def __init__(self, age):
        issued_ms = UTC0 - age * DAY_MS
        self.bearer = SITE.bearer("v-1", serial=issued_ms << 64)
        self.to_ms = issued_ms + 90 * DAY_MS

    def __call__(self):

        return replace(self.bearer.read(SITE), to_ms=self.to_ms)


@pytest.fixture
def greeted(make_unit):
    """A unit whose certificate is so old, connected, its clock set."""

    def make(age, **more):
        trust = GatewayTrust(lambda: SITE.authority, None)
        unit = make_unit(certificate=Held(age), trust=trust, **more)
        unit.link()
        unit.hear(topics.worker_state("w1"), WorkerState(1, True, "s", cert=SITE.signing.text))
        unit.clock("ntp")
        return unit

    return make


def asked(unit):
    return [effect for effect in unit.effects if isinstance(effect, ef.AskForPapers)]


def answer(unit, grant, key=SITE.signing):
    unit.hear(TOPIC, codec.encode_signed(grant, TOPIC, key))


def alarms(unit):
    unit.wait(1_000)
    return " ".join(unit.states()[-1].alarms)


@pytest.mark.parametrize(("age", "times"), [(0, 0), (59, 0), (61, 1), (100, 1)])
def test_two_thirds_of_the_time_have_passed(greeted, age, times):
    assert len(asked(greeted(age))) == times


def test_not_without_a_connection_nor_without_a_certificate(make_unit):
    unit = make_unit(certificate=Held(80))
    unit.clock("ntp")
    unit.wait(5_000)
    assert asked(unit) == []
    unit = make_unit()
    unit.link()
    unit.clock("ntp")
    assert asked(unit) == []


def test_the_request_is_signed_by_the_key_in_use(greeted):
    unit = greeted(80)
    unit.happen(ev.RequestMade("a request"))
    [payload] = [p for _, topic, p in unit.published if topic == topics.csr("v-1")]
    signed = codec.decode_signed(payload, topics.csr("v-1"), CertRequest)
    assert (signed.message.csr, signed.message.proof) == ("a request", None)
    assert signed.sig is not None


def test_the_answer_is_laid_in_its_place_and_asked_for_no_more(greeted):
    unit = greeted(80)
    answer(unit, CertGrant(1, "QUJD"))
    assert ef.LayPapers("QUJD") in unit.effects
    unit.happen(ev.PapersLaid(None))
    unit.happen(ev.Tick(), unit.up_ms + 2 * AGAIN_MS)
    assert len(asked(unit)) == 1


def test_without_an_answer_it_asks_again_hours_later(greeted):
    unit = greeted(80)
    unit.happen(ev.Tick(), unit.up_ms + AGAIN_MS - 1_000)
    assert len(asked(unit)) == 1
    unit.happen(ev.Tick(), unit.up_ms + 1_000)
    assert len(asked(unit)) == 2


@pytest.mark.parametrize(
    ("grant", "key", "why"),
    [
        (CertGrant(1, None, "its code is over"), SITE.signing, "its code is over"),
        (CertGrant(1, "QUJD"), Site().signing, "answer not believed: signed with key"),
        (CertGrant(1, "QUJD"), SITE.bearer("v-2"), "answer not believed: signed with key"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(greeted, grant, key, why):
    unit = greeted(80)
    answer(unit, grant, key)
    assert not any(isinstance(effect, ef.LayPapers) for effect in unit.effects)
    assert f"certificate not renewed: {why}" in alarms(unit)


def test_a_certificate_that_cannot_be_laid_is_told_and_its_end_too(greeted):
    unit = greeted(80)
    unit.happen(ev.PapersLaid("disk full"))
    assert "certificate not renewed: disk full" in alarms(unit)
    unit.happen(ev.PapersLaid(None))
    assert "not renewed" not in alarms(unit)


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"v":1,"cert":"%"}', b"\x78\x9c"])
def test_rubbish_is_told(greeted, payload):
    unit = greeted(80)
    unit.hear(TOPIC, payload)
    assert not any(isinstance(effect, ef.LayPapers) for effect in unit.effects)
    assert "certificate not renewed" in alarms(unit)


def test_an_answer_that_nobody_asked_for_is_passed_over(greeted):
    unit = greeted(0)
    answer(unit, CertGrant(1, "QUJD"))
    assert not any(isinstance(effect, ef.LayPapers) for effect in unit.effects)
    assert "certificate" not in alarms(unit)


def test_one_that_slept_past_its_end_says_why_it_is_alone(make_unit):
    unit = make_unit(certificate=Held(100))
    unit.clock("ntp")
    unit.wait(1_000)
    assert WAY_BACK in unit.agent._picture.alarms.values()
    assert asked(unit) == []
    unit.link()
    assert WAY_BACK not in alarms(unit)


def test_one_that_is_merely_old_or_alone_says_nothing(make_unit):
    unit = make_unit(certificate=Held(80))
    unit.clock("ntp")
    unit.wait(1_000)
    assert WAY_BACK not in unit.agent._picture.alarms.values()
