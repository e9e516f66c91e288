"""48,000 hostile messages from a broker at a unit, most of them well signed: it takes taps and answers all along."""

import random

import msgspec
import pytest

from device.core import events as ev
from device.core.station import Slots
from device.trust import GatewayTrust
from tests.device.core.conftest import UTC0, Unit
from tests.fuzz.mutate import Mutator, held, resident_kib
from tests.keys import Site
from wire import topics
from wire.batch import pack
from wire.live import WorkerState
from wire.orders import (
    Ack,
    Badge,
    CertGrant,
    ConfigMessage,
    OrderMessage,
    PhotoAck,
    Place,
    Refused,
    UnitConfig,
)
from wire.records import Checkin
from wire.release import Named
from wire.report import ReportAck

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

MESSAGES, GROUP = 48_000, 200
SEED = 20_261_125
GROWN_OBJECTS, GROWN_KIB = 20_000, 32 * 1024
LOG, PHOTO, STORE = "e" * 16, "ab" * 32, "store-1"
RELEASE = Named("0.5.0", "cd" * 32, 100_000)
CONFIG = UnitConfig(
    place="east",
    badges=[Badge("ab" * 16, "p-1", welfare_s=1800.0)],
    places=[Place("east", "东门", 27.2, 111.4)],
)


class BadBroker:
    """Says what a gateway says, and worse; `signed`: how much of it with the gateway's own key."""

    def __init__(self, site, unit, dice):
        self.site, self.unit, self.dice = site, unit, dice
        self.mutator = Mutator(dice)
        self.signed, self.number = 0, 0
        self.grant, self.cert = site.bearer("v-1").text, site.signing.text

    def _messages(self):
        self.number += 1
        nonce, now_ms = self.unit.nonce, UTC0 + self.unit.up_ms
        order = OrderMessage(1, "v-1", f"o-{self.number}", nonce, now_ms, now_ms + 9_999, "photo")
        update = {"id": f"u-{self.number}", "what": "update", "text": str(RELEASE)}
        return [
            (topics.order("v-1"), msgspec.structs.replace(order, **update)),
            (topics.ack("v-1", "event"), Ack(1, LOG, 2, "cd" * 32, STORE, now_ms, nonce)),
            (topics.ack("v-1", "track"), Ack(1, "f" * 16, 1, "00" * 32, STORE, now_ms, nonce)),
            (topics.ack("v-1", "event"), Refused(1, "no", "ab" * 32, STORE, now_ms)),
            (topics.ack("v-1", "photo"), PhotoAck(1, PHOTO, 9, STORE, now_ms, True, nonce)),
            (topics.ack("v-1", "photo"), Refused(1, "no", PHOTO, STORE, now_ms)),
            (topics.config("v-1"), ConfigMessage(1, "v-1", self.number, CONFIG)),
            (topics.order("v-1"), order),
            (topics.cert("v-1"), CertGrant(1, self.grant)),
            (topics.report_down("v-1"), ReportAck(1, "o-1", 9)),
            (topics.worker_state("w1"), WorkerState(1, True, STORE, now_ms, self.cert)),
        ]

    def say(self):
        dice = self.dice
        if dice.random() < 0.03:
            self.unit.happen(ev.Heard(*self._piece(), retained=False))
            return
        topic, good = dice.choice(self._messages())
        text = self.mutator.json(msgspec.to_builtins(good))
        if dice.random() < 0.9:
            text = self._sign(text, topic)
        if dice.random() < 0.2:
            text = self.mutator.bytes(text, text[::-1])
        payload = self.mutator.zlib(text) if dice.random() < 0.1 else pack(text)
        if dice.random() < 0.05:
            topic = dice.choice(
                (f"xk/v1/gw/w-{dice.getrandbits(40):x}/state", topic + "/x" * 9_000)
            )
        self.unit.happen(ev.Heard(topic, payload, dice.random() < 0.2))

    def _piece(self):
        """Of a release, where it goes on or somewhere else; nobody signs it."""
        at = self.dice.choice((0, len(self.unit.releases.get(RELEASE.sha256, b"")), 7))
        data = self.dice.randbytes(self.dice.choice((0, 1, 4_096, 70_000)))
        return topics.release("v-1", RELEASE.sha256, at), data

    def _sign(self, text, topic):
        key = self.site.signing
        body = text[:-1] + b',"kid":"' + key.kid.encode() + b'"'
        self.signed += 1
        sig = key.sign(b"xk1|" + topic.encode() + b"|" + body)
        return body + b',"sig":"' + sig.encode() + b'"}'


def test_nothing_ends_it_nothing_fills_it_and_taps_go_on():
    site, dice = Site(), random.Random(SEED)
    slots = Slots("a", "aarch64-bookworm")
    unit = Unit(camera=True, trust=GatewayTrust(lambda: site.authority, None), slots=slots)
    unit.happen(ev.SlotsSaid("a", None, idle=True))
    unit.hear(topics.worker_state("w1"), WorkerState(1, True, STORE, cert=site.signing.text))
    unit.clock("ntp")
    broker = BadBroker(site, unit, dice)
    before = None
    for number in range(MESSAGES // GROUP):
        unit.happen(ev.LinkUp(number, "bad:8883"))
        for _ in range(GROUP):
            broker.say()
        taps = len(unit.kept(Checkin))
        unit.tap(f"04{number:06x}")
        assert len(unit.kept(Checkin)) == taps + 1
        unit.wait(3_000, step_ms=500)
        assert unit.states()[-1].online
        unit.published.clear()
        unit.effects.clear()
        unit.signals.clear()
        if number == MESSAGES // GROUP // 10:
            before = held(*unit.agent._desks) - held(unit.journal), resident_kib()
    grown = held(*unit.agent._desks) - held(unit.journal) - before[0], resident_kib() - before[1]
    assert broker.signed > MESSAGES * 0.85
    assert grown[0] < GROWN_OBJECTS, grown
    assert grown[1] < GROWN_KIB, grown
