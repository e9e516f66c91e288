"""The splitter: whole, split anywhere, byte by byte, trailing, and hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.gps.nmea import LONGEST, Refused, Sentence, Splitter, checksum, frame

RMC = b"$GNRMC,055234.000,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V*13"
GGA = b"$GPGGA,,,,,,0,,,,,,,,*66"
VOID = b"$GPRMC,,V,,,,,,,,,,N*53"
PARSED = Sentence("GP", "RMC", ("", "V", "", "", "", "", "", "", "", "", "", "N"))
UBX = bytes.fromhex("b5620107")

HOSTILE = [
    RMC + b"\r\n",
    GGA + b"\r\n",
    VOID + b"\n",
    VOID[:12],
    VOID[:12] + b"\r\n",
    VOID[:-1] + b"\r\n",
    b"$GPRMC,,V*00\r\n",
    b"$PUBX*27\r\n",
    b"$$$",
    b"$",
    b"*53",
    b"\r\n",
    UBX + b"\x00$\x80\xff",
    b"# a comment\r\n",
    b"$" + b"A" * (LONGEST + 40),
    b"\xff" * 40,
]


def reasons(found: list[Sentence | Refused]) -> list[str]:
    """The reasons of what was refused, the kinds of what was not."""
    return [thing.reason if isinstance(thing, Refused) else thing.kind for thing in found]


def test_a_sentence_is_its_talker_kind_and_fields() -> None:
    assert Splitter().feed(VOID + b"\r\n") == [PARSED]


def test_a_sentence_is_whole_with_its_checksum_and_does_not_wait_for_the_line_end() -> None:
    assert Splitter().feed(VOID) == [PARSED]


def test_empty_fields_stay_empty() -> None:
    (found,) = Splitter().feed(GGA)
    assert isinstance(found, Sentence)
    assert found.fields[1] == ""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"$GPRMC,,V,,,,,,,,,,N*54\r\n", ["checksum"]),
        (b"$GPRMC,,V,,,,,,,,,,N*5Z\r\n", ["checksum"]),
        (b"$GPRMC,,V,,,,,,,,,,N\r\n", ["no checksum"]),
        (b"$GPRMC,,V,,,,,,,,,,N*5\r\n", ["cut short"]),
        (b"$GPRMC,,V,,,,,,,,,,N*\r\n", ["cut short"]),
        (b"$GPRMC,,V,,$GPRMC,,V,,,,,,,,,,N*53\r\n", ["cut short", "RMC"]),
        (b"$GPRMC,,V*$GPRMC,,V,,,,,,,,,,N*53\r\n", ["cut short", "RMC"]),
        (b"$GPRM\xb5\x62\x01\x07C,,V\r\n", ["binary"]),
        (b"$" + b"A" * 400 + b"\r\n", ["too long"]),
        (frame("GPTXT"), ["unparsable"]),
        (frame(""), ["unparsable"]),
        (frame("PUBX"), ["unparsable"]),
    ],
)
def test_what_is_refused_has_a_reason(data: bytes, expected: list[str]) -> None:
    assert reasons(Splitter().feed(data)) == expected


def test_the_sentence_after_a_refused_one_is_found() -> None:
    for bad in HOSTILE:
        assert Splitter().feed(bad + b"\r\n" + VOID)[-1] == PARSED


def test_a_refused_sentence_tells_its_text() -> None:
    assert Splitter().feed(b"$GPRMC,,V*00\r\n") == [Refused("checksum", b"$GPRMC,,V*00")]


def test_a_kind_that_pynmea2_does_not_know_is_sound_all_the_same() -> None:
    assert Splitter().feed(frame("GNXYZ,1,2")) == [Sentence("GN", "XYZ", ("1", "2"))]
    assert Splitter().feed(frame("PQGSV,4,1")) == [Sentence("P", "QGSV", ("4", "1"))]
    assert Splitter().feed(frame("PUBX,00,1")) == [Sentence("P", "UBX", ("00", "1"))]


def test_lower_case_checksums_are_sound() -> None:
    body = b"GPGLL,,,,,191418.00,V,N"
    assert checksum(body) == 0x4E
    assert reasons(Splitter().feed(b"$" + body + b"*4e")) == ["GLL"]


def test_binary_between_sentences_is_noise_and_line_ends_are_none() -> None:
    splitter = Splitter()
    assert splitter.feed(UBX + VOID + b"\r\n" + UBX + VOID + b"\r\n") == [PARSED, PARSED]
    assert splitter.noise_bytes == 2 * len(UBX)


def test_memory_is_bounded() -> None:
    splitter = Splitter()
    for _ in range(1000):
        splitter.feed(b"$" + b"A" * 1000)
    assert len(splitter._buffer) <= LONGEST


@given(st.lists(st.sampled_from(HOSTILE), max_size=12), st.data())
def test_split_anywhere_is_found_the_same(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole, split = Splitter(), Splitter()
    expected = whole.feed(stream)
    ends = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    assert [found for begin, end in ends for found in split.feed(stream[begin:end])] == expected
    assert split.noise_bytes == whole.noise_bytes


@given(st.lists(st.sampled_from(HOSTILE), max_size=12))
def test_byte_by_byte_is_found_the_same(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    splitter = Splitter()
    found = [thing for byte in stream for thing in splitter.feed(bytes((byte,)))]
    assert found == Splitter().feed(stream)


@given(st.binary(max_size=600))
def test_no_bytes_make_it_raise_and_the_next_sentence_is_found(junk: bytes) -> None:
    splitter = Splitter()
    splitter.feed(junk)
    assert splitter.feed(b"\r\n" + VOID)[-1] == PARSED


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$*")))
def test_any_body_with_its_checksum_is_a_sentence_or_refused_with_a_reason(body: str) -> None:
    (found,) = Splitter().feed(frame(body))
    assert isinstance(found, Sentence) or found.reason in ("unparsable", "too long")
