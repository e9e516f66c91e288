"""One-time codes: drawn, typed by people, and what is made of them."""

import re

import pytest

from wire.codes import ALPHABET, meant, new_code, password, proof, proof_key

CODE = "7K2M4-00000-11111-ABCDE"


def test_a_new_code_is_unlike_any_other_and_can_be_typed():
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    group = f"[{ALPHABET}]{{5}}"
    assert all(re.fullmatch(f"{group}-{group}-{group}-{group}", code) for code in codes)
    assert not set("ILOU") & set(ALPHABET)


@pytest.mark.parametrize(
    "typed", [CODE, "7k2m4ooooolilil-abcde", " 7K2M4 00000 11111 ABCDE ", CODE.replace("-", "")]
)
def test_what_people_type_for_it(typed):
    assert meant(typed) == "7K2M40000011111ABCDE"


@pytest.mark.parametrize("typed", ["", "7K2M4", CODE + "A", CODE.replace("7", "U"), "é" * 20])
def test_what_is_no_code(typed):
    assert meant(typed) is None


def test_each_use_has_a_hash_of_its_own():
    code = meant(CODE)
    made = {proof_key(code), password(code), proof(proof_key(code), "csr")}
    assert len(made) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in made)
    assert proof(proof_key(code), "csr") != proof(proof_key(code), "csr ")
