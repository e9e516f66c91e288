"""Batches and records: whole, split, cut short, with bytes after the end, and hostile."""

import json
import zlib

import msgspec
import pytest
from hypothesis import example as given_example
from hypothesis import given
from hypothesis import strategies as st

from wire import chain
from wire.batch import (
    COMPRESS_FROM_BYTES,
    BadPayload,
    Batch,
    decode_batch,
    decode_record,
    encode_batch,
    encode_record,
    pack,
    unpack,
)
from wire.limits import (
    MAX_DEPTH,
    MAX_INFLATED_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
)
from wire.records import KINDS, Clock, Unreadable

LOG = "5f0c9a1e77b2d4c8"
ZEROS = "0" * 64
TAGS = {kind.__struct_config__.tag for kind in KINDS}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
)
values = scalars | st.lists(scalars, max_size=4) | st.dictionaries(st.text("abc_"), scalars)
objects = st.dictionaries(st.text("abc_", min_size=1), values, max_size=5)
raws = objects.map(msgspec.json.encode) | values.map(msgspec.json.encode)
batches = st.lists(raws, min_size=1, max_size=20)
digests = st.binary(min_size=32, max_size=32)
signatures = st.none() | st.tuples(st.text("ab1-", max_size=64), st.text("AZ_-", max_size=128))


def envelope(**changes):
    """A well-formed batch's JSON text, with `changes` (dropped where the value is ...)."""
    fields = {"v": 1, "log": LOG, "first": 1, "prev": ZEROS, "records": [{"kind": "x"}]} | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


class TestRoundTrip:
    @given(batches, st.integers(2, 2**53 - 20), digests, signatures)
    def test_comes_back_as_it_was(self, raws, first, prev, signature):
        batch = decode_batch(encode_batch(LOG, first, prev, raws, signature))
        assert batch == Batch(
            LOG, first, prev, tuple(raws), tuple(chain.walk(prev, raws)), *(signature or ())
        )
        assert batch.last == first + len(raws) - 1

    @given(batches, st.data())
    def test_split_anywhere_joins_to_the_same_chain(self, raws, data):
        whole = decode_batch(encode_batch(LOG, 1, chain.START, raws))
        cut = data.draw(st.integers(0, len(raws) - 1))
        before, prev = raws[:cut], chain.START
        if before:
            head = decode_batch(encode_batch(LOG, 1, chain.START, before))
            prev = head.hs[-1]
        tail = decode_batch(encode_batch(LOG, cut + 1, prev, raws[cut:]))
        assert tail.hs == whole.hs[cut:]
        assert tail.last == whole.last

    def test_bytes_of_a_record_stay_exactly_as_they_came(self):
        odd = b'{ "b" :1.50,\t"a":"\\u00e9\\/" ,"a":2 }'
        payload = b'{"v":1,"log":"%s","first":1,"prev":"%s","records":[ %s , {} ]}' % (
            LOG.encode(),
            ZEROS.encode(),
            odd,
        )
        batch = decode_batch(payload)
        assert batch.raws == (odd, b"{}")
        assert batch.hs[0] == chain.link(chain.START, odd)

    def test_signature_covers_unit_stream_and_both_ends(self):
        batch = decode_batch(encode_batch(LOG, 1, chain.START, [b"{}", b"{}"]))
        h = chain.link(chain.link(chain.START, b"{}"), b"{}").hex()
        assert batch.signed_text("v-03-2", "event") == (
            f"xk1|v-03-2|event|{LOG}|1|{ZEROS}|2|{h}".encode()
        )

    def test_short_is_plain_and_long_is_zlib(self):
        short = encode_batch(LOG, 1, chain.START, [b"{}"])
        long = encode_batch(LOG, 1, chain.START, [b"{}"] * 300)
        assert (short[:1], long[:1]) == (b"{", b"\x78")
        assert json.loads(zlib.decompress(long))["records"] == [{}] * 300

    def test_what_zlib_would_lengthen_stays_plain(self):
        text = b"{" + bytes(range(256)) * 2
        assert pack(text[: COMPRESS_FROM_BYTES - 1]) == text[: COMPRESS_FROM_BYTES - 1]
        assert len(pack(text)) < len(text)
        noise = b"{" + b"".join(zlib.crc32(b"%d" % n).to_bytes(4, "big") for n in range(200))
        assert pack(noise) == noise


class TestTorn:
    @pytest.mark.parametrize("count", [1, 40], ids=["plain", "zlib"])
    def test_every_prefix_is_refused(self, count):
        payload = encode_batch(LOG, 1, chain.START, [b'{"kind":"boot"}'] * count)
        for size in range(len(payload)):
            with pytest.raises(BadPayload):
                decode_batch(payload[:size])

    @pytest.mark.parametrize("count", [1, 40], ids=["plain", "zlib"])
    @given(junk=st.binary(min_size=1, max_size=9).filter(bytes.strip))
    def test_bytes_after_the_end_are_refused(self, count, junk):
        payload = encode_batch(LOG, 1, chain.START, [b'{"kind":"boot"}'] * count)
        with pytest.raises(BadPayload):
            decode_batch(payload + junk)

    def test_a_second_batch_behind_the_first_is_refused(self):
        payload = encode_batch(LOG, 1, chain.START, [b"{}"] * 300)
        with pytest.raises(BadPayload, match="after its end"):
            decode_batch(payload + payload)


class TestHostile:
    @given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"\x78", b"\x78\x9c", b'{"v":1,']))
    def test_random_bytes_are_never_a_batch(self, junk, start):
        with pytest.raises(BadPayload):
            decode_batch(start + junk)

    @given(st.binary(max_size=300))
    def test_random_bytes_inside_zlib_are_never_a_batch(self, junk):
        with pytest.raises(BadPayload):
            decode_batch(zlib.compress(junk))

    @given(st.integers(0, 10_000), st.integers(1, 255))
    def test_one_changed_byte_gives_another_chain_or_is_refused(self, at, flip):
        payload = bytearray(envelope(records=[{"kind": "clock", "note": "时间"}, {"kind": "x"}]))
        whole = decode_batch(bytes(payload))
        payload[at % len(payload)] ^= flip
        try:
            changed = decode_batch(bytes(payload))
        except BadPayload:
            return
        assert changed.signed_text("v-1", "event") != whole.signed_text("v-1", "event") or (
            changed.raws == whole.raws
        )
        assert list(changed.hs) == chain.walk(changed.prev, changed.raws)

    @pytest.mark.parametrize("depth", [11, 500, 120_000])
    @pytest.mark.parametrize("mark", ["[", '{"a":'])
    def test_deep_nesting_is_refused_before_it_is_parsed(self, depth, mark):
        text = b'{"v":1,"x":' + (mark * depth).encode()
        with pytest.raises(BadPayload):
            decode_batch(zlib.compress(text))

    def test_a_record_may_nest_as_deep_as_the_limit_and_no_deeper(self):
        deepest = json.loads('{"a":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}")
        assert decode_batch(envelope(records=[deepest])).first == 1
        with pytest.raises(BadPayload, match="nests deeper"):
            decode_batch(envelope(records=[{"a": deepest}]))

    def test_a_zlib_bomb_is_refused(self):
        bomb = zlib.compress(bytes(200 * MAX_INFLATED_BYTES), 9)
        assert len(bomb) < MAX_PAYLOAD_BYTES
        with pytest.raises(BadPayload, match=f"inflates to more than {MAX_INFLATED_BYTES}"):
            decode_batch(bomb)

    def test_bounds_of_size_hold_to_the_byte(self):
        assert unpack(b"{" * MAX_PAYLOAD_BYTES) == b"{" * MAX_PAYLOAD_BYTES
        with pytest.raises(BadPayload, match=str(MAX_PAYLOAD_BYTES + 1)):
            unpack(b"{" * (MAX_PAYLOAD_BYTES + 1))
        assert len(unpack(zlib.compress(bytes(MAX_INFLATED_BYTES)))) == MAX_INFLATED_BYTES
        with pytest.raises(BadPayload, match="inflates"):
            unpack(zlib.compress(bytes(MAX_INFLATED_BYTES + 1)))

    def test_the_most_records_pass_and_one_more_is_refused(self):
        assert decode_batch(envelope(records=[{}] * MAX_RECORDS)).last == MAX_RECORDS
        with pytest.raises(BadPayload, match="records"):
            decode_batch(envelope(records=[{}] * (MAX_RECORDS + 1)))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("v", 2),
            ("v", 1.0),
            ("v", "1"),
            ("v", True),
            ("v", ...),
            ("log", LOG.upper()),
            ("log", LOG[:-1]),
            ("log", LOG + "\n"),
            ("log", LOG[:-1] + "\0"),
            ("log", "５" * 16),
            ("log", None),
            ("first", 0),
            ("first", -1),
            ("first", 1.0),
            ("first", "1"),
            ("first", True),
            ("first", 2**53 + 1),
            ("first", 10**400),
            ("prev", "0" * 63),
            ("prev", "0" * 64 + "\n"),
            ("prev", "0" * 63 + "g"),
            ("prev", 0),
            ("records", []),
            ("records", {}),
            ("records", None),
            ("records", ...),
            ("kid", "k" * 65),
            ("sig", "s" * 129),
            ("sig", 5),
        ],
    )
    def test_a_wrong_field_is_refused_and_named(self, field, value):
        with pytest.raises(BadPayload, match=f"`(\\$\\.)?{field}"):
            decode_batch(envelope(**{field: value}))

    def test_before_record_one_the_chain_is_zero(self):
        with pytest.raises(BadPayload, match="64 zeros"):
            decode_batch(envelope(prev="1" * 64))
        assert decode_batch(envelope(prev="1" * 64, first=2)).prev == b"\x11" * 32

    def test_text_that_is_not_utf8_is_refused_in_the_envelope_and_kept_in_a_record(self):
        with pytest.raises(BadPayload):
            decode_batch(envelope().replace(LOG.encode(), b"\xff" * 16))
        batch = decode_batch(envelope(records=["N"]).replace(b'"N"', b'{"kind":"\xff\xfe"}'))
        assert batch.raws == (b'{"kind":"\xff\xfe"}',)

    def test_a_key_given_twice_counts_once_and_is_what_the_signature_covers(self):
        twice = envelope().replace(b'"first": 1', b'"first": 7, "first": 9')
        batch = decode_batch(twice)
        assert batch.first == 9
        assert b"|9|" in batch.signed_text("v-1", "event")

    def test_an_unknown_field_of_a_newer_unit_is_no_fault(self):
        assert decode_batch(envelope(epoch=5, more={"a": [1]})).raws == (b'{"kind": "x"}',)

    def test_records_that_nobody_can_read_do_not_spoil_their_batch(self):
        batch = decode_batch(envelope(records=[1, "x", None, [], {"kind": "boot"}]))
        assert [type(decode_record(raw)) for raw in batch.raws] == [Unreadable] * 5


class TestRecord:
    def test_every_kind_has_an_example(self, examples):
        assert [type(record) for record in examples] == list(KINDS)

    def test_comes_back_as_it_was(self, example):
        assert decode_record(encode_record(example)) == example

    def test_names_its_kind_and_always_says_how_late_it_may_be(self, example):
        bare = msgspec.structs.replace(example, at_ms=None, clock_err_ms=None, pos=None)
        fields = json.loads(encode_record(bare))
        assert fields["kind"] in TAGS
        assert (fields["at_ms"], fields["clock_err_ms"]) == (None, None)
        assert decode_record(encode_record(bare)) == bare

    def test_a_field_of_a_newer_unit_changes_nothing_else(self, example):
        newer = json.loads(encode_record(example)) | {"mood": {"a": [1, None]}}
        raw = json.dumps(newer).encode()
        assert decode_record(raw) == example
        assert decode_batch(encode_batch(LOG, 1, chain.START, [raw])).raws == (raw,)

    def test_no_field_of_the_head_may_lack(self, example):
        fields = json.loads(encode_record(example))
        for name in ("boot", "up_ms", "at_ms", "clock", "clock_err_ms"):
            less = {key: value for key, value in fields.items() if key != name}
            found = decode_record(json.dumps(less).encode())
            assert found == Unreadable(
                fields["kind"], f"Object missing required field `{name}`", less
            )

    @given(objects, st.text(min_size=1, max_size=20).filter(lambda kind: kind not in TAGS))
    def test_an_unknown_kind_is_kept_as_it_came(self, fields, kind):
        record = fields | {"kind": kind}
        assert decode_record(json.dumps(record).encode()) == Unreadable(kind, None, record)

    @given(objects, st.sampled_from(sorted(TAGS)))
    def test_a_known_kind_in_a_wrong_form_is_kept_with_the_reason(self, fields, kind):
        record = fields | {"kind": kind}
        found = decode_record(json.dumps(record).encode())
        assert isinstance(found, Unreadable)
        assert (found.kind, found.fields) == (kind, record)
        assert found.why

    @given(st.binary(max_size=200))
    @given_example(b"")
    @given_example(b'{"kind":"\\ud800"}')
    @given_example(b'{"kind":"x","a":1e999}')
    @given_example(b'{"kind":"x","a":' + b"1" * 5000 + b"}")
    @given_example(b'{"kind":"x","a":NaN}')
    @given_example(b'{"kind":"a\x00b"}')
    @given_example(b"\xef\xbb\xbf{}")
    @given_example(b'{"kind":["boot"]}')
    def test_bytes_that_are_no_record_say_why(self, raw):
        found = decode_record(raw)
        assert isinstance(found, Unreadable)
        assert found.kind is None
        assert found.why

    @pytest.mark.parametrize(
        "number", ["1.0", '"1"', "true", "-1", "1e3", str(2**53 + 1), "9" * 500]
    )
    def test_a_number_of_another_type_or_size_is_no_time(self, number):
        raw = (
            '{"kind":"clock","boot":"9c1b22f0","up_ms":%s,"at_ms":null,"clock":"none",'
            '"clock_err_ms":null,"utc_ms":1,"source":"gnss","err_ms":1}'
        )
        assert isinstance(decode_record((raw % "1").encode()), Clock)
        assert isinstance(decode_record((raw % number).encode()), Unreadable)

    def test_a_key_given_twice_never_changes_the_kind_to_one_that_fits(self):
        raw = encode_record(
            Clock(
                boot="9c1b22f0",
                up_ms=1,
                at_ms=None,
                clock="none",
                clock_err_ms=None,
                utc_ms=1,
                source="rtc",
                err_ms=1,
            )
        )
        twice = raw.replace(b'"kind":"clock"', b'"kind":"clock","kind":"boot"')
        assert isinstance(decode_record(twice), Unreadable)
        assert decode_record(raw.replace(b'"up_ms":1', b'"up_ms":1,"up_ms":2')).up_ms == 2

    def test_size_and_depth_of_one_record_are_bounded(self):
        fits = b'{"kind":"x","a":"%s"}' % (b"a" * (MAX_RECORD_BYTES - 19))
        assert len(fits) == MAX_RECORD_BYTES
        assert decode_record(fits).kind == "x"
        assert decode_record(fits + b" ") == Unreadable(
            None, f"{MAX_RECORD_BYTES + 1} bytes, more than {MAX_RECORD_BYTES}", None
        )
        deep = b'{"a":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH
        assert decode_record(deep) == Unreadable(None, f"nests deeper than {MAX_DEPTH}", None)
