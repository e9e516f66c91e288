"""Messages other than batches: both ways, signed, cut short, and hostile."""

import json
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import SIGNER
from wire import codec
from wire.batch import BadPayload, unpack
from wire.live import Health, Hello, LiveFix, LogHead, ModemHealth, Pos, State, WorkerState
from wire.orders import (
    Ack,
    Badge,
    CertGrant,
    CertRequest,
    ConfigMessage,
    DutyCard,
    OrderMessage,
    PhotoAck,
    Place,
    Refused,
    UnitConfig,
)
from wire.records import Alarm

TOPIC = "xk/v1/v-1/down/ack/event"
LOG, H, NONCE, NOW = "5f0c9a1e77b2d4c8", "ab" * 32, "0f" * 16, 1_763_890_000_000
ALARM = Alarm(
    boot="9c1b22f0",
    up_ms=1,
    at_ms=None,
    clock="none",
    clock_err_ms=None,
    alarm="sos",
    what="SOS button",
)
CONFIG = UnitConfig(
    place="pl-1",
    badges=[Badge("ab" * 16, "p-1", revoked=True)],
    places=[Place("pl-1", "村口", 27.2, 111.4)],
    duties=[DutyCard("cd" * 16, "fire-watch")],
)
ACK = Ack(1, LOG, 41, H, "store-1", NOW)
MESSAGES = [
    ACK,
    Ack(1, LOG + "~0a1b2c3d", 1, "0" * 64, "store-1", NOW, NONCE, "k1", "c2ln"),
    Refused(1, "badly signed", H, "store-1", NOW),
    ConfigMessage(1, "v-1", 14, CONFIG),
    OrderMessage(1, "v-1", "o-1", NONCE, NOW, NOW + 60_000, "go", "去村口"),
    Hello(1, NONCE, "9c1b22f0", [LogHead("event", LOG, 1, 40, H)]),
    State(
        1,
        "v-1",
        True,
        "9c1b22f0",
        17,
        role="vehicle",
        fix=LiveFix(27.2, 111.4, 120),
        crew=["p-1"],
        alarms=["SOS"],
        urgent=[ALARM],
        queue={"event": 0},
        health=Health(cpu_c=51.2, parts={"gps": "ok"}),
    ),
    State(1, "v-1", False, "9c1b22f0", 17),
    Pos(1, LiveFix(27.2, 111.4, 120)),
    WorkerState(1, True, "store-1", NOW),
]
KINDS = sorted({type(message) for message in MESSAGES}, key=lambda kind: kind.__name__)
ids = "{0.__class__.__name__}".format


def changed(message, **changes):
    return json.dumps(json.loads(codec.encode(message)) | changes).encode()


@pytest.mark.parametrize("message", MESSAGES, ids=ids)
class TestEveryMessage:
    def test_comes_back_as_it_was(self, message):
        assert codec.decode(codec.encode(message), type(message)) == message

    def test_every_prefix_is_refused(self, message):
        payload = codec.encode(message)
        for size in range(len(payload)):
            with pytest.raises(BadPayload):
                codec.decode(payload[:size], type(message))

    def test_bytes_after_the_end_are_refused(self, message):
        with pytest.raises(BadPayload):
            codec.decode(codec.encode(message) + b"{}", type(message))

    def test_a_field_of_a_newer_sender_is_no_fault(self, message):
        assert codec.decode(changed(message, mood={"a": [1]}), type(message)) == message

    def test_another_version_is_refused(self, message):
        for version in (0, 2, 1.0, "1", True, None):
            with pytest.raises(BadPayload, match=r"\$\.v"):
                codec.decode(changed(message, v=version), type(message))

    def test_compressed_it_says_the_same(self, message):
        packed = zlib.compress(changed(message))
        assert codec.decode(packed, type(message)) == message

    @given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
    def test_one_changed_byte_gives_a_message_or_bad_payload(self, message, at, flip):
        payload = bytearray(codec.encode(message))
        payload[at % len(payload)] ^= flip
        try:
            found = codec.decode(bytes(payload), type(message))
        except BadPayload as exc:
            assert str(exc)
        else:
            assert codec.decode(codec.encode(found), type(message)) == found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(junk=st.binary(max_size=200), start=st.sampled_from([b"", b"{", b'{"v":1,', b"\x78\x9c"]))
def test_random_bytes_are_no_message(kind, junk, start):
    with pytest.raises(BadPayload):
        codec.decode(start + junk, kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_deep_nesting_and_bombs_are_refused(kind):
    with pytest.raises(BadPayload, match="nests deeper"):
        codec.decode(b'{"v":1,"x":' + b"[" * 100_000, kind)
    with pytest.raises(BadPayload, match="inflates"):
        codec.decode(zlib.compress(bytes(50_000_000)), kind)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (ACK, "next", 0),
        (ACK, "next", 41.0),
        (ACK, "next", 2**53 + 1),
        (ACK, "next", 10**400),
        (ACK, "log", LOG + "~"),
        (ACK, "log", LOG + "~0a1b2c3d\n"),
        (ACK, "h", H + "\n"),
        (ACK, "h", H.upper()),
        (ACK, "store", "s" * 65),
        (ACK, "now_ms", -1),
        (ACK, "now_ms", 4_102_444_800_001),
        (MESSAGES[3], "version", 0),
        (MESSAGES[3], "version", 14.0),
        (MESSAGES[4], "nonce", NONCE + "\n"),
        (MESSAGES[4], "nonce", "0f" * 15),
        (MESSAGES[5], "boot", "9c1b22f0\n"),
        (
            MESSAGES[5],
            "logs",
            [{"stream": "event", "log": LOG, "oldest": 1, "last": 1, "h": H}] * 65,
        ),
        (MESSAGES[5], "logs", [{"stream": "photo", "log": LOG, "oldest": 1, "last": 1, "h": H}]),
        (MESSAGES[6], "unit", "V-1"),
        (MESSAGES[6], "unit", "v-1\n"),
        (MESSAGES[6], "online", 1),
        (MESSAGES[6], "crew", ["p"] * 65),
        (MESSAGES[6], "fix", {"lat": 91, "lon": 0, "age_ms": 1}),
        (MESSAGES[6], "fix", {"lat": "27", "lon": 0, "age_ms": 1}),
        (MESSAGES[6], "urgent", [{"kind": "unheard-of"}]),
        (MESSAGES[6], "queue", {"event": -1}),
    ],
)
def test_a_wrong_field_is_refused_and_named(message, field, value):
    with pytest.raises(BadPayload, match=rf"\$\.{field}"):
        codec.decode(changed(message, **{field: value}), type(message))


@pytest.mark.parametrize(
    "part",
    [
        {"place": "p", "plase": "p"},
        {"badges": [{"uid": "04A1B2C3", "person": "p"}]},
        {"badges": [{"uid": "04a1b2", "person": "p"}]},
        {"badges": [{"uid": "04a1b2c3", "person": "p", "vip": True}]},
        {"repeat_s": -1},
        {"repeat_s": "10"},
        {"sampling": {"moving_s": 0}},
        {"sampling": {"speed": 1}},
        {"places": [{"id": "a", "name": "a", "lat": 0, "lon": 181}]},
        {"places": [{"id": "a", "name": "a", "lat": 0, "lon": 0, "radius_m": 1}]},
    ],
)
def test_one_wrong_field_refuses_a_configuration_whole(part):
    with pytest.raises(BadPayload, match=r"\$\.config"):
        codec.decode(changed(MESSAGES[3], config=part), ConfigMessage)


class TestAnswer:
    @pytest.mark.parametrize("answer", MESSAGES[:3], ids=ids)
    def test_is_told_apart(self, answer):
        assert codec.decode_answer(codec.encode(answer), TOPIC).message == answer

    @pytest.mark.parametrize(
        "answer", [ACK, MESSAGES[2], PhotoAck(1, H, 4096, "store-1", NOW, done=True)]
    )
    def test_about_a_photo_is_told_apart(self, answer):
        if isinstance(answer, Ack):
            with pytest.raises(BadPayload, match="sha256"):
                codec.decode_photo_answer(codec.encode(answer), TOPIC)
        else:
            assert codec.decode_photo_answer(codec.encode(answer), TOPIC).message == answer

    @given(st.binary(max_size=100))
    def test_random_bytes_are_none(self, junk):
        for read in (codec.decode_answer, codec.decode_photo_answer):
            with pytest.raises(BadPayload):
                read(junk, TOPIC)

    @pytest.mark.parametrize("refused", [5, [], {}, True, "x" * 501])
    def test_a_reason_of_another_form_is_refused(self, refused):
        with pytest.raises(BadPayload, match="refused"):
            codec.decode_answer(changed(MESSAGES[2], refused=refused), TOPIC)


SIGNED = [*MESSAGES[:6], CertRequest(1, "-----BEGIN", "ab" * 32), CertGrant(1, "MIIB")]


class TestSignature:
    @pytest.mark.parametrize("message", SIGNED, ids=ids)
    def test_covers_the_topic_and_every_byte_before_it(self, message):
        payload = codec.encode_signed(message, TOPIC, SIGNER)
        text = unpack(payload)
        body, end = text[:-96], text[-96:]
        found = codec.decode_signed(payload, TOPIC, type(message))
        assert end == f',"sig":"{SIGNER.sign(b"xk1|" + TOPIC.encode() + b"|" + body)}"}}'.encode()
        assert found.text == b"xk1|" + TOPIC.encode() + b"|" + body
        assert (found.kid, found.sig) == (SIGNER.kid, end[8:-2].decode())
        sig = found.message.sig
        assert found.message == msgspec.structs.replace(message, kid=SIGNER.kid, sig=sig)

    def test_is_another_on_another_topic(self):
        texts = {
            codec.decode_signed(codec.encode_signed(ACK, topic, SIGNER), topic, Ack).text
            for topic in ("xk/v1/a/down/ack/event", "xk/v1/b/down/ack/event")
        }
        assert len(texts) == 2

    @given(st.data())
    def test_no_changed_byte_leaves_text_and_signature_as_they_were(self, data):
        payload = codec.encode_signed(ACK, TOPIC, SIGNER)
        whole = codec.decode_signed(payload, TOPIC, Ack)
        at = data.draw(st.integers(0, len(payload) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != payload[at]))
        try:
            found = codec.decode_signed(
                payload[:at] + bytes([byte]) + payload[at + 1 :], TOPIC, Ack
            )
        except BadPayload:
            return
        assert (found.text, found.sig) != (whole.text, whole.sig)

    @pytest.mark.parametrize("end", ["", '"sig":"c2ln"', '"sig":null', f'"sig":"{"A" * 87}"'])
    def test_an_end_of_another_form_is_none(self, end):
        text = codec.encode(ACK)[:-1] + (f",{end}" if end else "").encode() + b"}"
        found = codec.decode_signed(text, TOPIC, Ack)
        assert (found.text, found.sig) == (b"", None)

    def test_only_the_last_of_two_counts_and_the_first_is_covered(self):
        first = codec.encode_signed(ACK, TOPIC, SIGNER)
        again = first[:-1] + b',"sig":"' + b"A" * 86 + b'"}'
        found = codec.decode_signed(again, TOPIC, Ack)
        assert found.sig == "A" * 86
        assert b'"sig"' in found.text


class OldHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """`wire.live.Health` as it was before the modem and the card's budget."""

    cpu_c: float | None = None
    parts: dict[str, str] = {}


def test_an_older_gateway_reads_a_newer_units_health():
    new = Health(
        cpu_c=51.2,
        parts={"gps": "ok"},
        sd_written_mb_day=90,
        modem=ModemHealth("ok", used_mb=820, cap_mb=1_000, saving="photos"),
        heard_s={"gps": 1},
    )
    old = msgspec.json.decode(msgspec.json.encode(new), type=OldHealth)
    assert old == OldHealth(51.2, {"gps": "ok"})
    assert msgspec.json.decode(msgspec.json.encode(old), type=Health) == Health(
        51.2, parts={"gps": "ok"}
    )
