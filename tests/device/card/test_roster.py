"""The badge in the roster: read back by the gateway's own reader, once, and never over another."""

from zoneinfo import ZoneInfo

import pytest

from device.card.roster import Badge, append, checked_person, is_in
from gateway.unit_config import read_unit_file
from tests.roster import cards_in
from wire.words import Fault

UID = "04de5f1eacc040"
BADGE = Badge(UID, '张 "三" \\')


@pytest.mark.parametrize("before", [None, "", 'checkpoint = "p"', "[sampling]\nmoving_s = 5\n"])
def test_the_gateway_reads_it(tmp_path, before):
    path = tmp_path / "roster.toml"
    if before is not None:
        path.write_text(
            before
            + ('\n[[place]]\nid = "p"\nname = "p"\nlat = 1\nlon = 1' if before[:1] == "c" else "")
        )
    assert not is_in(path, BADGE)
    append(path, BADGE)
    append(path, Badge("04000000000001", "b"))
    assert is_in(path, BADGE)
    assert cards_in(path) == [(UID, "ntag424"), ("04000000000001", "ntag424")]
    found = read_unit_file(path, ZoneInfo("UTC"))
    assert [badge.person for badge in found.badges] == [BADGE.person, "b"]


@pytest.mark.parametrize(
    "entry",
    [
        '[[badge]]\nuid = "{}"\nperson = "b"\ncard = "ntag424"',
        '[[badge]]\nuid = "{}"\nperson = "a"',
        '[[duty]]\nuid = "{}"\nduty = "patrol"',
    ],
)
def test_what_it_says_already_is_not_overruled(tmp_path, entry):
    path = tmp_path / "roster.toml"
    path.write_text(entry.format(UID))
    with pytest.raises(Fault, match="something else"):
        is_in(path, Badge(UID, "a"))


def test_one_that_cannot_be_written_or_read(tmp_path):
    with pytest.raises(Fault, match="cannot write"):
        append(tmp_path, BADGE)
    (tmp_path / "r.toml").write_text("badge = 1")
    with pytest.raises(Fault, match="badge"):
        is_in(tmp_path / "r.toml", BADGE)


@pytest.mark.parametrize("person", ["", "  ", "a\nb", "a\x7f", "\udc80", "x" * 65])
def test_names_that_no_roster_holds(person):
    with pytest.raises(Fault, match="--person"):
        checked_person(person)
