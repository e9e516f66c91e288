"""Attempts upon a whole site: each fails and is recorded, while an honest unit's taps go on and none is lost.

Real processes, a mosquitto as `broker config` sets it up, and a second broker that passes on whatever anybody
says: what the first one keeps out, gateway and unit must withstand there by themselves.

| attempt | here | and by itself |
|---|---|---|
| another unit's topic | `test_another_units_topic` | `fleet/test_broker_check.py` (also wills, subscriptions, ids) |
| a forged batch | `test_a_batch_that_its_unit_did_not_sign` | `ingest/test_registry.py` |
| a changed, a removed record | `test_a_batch_changed_on_its_way` | `ingest/test_registry.py` |
| a replayed order | `test_an_order_is_good_once` | `core/test_signatures.py` |
| an expired order, one for another unit | `test_an_order_that_is_over_or_not_for_it` | `core/test_signatures.py` |
| a revoked certificate, live session too | `test_a_stolen_box_is_out` | `fleet/test_revocation.py` |
| an unknown CA | `test_a_broker_of_another_authority` (the unit's side) | `fleet/test_broker_check.py` (the broker's) |
| plain TCP, old TLS, no or other certificates | | `fleet/test_broker_check.py` |
| an oversize payload, a zip bomb | `test_too_much_at_once` | `fleet/test_broker_check.py` |
| names made up to ask for certificates | `test_requests_of_names_that_nobody_gave` | `ingest/test_certificates.py` |
| a message that fills a machine | `test_a_message_that_fills_a_machine` | `wire/test_packets.py` |
| a forged acknowledgement, a forged `done` | `test_acknowledgements_of_a_bad_broker` | `core/test_signatures.py` |
| an older, an unsigned config | `test_configurations_of_a_bad_broker` | `test_pair.py`, `core/test_signatures.py` |
| an unsigned state with a version | `test_a_version_that_nobody_signed` | `gateway/test_config_versions.py` |
| 108,000 hostile payloads, more than half of them well signed | | `fuzz/` |
"""

import json
import socket
import ssl
import subprocess
import sys
import threading
import zlib

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from device.journal.journal import Journal
from gateway.fleet.visitor import Visitor
from gateway.orders import give
from gateway.roster import Wanted
from gateway.store.schema import quarantine, requests
from gateway.unit_config import newest, push
from sim.broker import find_mosquitto, free_port
from sim.city import wait_for
from tests.keys import SIGNER, Site
from tests.siege import WAIT_S, Box, Siege
from wire import chain, codec, topics
from wire.batch import decode_batch, encode_batch
from wire.live import Hello, State
from wire.orders import Ack, CertRequest, ConfigMessage, OrderMessage, PhotoAck, UnitConfig
from wire.packets import MOST_BYTES

pytestmark = pytest.mark.timeout(300)

EVENTS = topics.log("cp-2", "event")
BOMB_BYTES = 100 * 2**20


@pytest.fixture(scope="module")
def siege(tmp_path_factory):
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with Siege(tmp_path_factory.mktemp("siege")) as one:
        yield one


def set_aside(siege, unit, why):
    """Whether a payload under this unit's name was quarantined for a reason that says so."""
    query = sa.select(quarantine.c.reason).where(quarantine.c.unit == unit)

    def found():
        with siege.store.reading() as connection:
            return any(why in reason for reason in connection.execute(query).scalars())

    return wait_for(found, WAIT_S)


def recorded(siege, kind, **fields):
    """Whether `cp-2` wrote down, and the gateway has, a record that says so."""

    def found():
        told = siege.committed("cp-2", kind)
        return any(
            all(str(value) in str(one.get(name)) for name, value in fields.items()) for one in told
        )

    return wait_for(found, WAIT_S)


def shown(siege, alarm):
    """Whether `cp-2` shows this alarm in its live picture."""
    state = topics.state("cp-2")
    return wait_for(
        lambda: any(alarm in str(json.loads(_plain(one))) for one in siege.heard(state)), WAIT_S
    )


def _plain(payload):
    return payload if payload[:1] == b"{" else zlib.decompress(payload)


def signed_batch(key, unit, records, log="5" * 16):
    raws = [json.dumps({"kind": f"forged-{number}"}).encode() for number in range(records)]
    h_last = chain.walk(chain.START, raws)[-1]
    text = chain.signed_text(unit, "event", log, 1, chain.START, len(raws), h_last)
    return encode_batch(log, 1, chain.START, raws, (key.kid, key.sign(text)))


# What a unit, or who says that he is one, tries upon the gateway


def test_another_units_topic(siege):
    thief, forged = siege.thief, signed_batch(siege.thief, "cp-1", 1)
    hello = Hello(1, "ab" * 16, "9c1b22f0", [], thief.shown)
    greeting = codec.encode_signed(hello, topics.hello("cp-9"), thief)
    with Visitor("cp-9", thief.tls()).inside("127.0.0.1", siege.broker.port) as box:
        assert box.say(topics.hello("cp-9"), greeting)
        assert box.say(topics.log("cp-1", "event"), forged)
        box.say(topics.log("cp-9", "event"), b"{")
    assert set_aside(siege, "cp-9", "truncated")
    with siege.store.reading() as connection:
        reached = sa.select(quarantine.c.unit).where(quarantine.c.unit == "cp-1")
        assert connection.execute(reached).all() == []
    siege.stranger.say(topics.log("cp-1", "event"), forged)
    assert set_aside(siege, "cp-1", "signed with the key of cp-9")


def test_a_batch_that_its_unit_did_not_sign(siege):
    raws = [b'{"kind":"forged"}']
    siege.stranger.say(EVENTS, encode_batch("6" * 16, 1, chain.START, raws))
    assert set_aside(siege, "cp-2", "it is not signed")
    siege.stranger.say(EVENTS, signed_batch(SIGNER, "cp-2", 2))
    assert set_aside(siege, "cp-2", f"signed with key {SIGNER.kid}, which no certificate")
    assert siege.committed("cp-2", "forged") == []


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_batch_changed_on_its_way(siege, how):
    whole = next(b for b in map(decode_batch, siege.heard(EVENTS)) if len(b.raws) > 2)
    raws = list(whole.raws)
    if how == "changed":
        raws[1] = raws[1].replace(b'"kind"', b'"kimd"')
    else:
        del raws[1]
    forged = encode_batch(whole.log, whole.first, whole.prev, raws, (whole.kid, whole.sig))
    before = len(siege.heard(topics.ack("cp-2", "event")))
    siege.stranger.say(EVENTS, forged)
    assert wait_for(lambda: len(siege.heard(topics.ack("cp-2", "event"))) > before, WAIT_S)
    assert set_aside(siege, "cp-2", "its signature does not hold")


def test_a_stolen_box_is_out(siege):
    with Visitor("cp-9", siege.thief.tls()).inside("127.0.0.1", siege.broker.port) as box:
        hello = Hello(1, "cd" * 16, "9c1b22f0", [], siege.thief.shown)
        box.say(topics.hello("cp-9"), codec.encode_signed(hello, topics.hello("cp-9"), siege.thief))
        words = ["gateway", "ca", "revoke", "--config", str(siege.toml), "--unit", "cp-9"]
        command = [sys.executable, "-m", "xunkong", *words, "--why", "stolen"]
        subprocess.run(command, check=True, timeout=WAIT_S)
        assert box.gone.wait(WAIT_S)
    siege.stranger.say(topics.log("cp-9", "event"), signed_batch(siege.thief, "cp-9", 1))
    assert set_aside(siege, "cp-9", "which is revoked")
    assert siege.committed("cp-9", "forged-0") == []


def test_too_much_at_once(siege):
    bomb = zlib.compress(b'{"v":1,"log":"' + b"0" * BOMB_BYTES, 9)
    assert len(bomb) < 200_000
    siege.stranger.say(EVENTS, bomb)
    assert set_aside(siege, "cp-2", "inflates to more than")
    siege.stranger.say(EVENTS, b"{" + b" " * 300_000)
    assert set_aside(siege, "cp-2", "300001 bytes, more than")
    siege.stranger.say(EVENTS, b"{" + b" " * 10**6)
    assert set_aside(siege, "cp-2", f"{MOST_BYTES - len(EVENTS) - 4} bytes, more than")


def test_requests_of_names_that_nobody_gave(siege):
    for number in range(20):
        asked = CertRequest(1, "x" * 2_000, f"{number:064x}")
        siege.stranger.say(topics.csr(f"made-up-{number}"), codec.encode(asked))
    assert set_aside(siege, "made-up-19", "no code of this unit")
    with siege.store.reading() as connection:
        assert connection.execute(sa.select(requests)).all() == []


# What a broker tries upon a unit


def nonce(siege):
    hello = siege.heard(topics.hello("cp-2"))[-1]
    return codec.decode(hello, Hello).nonce


def ordered(siege, unit):
    """An order of the gateway to `unit`, as it passed the bad broker."""
    topic = topics.order(unit)
    before = len(siege.heard(topic))
    number = give(siege.store, unit, "stop-by", None, 600)
    assert wait_for(lambda: len(siege.heard(topic)) > before, WAIT_S)
    return number, siege.heard(topic)[-1]


def test_an_order_is_good_once(siege):
    number, order = ordered(siege, "cp-2")
    assert recorded(siege, "order", id=number, outcome="received")
    siege.stranger.say(topics.order("cp-2"), order)
    before = nonce(siege)
    siege.other.program.kill()
    siege.other.program.start()
    assert wait_for(lambda: nonce(siege) != before, WAIT_S)
    siege.stranger.say(topics.order("cp-2"), order)
    later, _ = ordered(siege, "cp-2")
    assert recorded(siege, "order", id=later, outcome="received")
    told = [one["outcome"] for one in siege.committed("cp-2", "order") if one["id"] == number]
    assert told == ["received"]


def test_an_order_that_is_over_or_not_for_it(siege):
    topic = topics.order("cp-2")
    over = OrderMessage(1, "cp-2", "o-over", nonce(siege), 0, 1_763_890_000_000, "stop-by")
    siege.stranger.say(topic, codec.encode_signed(over, topic, siege.gateway_keys))
    assert recorded(siege, "order", id="o-over", outcome="expired")
    number, order = ordered(siege, "cp-1")
    siege.stranger.say(topic, order)
    assert recorded(siege, "order", id=number, outcome="refused", why="signature does not hold")


def test_configurations_of_a_bad_broker(siege):
    topic = topics.config("cp-2")
    for place in ("east", "west"):
        version = push(siege.store, "cp-2", Wanted(place=place))
        assert recorded(siege, "config", version=version, outcome="applied")
    first = siege.heard(topic)[0]
    assert newest(siege.store, "cp-2").version > 1
    siege.stranger.say(topic, first)
    assert recorded(siege, "config", outcome="refused", why="older than")
    unsigned = ConfigMessage(1, "cp-2", 99, UnitConfig(place="nowhere"))
    siege.stranger.say(topic, codec.encode(unsigned))
    assert recorded(siege, "config", version=99, outcome="refused", why="it is not signed")
    badge = siege.other.tap()
    assert recorded(siege, "checkin", badge=badge, place="west")


def test_a_message_that_fills_a_machine(siege):
    """At a unit; the gateway's side is `test_too_much_at_once`."""
    siege.stranger.say(topics.config("cp-2"), bytes(10**7))
    assert recorded(siege, "checkin", badge=siege.other.tap())


def test_a_version_that_nobody_signed(siege):
    claim = State(1, "cp-7", True, "9c1b22f0", 1, config=2**53)
    siege.stranger.say(topics.state("cp-7"), codec.encode(claim))
    assert wait_for(lambda: siege.online("cp-7"), WAIT_S)
    assert push(siege.store, "cp-7", Wanted()) == 1
    version = push(siege.store, "cp-2", Wanted(place="west"))
    assert recorded(siege, "config", version=version, outcome="applied")


def photos(siege, state):
    """The hashes of the photos that `cp-2` has in this state."""
    folder = siege.other.folder / "photos" / state
    return sorted(path.stem.rpartition("-")[2] for path in folder.glob("*.jpg"))


def test_acknowledgements_of_a_bad_broker(siege):
    """While the gateway is away somebody else says that it has everything."""
    siege.gateway.stop()
    badge = siege.other.tap()
    assert wait_for(lambda: photos(siege, "waiting") != [], WAIT_S)
    held = photos(siege, "waiting")
    journal = Journal.open(siege.other.journal, read_only=True)
    try:
        log = journal.logs("event")[-1]
        h = journal.chain_at("event", log.log, log.last).hex()
    finally:
        journal.close()
    store, topic = siege.store.identity, topics.ack("cp-2", "event")
    ack = Ack(1, log.log, log.last + 1, h, store, 1_763_890_000_000)
    siege.stranger.say(topic, codec.encode_signed(ack, topic, SIGNER))
    assert shown(siege, "acknowledgement not believed: signed with key")
    topic = topics.ack("cp-2", "photo")
    for digest in held:
        done = PhotoAck(1, digest, 10_000, store, 1_763_890_000_000, True)
        siege.stranger.say(topic, codec.encode_signed(done, topic, SIGNER))
    assert shown(siege, "answer about a photo not believed: signed with key")
    assert set(held) <= set(photos(siege, "waiting"))
    siege.gateway.start()
    assert recorded(siege, "checkin", badge=badge)
    assert wait_for(lambda: set(held) <= set(photos(siege, "done")), WAIT_S)


class FakeBroker:
    """A broker with a certificate of its own authority; `came`: what it read after the handshake."""

    def __init__(self, folder):
        authority = Site("fake")
        own = authority.bearer(
            "broker", "serve", ec.generate_private_key(ec.SECP256R1()), hosts=["localhost"]
        )
        paths = folder / "fake.crt", folder / "fake.key"
        for path, text in zip(paths, (own.pem, own.key_pem), strict=True):
            path.write_bytes(text)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*paths)
        self.came, self.tried = b"", threading.Event()
        self._line = socket.create_server(("127.0.0.1", free_port()))
        self.port = self._line.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                plain, _ = self._line.accept()
            except OSError:
                return
            try:
                with plain, self._context.wrap_socket(plain, server_side=True) as line:
                    self.came += line.recv(1024)
            except OSError:
                pass
            self.tried.set()

    def close(self):
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._thread.join(5)


def test_a_broker_of_another_authority(siege, tmp_path):
    fake = FakeBroker(tmp_path)
    box = Box(tmp_path, "cp-1", "localhost", fake.port, True, seed=3)
    papers = siege.honest.identity
    box.identity.mkdir()
    for path in papers.iterdir():
        (box.identity / path.name).write_bytes(path.read_bytes())
        (box.identity / path.name).chmod(0o600)
    try:
        box.program.start()
        box.tap()
        assert fake.tried.wait(WAIT_S)
        told = "certificate verify failed"
        assert wait_for(lambda: told in box.log.read_text(), WAIT_S)
        assert fake.came == b""
    finally:
        box.close()
        fake.close()


def test_meanwhile_no_tap_of_the_honest_unit_was_lost(siege):
    siege.go_home()
    made = [tap.uid for tap in siege.honest.tapper.taps if tap.beep_ns is not None]

    def arrived():
        return sorted(one["badge"] for one in siege.committed("cp-1", "checkin"))

    assert len(made) > 3
    assert wait_for(lambda: len(arrived()) >= len(made), WAIT_S), siege.folder
    assert arrived() == sorted(made)
