"""Photos held for an incident: by the beginning of a hash that is one photo's alone."""

import pytest

from gateway.photos.holds import held_by, hold, release
from gateway.store.schema import photo_files, photos
from wire.words import Fault

ONE, TWO = "aaaaaaaa" + "1" * 56, "aaaaaaaa" + "2" * 56


@pytest.fixture
def announced(any_store):
    """Two photos whose hashes begin alike; the first of two units."""
    with any_store.changing() as connection:
        for unit, digest in (("cp-01", ONE), ("cp-02", ONE), ("cp-01", TWO)):
            row = {"unit": unit, "sha256": digest, "bytes": 1, "pos": 1}
            connection.execute(photos.insert().values(**row))
    return any_store


def test_a_photo_may_be_evidence_of_several_incidents(announced):
    hold(announced, "i-1", [ONE], 0)
    hold(announced, "i-2", [ONE, TWO], 0)
    hold(announced, "i-2", [ONE], 0)
    assert held_by(announced) == {ONE: ["i-1", "i-2"], TWO: ["i-2"]}
    assert release(announced, "i-2", []) == [ONE, TWO]
    assert held_by(announced) == {ONE: ["i-1"]}


def test_some_of_an_incidents_may_be_released(announced):
    hold(announced, "i-1", [ONE, TWO], 0)
    assert release(announced, "i-1", [ONE[:10]]) == [ONE]
    assert held_by(announced) == {TWO: ["i-1"]}


@pytest.mark.parametrize(
    ("beginning", "why"),
    [("aaaaaaa", "at least 8"), ("aaaaaaaa", "more than one"), ("%" * 9, "no photo")],
)
def test_what_names_no_one_photo_holds_nothing(announced, beginning, why):
    with pytest.raises(Fault, match=why):
        hold(announced, "i-1", [ONE, beginning], 0)
    assert held_by(announced) == {}


def test_one_that_is_gone_cannot_be_held(announced):
    row = {"sha256": ONE, "bytes": 1, "kept_ms": 0, "removed_ms": 1, "why": "removed after 180"}
    with announced.changing() as connection:
        connection.execute(photo_files.insert().values(**row))
    with pytest.raises(Fault, match="is gone: removed after 180"):
        hold(announced, "i-1", [ONE], 0)


def test_nothing_to_release_is_told(announced):
    with pytest.raises(Fault, match="no such photo is held for i-1"):
        release(announced, "i-1", [])
