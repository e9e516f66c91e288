"""What a card proved: real messages, real seals, and those who cheat."""

import pytest

from device.cards import CardCiphers
from device.own_key import own_key
from tests.roster import badge
from tests.sun import sun_url
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys, meta_key
from wire.cards.ring import NO_KEYS, PURPOSE, encode, ring, site_ring
from wire.orders import ConfigMessage, UnitConfig
from wire.records import Checkin, Config, Crew, Ref
from wire.seal import public_of, seal

MASTER = bytes(range(16))
SUN, EV2, OTHER = "04de5f1eacc040", "04c767f2066180", "04996c6a926980"
CARDS = ((SUN, "ntag424"), (EV2, "desfire"))
BADGES = [badge(SUN, "p-1"), badge(EV2, "p-2"), badge(OTHER, "p-3")]


def url(counter, uid=SUN, sealed=False):
    return sun_url(card_keys(MASTER, uid).file, uid, counter, meta_key(MASTER) if sealed else None)


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "unit.key"


@pytest.fixture
def config(key_file):
    """A configuration with the keys of `CARDS`, sealed to the unit `v-1`."""

    def make(least="uid", to="v-1", keys=None, **more):
        public = public_of(own_key(key_file))
        text = encode(keys or ring(MASTER, CARDS, least, meta=True))
        sealed = seal(text, public, to, PURPOSE)
        fields = {"place": "pl-1", "badges": BADGES, "least_proof": least, "card_keys": sealed}
        return UnitConfig(**{**fields, **more})

    return make


@pytest.fixture
def start(make_unit, key_file, config):
    """Starts a unit with that configuration; `at` the place's least proof."""

    def make(least="uid", role="checkpoint", **memory):
        held = ConfigMessage(1, "v-1", 1, config(least))
        unit = make_unit(role, cards=CardCiphers("v-1", key_file), config=held, **memory)
        unit.clock("ntp")
        return unit

    return make


def last(unit, kind=Checkin):
    return unit.kept(kind)[-1]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_sun_message_that_holds_is_proof_and_goes_up_raw(start, sealed):
    unit = start("sun")
    unit.tap(SUN, sun=url(61, sealed=sealed))
    record = last(unit)
    assert (record.result, record.proof, record.sun_counter) == ("accepted", "sun", 61)
    assert record.sun == url(61, sealed=sealed)


@pytest.mark.parametrize("sealed", [False, True])
def test_while_cards_are_moved_to_new_keys_both_hold(start, config, sealed):
    new = bytes(reversed(MASTER))
    site = SiteKeys(new, 2, (SiteKeys(MASTER, 1),))
    unit = start("sun")
    keys = config("sun", keys=site_ring(site, CARDS, "sun", meta=True)).card_keys
    unit.configure(2, place="pl-1", badges=BADGES, least_proof="sun", card_keys=keys)
    assert last(unit, Config).outcome == "applied"
    meta = meta_key(new) if sealed else None
    unit.tap(SUN, sun=url(61, sealed=sealed), at_ms=10_000)
    unit.tap(SUN, sun=sun_url(card_keys(new, SUN).file, SUN, 62, meta), at_ms=40_000)
    unit.tap(SUN, sun=url(62, sealed=sealed), at_ms=70_000)
    unit.tap(SUN, sun=sun_url(card_keys(bytes(16), SUN).file, SUN, 63, meta), at_ms=100_000)
    found = [(r.result, r.sun_counter) for r in unit.kept(Checkin)]
    assert found == [("accepted", 61), ("accepted", 62), ("replayed", 62), ("forged", None)]


def test_a_message_shown_again_is_refused_and_recorded(start):
    unit = start("sun")
    unit.tap(SUN, sun=url(61), at_ms=10_000)
    unit.tap(SUN, sun=url(61), at_ms=40_000)
    unit.tap(SUN, sun=url(60), at_ms=70_000)
    unit.tap(SUN, sun=url(62), at_ms=100_000)
    found = [(r.result, r.sun_counter) for r in unit.kept(Checkin)]
    assert found == [("accepted", 61), ("replayed", 61), ("replayed", 60), ("accepted", 62)]
    assert [r.person for r in unit.kept(Checkin)] == ["p-1"] * 4
    assert unit.signals[1:3] == ["refused", "refused"]


def test_also_within_the_time_in_which_a_tap_repeats(start):
    unit = start()
    unit.tap(SUN, sun=url(61), at_ms=10_000)
    unit.tap(SUN, sun=url(61), at_ms=11_000)
    assert [r.result for r in unit.kept(Checkin)] == ["accepted", "replayed"]


def test_a_repeated_tap_spends_its_counter_though_it_is_not_recorded(start):
    unit = start()
    for at_ms, counter in ((10_000, 61), (12_000, 62), (40_000, 62)):
        unit.tap(SUN, sun=url(counter), at_ms=at_ms)
    assert unit.signals[1] == "duplicate"
    assert [(r.result, r.sun_counter) for r in unit.kept(Checkin)] == [
        ("accepted", 61),
        ("replayed", 62),
    ]


def test_a_restart_between_two_replays(start):
    before = start("sun")
    before.tap(SUN, sun=url(61))
    after = start("sun", saved=before.journal.saved)
    after.tap(SUN, sun=url(61))
    assert [r.result for r in after.kept(Checkin)] == ["replayed"]


def test_a_cut_between_the_record_and_its_note(start):
    before = start("sun")
    before.tap(SUN, sun=url(61))
    after = start("sun", taps=((Ref("event", "e" * 16, 2), last(before)),))
    after.tap(SUN, sun=url(61))
    assert [r.result for r in after.kept(Checkin)] == ["replayed"]


def test_counters_of_many_cards_are_kept_each(start):
    before = start("sun")
    before.tap(SUN, sun=url(61))
    saved = {
        name: note if not name.startswith("sun") else {"highest": {**note["highest"], OTHER: 7}}
        for name, note in before.journal.saved.items()
    }
    after = start("sun", saved=saved)
    after.tap(SUN, sun=url(62))
    (note,) = [note for name, note in after.journal.saved.items() if name.startswith("sun")]
    assert note["highest"][SUN] == 62


def test_a_tap_that_was_not_kept_spends_nothing(start):
    unit = start("sun")
    unit.tap(SUN, sun=url(60), at_ms=10_000)
    unit.journal.broken = "full"
    unit.tap(SUN, sun=url(61), at_ms=40_000)
    unit.journal.broken = None
    unit.tap(SUN, sun=url(61), at_ms=41_000)
    assert [(r.result, r.sun_counter) for r in unit.kept(Checkin)] == [
        ("accepted", 60),
        ("accepted", 61),
    ]
    unit.tap(SUN, sun=url(60), at_ms=70_000)
    assert last(unit).result == "replayed"


@pytest.mark.parametrize(
    "sun",
    [
        url(61)[:-1] + ("0" if url(61)[-1] != "0" else "1"),
        url(61).replace("ctr=00003d", "ctr=00003e"),
        url(9, uid=OTHER),
        sun_url(card_keys(MASTER, OTHER).file, SUN, 61),
        sun_url(card_keys(MASTER, SUN).file, OTHER, 61),
        sun_url(card_keys(MASTER, SUN).file, SUN, 61, meta=bytes(16)),
    ],
)
def test_a_message_that_does_not_hold_is_refused_even_where_a_uid_would_do(start, sun):
    unit = start("uid")
    unit.tap(SUN, sun=sun)
    record = last(unit)
    assert (record.result, record.proof, record.sun, record.sun_counter) == (
        "forged",
        "uid",
        sun,
        None,
    )
    unit.tap(SUN, sun=url(5), at_ms=40_000)
    assert last(unit).result == "accepted"


@pytest.mark.parametrize("sun", [None, "https://x.example/", "x" * 501, url(3) + "#"])
def test_what_is_no_sun_message_is_a_uid_and_no_more(start, sun):
    unit = start("uid")
    unit.tap(SUN, sun=sun)
    assert (last(unit).result, last(unit).proof) == ("accepted", "uid")
    strict = start("sun")
    strict.tap(SUN, sun=sun)
    assert last(strict).result == "weak"
    assert strict.signals == ["refused"]


def test_a_badge_of_the_roster_without_a_key_goes_up_unverified(start):
    unit = start("uid")
    unit.tap(OTHER, sun=url(9, uid=OTHER))
    record = last(unit)
    assert (record.result, record.proof, record.sun_counter) == ("accepted", "uid", None)
    assert record.sun == url(9, uid=OTHER)


@pytest.mark.parametrize(
    ("least", "proof", "result"),
    [
        ("uid", "uid", "accepted"),
        ("sun", "uid", "weak"),
        ("sun", "ev2", "accepted"),
        ("ev2", "uid", "weak"),
        ("ev2", "ev2", "accepted"),
    ],
)
def test_the_least_proof_of_the_place(start, least, proof, result):
    unit = start(least)
    unit.tap(EV2, proof=proof)
    assert (last(unit).result, last(unit).proof) == (result, proof)


@pytest.mark.parametrize("least", ["uid", "sun", "ev2"])
def test_a_card_with_another_key_is_forged_whatever_the_place_demands(start, least):
    unit = start(least)
    unit.tap(EV2, forged=True, at_ms=10_000)
    assert (last(unit).result, last(unit).proof, last(unit).person) == ("forged", "uid", "p-2")
    unit.tap(EV2, proof="ev2", at_ms=11_000)
    assert last(unit).result == "accepted"
    assert unit.signals == ["refused", "stored_offline"]


def test_nobody_signs_on_with_another_key(start):
    car = start("ev2", role="vehicle")
    car.tap(EV2, forged=True)
    assert last(car, Crew).result == "forged"
    assert "crew" not in car.journal.saved


def test_a_sun_message_is_too_little_where_ev2_is_demanded(start):
    unit = start("ev2")
    unit.tap(SUN, sun=url(61))
    assert last(unit).result == "weak"


def test_a_weak_tap_that_is_mended_at_once_is_no_repeat(start):
    unit = start("ev2")
    unit.tap(EV2, at_ms=10_000)
    unit.tap(EV2, proof="ev2", at_ms=11_000)
    assert unit.signals == ["refused", "stored_offline"]


def test_the_roster_has_the_first_word(start):
    unit = start("ev2")
    unit.tap("04ffffff")
    assert last(unit).result == "unknown"


def test_signing_on_takes_the_same_verdicts(start):
    car = start("sun", role="vehicle")
    car.tap(SUN, at_ms=10_000)
    car.tap(SUN, sun=url(61), at_ms=11_000)
    car.tap(SUN, sun=url(61), at_ms=40_000)
    assert [(r.result, r.proof, r.sun_counter) for r in car.kept(Crew)] == [
        ("weak", "uid", None),
        ("accepted", "sun", 61),
        ("replayed", "sun", 61),
    ]
    assert car.journal.saved["crew"] == {"crew": ["p-1"]}


class TestKeys:
    def test_the_reader_gets_them_at_the_start_and_with_each_configuration(self, start, config):
        unit = start("ev2")
        assert (set(unit.armed.ev2), set(unit.armed.desfire)) == ({SUN}, {EV2})
        unit.configure(2, badges=BADGES)
        assert unit.armed == NO_KEYS

    def test_only_those_that_the_place_needs(self):
        assert set(ring(MASTER, CARDS, "sun", True).sun) == {SUN}
        assert set(ring(MASTER, CARDS, "sun", True).desfire) == {EV2}
        assert ring(MASTER, CARDS, "ev2", True).sun == {}
        assert ring(MASTER, CARDS, "ev2", True).meta is None
        assert ring(MASTER, CARDS, "sun", False).meta is None

    @pytest.mark.parametrize("wrong", ["another unit's", "cut short", "no base64", "empty", "text"])
    def test_a_blob_that_cannot_be_opened_refuses_the_configuration(
        self, start, config, key_file, wrong
    ):
        unit = start("sun")
        good = config("sun").card_keys
        blob = {
            "another unit's": config("sun", to="v-2").card_keys,
            "cut short": good[:-8],
            "no base64": "*" + good[1:],
            "empty": "",
            "text": seal(b"{}", public_of(own_key(key_file)), "v-1", PURPOSE),
        }[wrong]
        unit.configure(2, badges=[], card_keys=blob)
        refused = last(unit, Config)
        assert (refused.version, refused.outcome) == (2, "refused")
        assert "sealed card keys" in refused.why
        unit.tap(SUN, sun=url(61))
        assert (last(unit).result, last(unit).proof) == ("accepted", "sun")

    def test_a_key_that_is_gone_at_the_start_is_told_and_taps_go_on(
        self, make_unit, config, key_file
    ):
        held = ConfigMessage(1, "v-1", 1, config("sun"))
        key_file.unlink()
        lost = make_unit(cards=CardCiphers("v-1", key_file), config=held)
        lost.link()
        lost.wait(1_000)
        assert any("card keys" in line for line in lost.states()[-1].alarms)
        lost.tap(SUN, sun=url(61))
        assert (last(lost).result, last(lost).sun) == ("weak", url(61))

    def test_nothing_that_can_be_printed_tells_a_key(self, start):
        unit = start("ev2")
        said = repr(unit.armed) + repr(unit.effects)
        assert unit.armed.ev2[SUN].hex() not in said
        assert repr(unit.armed.ev2[SUN]) not in said
