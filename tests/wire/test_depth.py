"""How deep JSON nests, told without parsing; in linear time whatever comes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.depth import deeper_than

texts = st.text('[]{}"\\a,: \n', max_size=12)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=30,
)


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(values)
def test_agrees_with_a_parser(value):
    raw, deep = json.dumps(value).encode(), depth(value)
    assert not deeper_than(raw, deep)
    if deep:
        assert deeper_than(raw, deep - 1)


@given(st.binary(max_size=400), st.integers(0, 12))
def test_never_raises_and_never_counts_more_than_there_is(raw, limit):
    opened = raw.count(b"[") + raw.count(b"{")
    assert not (deeper_than(raw, limit) and opened <= limit)


def test_brackets_in_a_string_are_text():
    assert not deeper_than(b'{"a":"' + b"[" * 1000 + b'\\"[[["}', 1)
    assert deeper_than(b'{"a\\\\":[1]}', 1)


def test_side_by_side_is_not_deep():
    assert not deeper_than(b"[" + b"[]," * 10_000 + b"[]]", 2)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", [b'\\"', b'"', b'"\\', b'\\\\"', b"[]", b'["', b'"a'])
def test_a_mebibyte_of_hostile_text_takes_no_time(piece):
    hidden = b'{"[[[[[[[[[[[[":"'
    raw = hidden + piece * (1024 * 1024 // len(piece))
    assert deeper_than(raw, 0)
    deeper_than(raw, 8)
