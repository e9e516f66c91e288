"""The Merkle tree: RFC 6962's hashing, and proofs for every place in trees of many sizes."""

from hashlib import sha256

import pytest

from wire.evidence import merkle

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""The test vectors of Certificate Transparency's reference implementation."""


def leaves(count):
    return [merkle.leaf(b"%d" % number) for number in range(count)]


@pytest.mark.parametrize(("count", "wanted"), ROOTS.items())
def test_the_root_is_the_one_of_the_reference(count, wanted):
    assert merkle.root(merkle.leaf(one) for one in INPUTS[:count]).hex() == wanted


def test_over_nothing_it_is_the_hash_of_nothing():
    assert merkle.root([]) == sha256(b"").digest()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33])
def test_each_leaf_leads_to_the_root_by_its_proof_alone(count):
    all_leaves = leaves(count)
    root = merkle.root(all_leaves)
    for index, one in enumerate(all_leaves):
        path = merkle.path(all_leaves, index)
        assert merkle.root_by(one, index, count, path) == root
        assert merkle.root_by(merkle.leaf(b"other"), index, count, path) != root


def test_a_proof_of_another_length_or_place_leads_nowhere():
    some = leaves(5)
    path = merkle.path(some, 2)
    assert merkle.root_by(some[2], 2, 5, path[:-1]) is None
    assert merkle.root_by(some[2], 2, 5, [*path, path[0]]) is None
    assert merkle.root_by(some[2], 5, 5, path) is None
    assert merkle.root_by(some[2], -1, 5, path) is None
    assert merkle.root_by(some[2], 3, 5, path) != merkle.root(some)


def test_a_head_says_whose_it_is():
    text = merkle.head_text("cp-01", "event", "e" * 16, 12, bytes(32))
    assert text == b"xk1|head|cp-01|event|eeeeeeeeeeeeeeee|12|" + b"00" * 32
