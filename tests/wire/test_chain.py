"""The hash chain, checked against SHA-256 itself."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from wire import chain

raws = st.lists(st.binary(max_size=40), min_size=1, max_size=12)


def test_each_value_hashes_the_one_before_and_the_bytes():
    first = sha256(bytes(32) + b"{}").digest()
    assert chain.link(chain.START, b"{}") == first
    assert chain.walk(chain.START, [b"{}", b"[]"]) == [first, sha256(first + b"[]").digest()]
    assert chain.walk(chain.START, []) == []


@given(raws, st.data())
def test_walked_in_two_parts_it_is_the_same_chain(raws, data):
    cut = data.draw(st.integers(1, len(raws)))
    before = chain.walk(chain.START, raws[:cut])
    assert before + chain.walk(before[-1], raws[cut:]) == chain.walk(chain.START, raws)


@given(raws, st.data())
def test_a_changed_record_changes_every_value_from_it_on(raws, data):
    at = data.draw(st.integers(0, len(raws) - 1))
    changed = [*raws[:at], raws[at] + b"x", *raws[at + 1 :]]
    was, is_now = chain.walk(chain.START, raws), chain.walk(chain.START, changed)
    assert was[:at] == is_now[:at]
    assert all(a != b for a, b in zip(was[at:], is_now[at:], strict=True))


def test_the_signed_text_is_that_of_the_contract():
    text = chain.signed_text("v-1", "track", "5f0c9a1e77b2d4c8", 7, bytes(32), 3, b"\xff" * 32)
    assert text == f"xk1|v-1|track|5f0c9a1e77b2d4c8|7|{'0' * 64}|3|{'f' * 64}".encode()
