"""26,000 hostile payloads at ingest, most of them well signed: none ends it, none fills it, good ones go on beside.

All of a stolen box's messages, by its own key: its certificate is good. By seed, the same each time.
"""

import json
import random
from contextlib import suppress

import msgspec
import pytest
import sqlalchemy as sa

from gateway.config import ReleasesSection
from gateway.ingest.intake import Intake, Message
from gateway.ingest.registry import Registry
from gateway.ingest.releases import Hatch
from gateway.roster import Wanted
from gateway.store import schema
from gateway.unit_config import newest, push
from tests.csr import signing_request
from tests.fuzz.mutate import Mutator, held, resident_kib
from tests.gateway.conftest import BOOT, NOW_MS, UnitLog
from tests.keys import Site
from tests.wire.conftest import EXAMPLES
from wire import chain, codec, topics
from wire.batch import BadPayload, decode_batch, encode_batch, encode_record, pack
from wire.live import Health, Hello, LiveFix, Pos, State
from wire.orders import Ack, CertRequest
from wire.report import Report

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

PAYLOADS, GROUP = 26_000, 130
SEED = 20_261_125
LOG, HONEST = "b" * 16, "a" * 16
GROWN_OBJECTS, GROWN_KIB = 20_000, 32 * 1024
RAWS = [encode_record(one) for one in EXAMPLES]
PHOTO = "ab" * 32


class Thief:
    """A stolen box: what it says is out of order in every way, and most of it is well signed."""

    def __init__(self, site, dice):
        self.own, self.dice = site.bearer("cp-66"), dice
        self.mutator = Mutator(dice)
        self.stands = {"event": (1, chain.START), "track": (1, chain.START)}
        self.signed = 0
        hello = Hello(1, "ab" * 16, BOOT, [UnitLog("cp-66", log=LOG).head()], self.own.text)
        request = CertRequest(1, signing_request(self.own.key, "cp-66"))
        fix = LiveFix(27.2, 111.4, 120, 2.1, 8.3, 271.5)
        health = Health(51.2, "0x0", 20_411, 41, parts={"gps": "ok"})
        state = State(1, "cp-66", True, BOOT, 17, "checkpoint", NOW_MS, fix=fix, config=2**53)
        state = msgspec.structs.replace(state, health=health)
        self.messages = {
            topics.hello("cp-66"): hello,
            topics.csr("cp-66"): request,
            topics.report_up("cp-66"): Report(1, "o-1", 0, 9, "AAAA"),
            topics.state("cp-66"): state,
            topics.pos("cp-66"): Pos(1, fix),
        }

    def heard(self, stream, ack):
        """The unit goes on from where the gateway says that it stands."""
        if ack.log == LOG:
            self.stands[stream] = ack.next, bytes.fromhex(ack.h)

    def greeting(self):
        topic = topics.hello("cp-66")
        return Message(topic, codec.encode_signed(self.messages[topic], topic, self.own))

    def message(self):
        ways = (*[self._records] * 4, self._envelope, *[self._message] * 3)
        topic, payload = self.dice.choice((*ways, self._bytes, self._photo, self._release))()
        return Message(topic, payload, retained=self.dice.random() < 0.05)

    # Signed

    def _records(self):
        """A batch in good order, of records that are not."""
        raws = [self._record() for _ in range(self.dice.choice((1, 1, 2, 5)))]
        stream = self.dice.choice(("event", "event", "track"))
        first, prev = self.stands[stream]
        topic, payload = self._batch(stream, raws, LOG, first, prev)
        with suppress(BadPayload):
            batch = decode_batch(payload)
            self.stands[stream] = batch.last + 1, batch.hs[-1]
        return topic, payload

    def _record(self):
        good = self.dice.choice(RAWS)
        return good if self.dice.random() < 0.1 else self.mutator.json(json.loads(good))

    def _batch(self, stream, raws, log, first, prev):
        h_last = chain.walk(prev, raws)[-1]
        text = chain.signed_text("cp-66", stream, log, first, prev, len(raws), h_last)
        try:
            payload = encode_batch(log, first, prev, raws, (self.own.kid, self.own.sign(text)))
        except ValueError:
            payload = b"{" + b",".join(raws)
        self.signed += 1
        return topics.log("cp-66", stream), payload

    def _envelope(self):
        """Other logs, forks, islands, far away places."""
        dice = self.dice
        stream = dice.choice(("event", "track"))
        next_seq, h = self.stands[stream]
        raws = [dice.choice(RAWS) for _ in range(dice.choice((1, 3)))]
        log = dice.choice((LOG, LOG, f"{dice.getrandbits(64):016x}"))
        first = dice.choice((1, next_seq, next_seq + 3, dice.randrange(1, 2**53 - 5)))
        prev = chain.START if first == 1 else dice.choice((h, dice.randbytes(32)))
        return self._batch(stream, raws, log, first, prev)

    def _message(self):
        topic, good = self.dice.choice(list(self.messages.items()))
        text = self.mutator.json(msgspec.to_builtins(good))
        if topic.endswith(("hello", "csr", "report")):
            text = self._signed_text(text, topic)
        return topic, self.mutator.zlib(text) if self.dice.random() < 0.1 else pack(text)

    def _signed_text(self, text, topic):
        body = text[:-1] + b',"kid":"' + self.own.kid.encode() + b'"'
        sig = self.own.sign(b"xk1|" + topic.encode() + b"|" + body)
        self.signed += 1
        return body + b',"sig":"' + sig.encode() + b'"}'

    # Not signed, or not any more

    def _bytes(self):
        before = dict(self.stands)
        (topic, one), (_, other) = self._records(), self._message()
        self.stands = before
        return topic, self.mutator.bytes(one, other)

    def _photo(self):
        digest = self.dice.choice((PHOTO, PHOTO, self.dice.randbytes(32).hex()))
        offset = self.dice.choice((0, 1, 81_920, 999_999_999_999))
        data = self.dice.randbytes(self.dice.choice((0, 1, 500)))
        if self.dice.random() < 0.01:
            data = bytes(70_000)
        return topics.photo("cp-66", digest, offset), data

    def _release(self):
        digest = self.dice.choice((PHOTO, self.dice.randbytes(32).hex()))
        offset = self.dice.choice((0, 65_536, 999_999_999_999))
        count = self.dice.choice((b"", b"0", b"1", b"65536", b"65537", b"\xff", b"9" * 5_000))
        return topics.ask_release("cp-66", digest, offset), count


class Honest:
    """A good unit beside it: one check-in in each group, and its greeting."""

    def __init__(self, site):
        self.own, self.log = site.bearer("cp-01"), UnitLog(log=HONEST)

    def messages(self):
        self.log.grow(1)
        topic = topics.hello("cp-01")
        hello = Hello(1, "cd" * 16, BOOT, [self.log.head()], self.own.text)
        yield Message(topic, codec.encode_signed(hello, topic, self.own))
        yield self.log.message(self.log.last, key=self.own)


class Gateway:
    """Ingest, on a store and a folder of its own."""

    def __init__(self, store, folder, site):
        self.store, self.now_ms = store, NOW_MS
        registry = Registry(site.authority)
        self.intake = Intake(
            store,
            registry,
            site.signing,
            lambda point: None,
            folder / "photos",
            releases=Hatch(ReleasesSection(str(folder / "releases"))),
        )

    def take(self, messages):
        """What is acknowledged: (unit, stream, ack)."""
        self.now_ms += 5_000
        answers = self.intake.take(messages, self.now_ms)
        places = {"event", "track"}
        logs = [a for a in answers if topics.parse(a.topic).about in places]
        told = [(topics.parse(a.topic), codec.decode_answer(a.payload, a.topic)) for a in logs]
        return [
            (to.unit, to.about, one.message) for to, one in told if isinstance(one.message, Ack)
        ]

    def count(self, name):
        table = schema.metadata.tables[name]
        with self.store.reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_nothing_ends_it_nothing_fills_it_and_good_ones_go_on(store, tmp_path):
    dice, site = random.Random(SEED), Site()
    gateway, thief, honest = Gateway(store, tmp_path, site), Thief(site, dice), Honest(site)
    gateway.take([thief.greeting()])
    before = None
    for number in range(PAYLOADS // GROUP):
        group = [thief.message() for _ in range(GROUP)]
        good = list(honest.messages())
        group[dice.randrange(GROUP) : 0] = good
        acks = gateway.take(group)
        told = {(unit, ack.log, ack.next) for unit, _, ack in acks}
        assert ("cp-01", HONEST, honest.log.last + 1) in told
        for unit, stream, ack in acks:
            if unit == "cp-66":
                thief.heard(stream, ack)
        if number == PAYLOADS // GROUP // 10:
            before = held(gateway.intake), resident_kib()
    grown = held(gateway.intake) - before[0], resident_kib() - before[1]
    assert thief.signed > PAYLOADS * 0.6
    assert grown[0] < GROWN_OBJECTS, grown
    assert grown[1] < GROWN_KIB, grown
    assert gateway.count("quarantine") <= 200
    for unit in ("cp-01", "cp-66"):
        version = push(store, unit, Wanted())
        assert newest(store, unit).version == version
