"""A unit's desired configuration: read, checked, numbered, kept."""

from zoneinfo import ZoneInfo

import pytest

from gateway.roster import RosterBadge, RosterDuty, Wanted, WantedMessage
from gateway.unit_config import newest, push, read_unit_file
from wire.orders import Place, Sampling
from wire.words import Fault

SHANGHAI = ZoneInfo("Asia/Shanghai")
WHOLE = """
checkpoint = "east"
repeat_s = 5
duty_window_s = 20.5
keep_days = 3
photo_on = ["sos", "order"]
[[place]]
id = "east"
name = "东门"
lat = 27.2
lon = 111.4
radius_m = 30
[[badge]]
uid = "04a1b2c3d4e5f6"
person = "p-1"
valid_from = 2026-01-01T00:00:00
valid_to = 2026-01-01T00:00:00Z
[[badge]]
uid = "04a1b2c3"
person = "p-2"
role = "volunteer"
revoked = true
[[duty]]
uid = "04000001"
duty = "fire-watch"
[sampling]
rest_s = 30
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "unit.toml"
        path.write_text(text, "utf-8")
        return read_unit_file(path, SHANGHAI)

    return read_text


def test_a_whole_file(read):
    assert read(WHOLE) == Wanted(
        place="east",
        repeat_s=5.0,
        duty_window_s=20.5,
        keep_days=3.0,
        photo_on=("sos", "order"),
        badges=[
            RosterBadge("04a1b2c3d4e5f6", "p-1", "officer", 1_767_196_800_000, 1_767_225_600_000),
            RosterBadge("04a1b2c3", "p-2", "volunteer", revoked=True),
        ],
        places=[Place("east", "东门", 27.2, 111.4, 30.0)],
        duties=[RosterDuty("04000001", "fire-watch")],
        sampling=Sampling(rest_s=30.0),
    )


def test_an_empty_file_is_the_defaults(read):
    assert read("") == Wanted()


BADGE = '[[badge]]\nuid = "04a1b2c3"\nperson = "p"\n'
WRONG = {
    'colour = "red"': ["[top]", "colour"],
    "repeat_s = -1": ["repeat_s", "-1", ">= 0"],
    'keep_days = "long"': ["keep_days", "long", "float"],
    "keep_days = 9999": ["keep_days", "9999", "<= 3650"],
    '[[badge]]\nuid = "04A1"\nperson = "p"': ["[badge[0]] uid", "04A1"],
    '[[badge]]\nuid = "04a1b2c3"': ["[badge[0]]", "person"],
    BADGE + BADGE: ["[[badge]] uid '04a1b2c3' occurs more than once"],
    BADGE + "valid_from = 2026-01-02T00:00:00\nvalid_to = 2026-01-02T00:00:00\n": [
        "04a1b2c3", "valid_to is not after valid_from",
    ],
    BADGE + "valid_from = 2026-01-02\n": ["valid_from", "datetime"],
    '[[duty]]\nuid = "04000001"\nduty = "a"\n' * 2: ["[[duty]] uid '04000001' occurs more than once"],
    '[[place]]\nid = "a"\nname = "a"\nlat = 1.0\nlon = 1.0\n' * 2: ["[[place]] id 'a' occurs"],
    'checkpoint = "west"\n[[place]]\nid = "a"\nname = "a"\nlat = 1.0\nlon = 1.0\n': [
        "checkpoint 'west' is none of the [[place]]s",
    ],
    '[[place]]\nid = "a"\nname = "a"\nlat = 91.0\nlon = 1.0\n': ["[place[0]] lat", "91.0", "<= 90"],
    "[sampling]\nrest_s = 0": ["[sampling] rest_s", ">= 0.1"],
    "[sampling]\nspeed = 1": ["[sampling]", "speed"],
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(read, tmp_path, text):
    with pytest.raises(Fault) as caught:
        read(text)
    for said in (str(tmp_path / "unit.toml"), *WRONG[text]):
        assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_rise_each_unit_for_itself(any_store):
    versions = [push(any_store, unit, Wanted()) for unit in ("a", "b", "a", "a", "b")]
    assert versions == [1, 1, 2, 3, 2]


def test_the_newest_is_what_is_wanted(any_store):
    for repeat_s in (1.0, 2.0):
        push(any_store, "cp-01", Wanted(repeat_s=repeat_s))
    assert newest(any_store, "cp-01") == WantedMessage(1, "cp-01", 2, Wanted(repeat_s=2.0))
    assert newest(any_store, "cp-02") is None


@pytest.mark.parametrize("unit", ["gw", "CP-01", "", "-a", "a" * 33, "a\n", "a/b"])
def test_what_is_no_units_name_is_refused(store, unit):
    with pytest.raises(Fault, match="is no unit's name: 1 to 32 of"):
        push(store, unit, Wanted())
    assert newest(store, unit) is None


@pytest.mark.parametrize(
    "config",
    [
        Wanted(badges=[RosterBadge("04a1b2c3", "p", valid_from_ms=-1)]),
        Wanted(badges=[RosterBadge(f"{n:08x}", "p") for n in range(5001)]),
        Wanted(places=[Place(f"p-{n}", "村" * 500, 1.0, 1.0) for n in range(900)]),
    ],
)
def test_what_the_unit_would_not_take_is_refused_here(store, config):
    with pytest.raises(Fault, match=r"unit cp-01 would refuse this configuration: .*push again"):
        push(store, "cp-01", config)
    assert newest(store, "cp-01") is None


PLACES = '[[place]]\nid = "a"\nname = "a"\nlat = 1.0\nlon = 1.0\nleast_proof = "ev2"\n'


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("", "uid"),
        ('least_proof = "sun"\n', "sun"),
        ('least_proof = "sun"\ncheckpoint = "a"\n' + PLACES, "ev2"),
        ('least_proof = "sun"\n' + PLACES, "sun"),
    ],
)
def test_the_places_own_least_proof_has_the_last_word(read, text, least):
    assert read(text).least_proof == least


def test_a_duty_that_nobody_knows_is_refused_with_those_that_are(read):
    with pytest.raises(
        Fault, match=r"'nap' is no known duty; known are patrol, mediation, .*gateway"
    ):
        read('[[duty]]\nuid = "04000001"\nduty = "nap"\n')


def test_a_tag_is_not_badge_and_duty_at_once(read):
    with pytest.raises(Fault, match="04a1b2c3 is both"):
        read(BADGE + '[[duty]]\nuid = "04a1b2c3"\nduty = "patrol"\n')
