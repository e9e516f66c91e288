"""`xunkong card` as a technician types it, through the real driver, at a simulated chip."""

import json
import stat
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

import xunkong
from device.card.personalise import survey
from device.card.reader import Held
from device.card.wanted import ndef_under, wanted
from hardware.cards.examine import CardKey, Evidence, examine
from hardware.cards.twin import desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.pn532.field import Card
from hardware.pn532.twin import Pn532Twin
from tests.roster import cards_in
from wire.cards.keyfile import SiteKeys, read_keys
from wire.cards.keys import AIDS, AUTH, DESFIRE, card_keys
from wire.cards.ring import ring

UID = "04de5f1eacc040"
URL = "https://patrol.example/t"
XK1 = AIDS[DESFIRE]
STEPS = ["ndef", "settings", "key 4", "key 3", "key 2", "key 1", "key 0"]


@pytest.fixture
def twin(tmp_path):
    made = Pn532Twin(tmp_path / "reader")
    yield made
    made.stop()


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.toml"
    assert xunkong.main(["card", "keys", "new", str(path)]) == 0
    return path


@pytest.fixture
def run(twin, capsys):
    """Runs `xunkong card …` at the twin; gives exit code, stdout, stderr."""

    def say(command, *more, lang="en"):
        capsys.readouterr()
        words = ["--lang", lang, "card", command, "--port", twin.port, "--wait-s", "0", *more]
        code = xunkong.main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return say


@pytest.fixture
def personalise(run, keys, tmp_path):
    def say(*more, lang="en"):
        given = ("--keys", keys, "--url", URL, "--person", "p-0042")
        return run("personalise", *given, "--out", tmp_path / "roster.toml", *more, lang=lang)

    return say


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def done(out):
    return [row["step"] for row in lines(out) if row.get("done")]


class TestKeys:
    def test_made_once_and_never_shown(self, keys, capsys):
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        assert xunkong.main(["card", "keys", "new", str(keys)]) == 2
        said = capsys.readouterr()
        assert "never overwritten" in said.err
        assert read_keys(keys).master.hex() not in said.out + said.err

    def test_an_open_key_file_is_refused(self, keys, personalise, twin, ntag, shown):
        twin.present(shown(ntag))
        keys.chmod(0o644)
        code, out, err = personalise()
        assert (code, out) == (2, "") and "chmod 600" in err


class TestNewKeys:
    def test_a_card_is_moved_from_one_key_file_to_the_next(
        self, run, keys, personalise, twin, fire, tmp_path, capsys
    ):
        two, three = tmp_path / "two.toml", tmp_path / "three.toml"
        twin.present(Card(fire.uid, desfire.SENS_RES, desfire.SAK, desfire.ATS, fire))
        personalise()
        assert xunkong.main(["--lang", "en", "card", "keys", "next", str(keys), str(two)]) == 0
        said = capsys.readouterr().out
        assert "version 2, with the earlier keys" in said
        assert not any(one.master.hex() in said for one in (read_keys(keys), read_keys(two)))
        assert read_keys(two).earlier == (read_keys(keys),)
        code, out, _ = run("verify", "--keys", two)
        assert code == 0 and "of version 1, the site's of 2: personalise it again" in out
        code, out, _ = run("personalise", "--keys", two, "--person", "p", "--json")
        assert code == 0 and done(out) == FIRE_STEPS[1:]
        assert xunkong.main(["card", "keys", "retire", str(two), str(three)]) == 0
        assert read_keys(three) == SiteKeys(read_keys(two).master, 2)
        code, out, _ = run("verify", "--keys", three, "--json")
        assert (code, lines(out)) == (0, [{"uid": UID, "proof": "ev2", "failed": None}])
        assert run("verify", "--keys", keys)[0] == 1

    @pytest.mark.parametrize("what", ["next", "retire"])
    def test_no_file_is_overwritten(self, keys, tmp_path, what, capsys):
        there = tmp_path / "there.toml"
        there.write_text("mine")
        assert xunkong.main(["card", "keys", what, str(keys), str(there)]) == 2
        assert there.read_text() == "mine" and "never overwritten" in capsys.readouterr().err


class TestRead:
    def test_a_new_card(self, run, twin, ntag, shown):
        twin.present(shown(ntag))
        code, out, err = run("read", "--json")
        said = json.loads(out)
        assert (code, err) == (0, "")
        assert (said["uid"], said["kind"], said["url"]) == (UID, "NTAG 424 DNA", None)
        assert said["key_versions"] == [0] * 5 and said["settings"]["sdm"] is None

    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_a_personalised_card(self, run, personalise, twin, ntag, shown, lang):
        twin.present(shown(ntag))
        personalise()
        code, out, _ = run("read", lang=lang)
        assert code == 0 and UID in out and f"{URL}?e=" in out and "SUN: 1" in out
        assert '"meta":1' in out

    def test_other_cards(self, run, twin):
        twin.present("04a1b2c3")
        assert json.loads(run("read", "--json")[1])["kind"] == "SAK 08, UID only"
        twin.remove()
        number = bytes.fromhex("04010203040506")
        contents = desfire.Desfire(number)
        twin.present(Card(number, desfire.SENS_RES, desfire.SAK, desfire.ATS, contents))
        assert json.loads(run("read", "--json")[1])["kind"] == "DESFire EV3"


class TestPersonalise:
    def test_a_new_card_becomes_a_persons(
        self, personalise, run, twin, ntag, shown, keys, tmp_path
    ):
        twin.present(shown(ntag))
        code, out, err = personalise("--json")
        assert (code, err) == (0, "")
        assert done(out) == [*STEPS, "roster"]
        assert [row["proof"] for row in lines(out) if "proof" in row] == ["sun", "ev2"]
        own = card_keys(read_keys(keys).master, UID)
        assert tuple(ntag.keys) == own.slots
        assert cards_in(tmp_path / "roster.toml") == [(UID, "ntag424")]
        assert not any(key.hex() in out.lower() for key in (*own.slots, read_keys(keys).master))
        code, out, _ = run("verify", "--keys", keys, "--json")
        assert code == 0
        assert [row["failed"] for row in lines(out)] == [None, None]

    def test_again_does_nothing_and_enrols_once(
        self, personalise, twin, ntag, shown, tmp_path, state
    ):
        twin.present(shown(ntag))
        personalise()
        before = state(ntag)[:4]
        code, out, _ = personalise("--json")
        assert code == 0 and done(out) == ["roster"]
        assert state(ntag)[:4] == before
        assert len(cards_in(tmp_path / "roster.toml")) == 1

    @pytest.mark.parametrize(
        ("lang", "word"), [("en", "would change key 0 (change)"), ("zh", "将更换密钥 0（改卡）")]
    )
    def test_a_dry_run_changes_nothing(
        self, personalise, twin, ntag, shown, tmp_path, lang, word, state
    ):
        twin.present(shown(ntag))
        before = state(ntag)
        code, out, _ = personalise("--dry-run", lang=lang)
        assert code == 0 and word in out and str(tmp_path / "roster.toml") in out
        assert len(out.splitlines()) == 1 + len(STEPS) + 1
        assert state(ntag) == before and not (tmp_path / "roster.toml").exists()

    def test_without_a_roster_the_badge_is_shown(self, run, keys, twin, ntag, shown):
        twin.present(shown(ntag))
        code, out, _ = run("personalise", "--keys", keys, "--url", URL, "--person", "p")
        assert code == 0 and f'[[badge]]\nuid = "{UID}"\nperson = "p"\ncard = "ntag424"' in out

    @pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
    def test_interrupted_at_a_step_the_next_run_finishes(
        self, personalise, twin, ntag, shown, tmp_path, step, torn
    ):
        """At every second one the card has done it, and only its answer is lost."""
        lost = step % 2 == 1
        card = torn(ntag, step + 1, lost, lambda command: command[1] in (0x8D, 0x5F, 0xC4))
        twin.present(shown(card))
        code, out, err = personalise("--json")
        assert code == 2 and done(out) == STEPS[:step]
        assert err.count("\n") == 1 and "the card left the reader" in err
        assert not (tmp_path / "roster.toml").exists()
        twin.remove()
        twin.present(shown(ntag))
        code, out, _ = personalise("--json")
        assert code == 0 and done(out) == [*STEPS[step + lost :], "roster"]
        assert cards_in(tmp_path / "roster.toml") == [(UID, "ntag424")]


class TestWhatIsWrong:
    def test_no_card_then_two(self, personalise, twin):
        code, out, err = personalise()
        assert (code, out) == (2, "") and "no card at the reader" in err
        twin.present("04a1b2c3", "04a1b2c4")
        code, _, err = personalise()
        assert code == 2 and "more than one card" in err

    @pytest.mark.parametrize(("lang", "word"), [("en", "take another"), ("zh", "请换一张")])
    def test_another_kind_of_card(self, personalise, twin, lang, word):
        twin.present("04a1b2c3")
        code, out, err = personalise(lang=lang)
        assert (code, out) == (2, "") and word in err

    def test_another_sites_card_is_left_as_it_is(self, personalise, run, keys, twin, shown, state):
        thief = Ntag424(bytes.fromhex(UID), [b"t" * 16] * 5)
        thief.versions = [1] * 5
        twin.present(shown(thief))
        before = state(thief)
        code, _, err = personalise()
        assert code == 2 and "neither a new card's nor this key file's" in err
        assert state(thief) == before
        code, out, _ = run("verify", "--keys", keys)
        assert code == 1 and "no SUN message" in out and "key 3 does not hold" in out

    def test_a_sun_message_of_another_key(self, personalise, run, keys, twin, ntag, shown):
        twin.present(shown(ntag))
        personalise()
        ntag.keys[2] = b"x" * 16
        code, out, _ = run("verify", "--keys", keys, "--json")
        assert code == 1
        assert ["MAC" in (row["failed"] or "") for row in lines(out)] == [True, False]

    def test_a_card_that_says_it_did_and_did_not(self, personalise, twin, ntag, shown, tmp_path):
        ntag._change_key = lambda number, data: None
        twin.present(shown(ntag))
        code, out, _ = personalise()
        assert code == 1 and "does not hold" in out
        assert not (tmp_path / "roster.toml").exists()

    def test_enrolled_for_another_person_is_said_before_the_card_is_touched(
        self, personalise, twin, ntag, shown, tmp_path
    ):
        (tmp_path / "roster.toml").write_text(f'[[badge]]\nuid = "{UID}"\nperson = "b"\n')
        twin.present(shown(ntag))
        code, _, err = personalise()
        assert code == 2 and "something else" in err
        assert ntag.versions == [0] * 5

    def test_no_reader(self, run, twin):
        twin.unplug()
        code, _, err = run("read")
        assert code == 2 and "the reader's port" in err

    @pytest.mark.parametrize(
        ("lang", "word"),
        [
            (
                "en",
                "no PN532 answers",
            ),
            ("en", "check its power"),
            ("zh", "检查供电"),
        ],
    )
    def test_a_reader_that_is_mute(self, run, twin, lang, word):
        twin.mute()
        code, _, err = run("read", lang=lang)
        assert code == 2 and word in err

    def test_a_reader_that_falls_mute_with_a_card_on_it(self, run, twin, ntag, shown, monkeypatch):
        twin.present(shown(ntag))
        monkeypatch.setattr("device.card.cli.read_facts", lambda card: _mutely(twin, card))
        code, _, err = run("read")
        assert code == 2 and "does not answer" in err and "check its power" in err

    def test_it_asks_for_a_card_and_waits(self, twin, ntag, shown, capsys, monkeypatch):
        asked = []

        def ask(args):
            asked.append(args)
            twin.present(shown(ntag))

        monkeypatch.setattr("device.card.cli._ask", ask)
        assert xunkong.main(["card", "read", "--port", twin.port, "--wait-s", "60"]) == 0
        assert len(asked) == 1 and UID in capsys.readouterr().out


def _mutely(twin, card):
    twin.mute()
    return card.exchange(b"\x60")


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "no URL that a phone opens"), ("zh", "不是手机能打开的")]
)
def test_a_url_that_no_phone_opens_is_refused_before_a_card_is_asked_for(
    run, twin, keys, tmp_path, lang, word
):
    twin.unplug()
    given = ("--keys", keys, "--url", "ftp:bad", "--person", "p", "--out", tmp_path / "roster.toml")
    for dry in ((), ("--dry-run",)):
        code, out, err = run("personalise", *given, *dry, lang=lang)
        assert code == 2 and word in err and out == ""
    assert not (tmp_path / "roster.toml").exists()


def test_what_the_commands_do_is_what_the_survey_says(personalise, twin, ntag, shown, keys):
    twin.present(shown(ntag))
    personalise()
    ntag.activated()
    wished = wanted(Held(UID, 0x20, ntag.exchange), read_keys(keys))
    assert survey(ntag.exchange, replace(wished, ndef=ndef_under(URL))).left == ()


FIRE_STEPS = ["application", "key 4", "key 3", "key 2", "key 1", "key 0"]


class TestDesfire:
    @pytest.fixture
    def lying(self, twin, fire):
        """Lays the card, or what stands before it, at the reader."""

        def lay(contents=fire):
            twin.remove()
            twin.present(Card(fire.uid, desfire.SENS_RES, desfire.SAK, desfire.ATS, contents))

        lay()
        return lay

    @pytest.fixture
    def make(self, run, keys, tmp_path):
        """Personalises; a DESFire gives no URL, so it needs none."""

        def say(*more, lang="en"):
            given = ("--keys", keys, "--person", "p-0042", "--out", tmp_path / "roster.toml")
            return run("personalise", *given, *more, lang=lang)

        return say

    def test_a_new_card_becomes_a_persons(self, lying, make, run, fire, keys, tmp_path):
        code, out, err = make("--json")
        assert (code, err) == (0, "")
        assert done(out) == [*FIRE_STEPS, "roster"]
        assert [row["proof"] for row in lines(out) if "proof" in row] == ["ev2"]
        own = card_keys(read_keys(keys).master, UID, "desfire")
        assert tuple(fire.applications[XK1].keys) == own.slots
        assert own.slots[1:] != card_keys(read_keys(keys).master, UID).slots[1:]
        assert cards_in(tmp_path / "roster.toml") == [(UID, "desfire")]
        assert not any(key.hex() in out.lower() for key in (*own.slots, read_keys(keys).master))
        code, out, _ = run("verify", "--keys", keys, "--json")
        assert (code, lines(out)) == (0, [{"uid": UID, "proof": "ev2", "failed": None}])
        code, out, _ = make("--json")
        assert (code, done(out)) == (0, ["roster"])

    def test_the_keys_are_those_that_a_unit_is_given(self, lying, make, fire, keys):
        make()
        given = ring(read_keys(keys).master, [(UID, "desfire")], "ev2", True).desfire[UID]
        fire.activated()
        target = SimpleNamespace(uid=UID, sak=0x20)
        found = examine(fire.exchange, target, lambda uid: CardKey(given, AUTH, XK1))
        assert found == Evidence("ev2")

    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_what_it_is_before_and_after(self, lying, make, run, lang):
        before = json.loads(run("read", "--json")[1])
        assert (before["kind"], before["application"], before["key_versions"]) == (
            "DESFire EV3",
            None,
            None,
        )
        make()
        after = json.loads(run("read", "--json")[1])
        assert (after["application"], after["key_versions"]) == ("0b85", [1] * 5)
        assert "0b85" in run("read", lang=lang)[1]

    @pytest.mark.parametrize(
        ("lang", "word"),
        [("en", "would make the site's application"), ("zh", "将新建本站点的应用")],
    )
    def test_a_dry_run_changes_nothing(self, lying, make, fire, state, tmp_path, lang, word):
        before = state(fire)
        code, out, _ = make("--dry-run", lang=lang)
        assert code == 0 and word in out
        assert len(out.splitlines()) == 1 + len(FIRE_STEPS) + 1
        assert state(fire) == before and not (tmp_path / "roster.toml").exists()

    @pytest.mark.parametrize("step", range(len(FIRE_STEPS)), ids=FIRE_STEPS)
    @pytest.mark.parametrize("lost", [False, True])
    def test_interrupted_at_a_step_the_next_run_finishes(
        self, lying, make, fire, tmp_path, step, lost, torn
    ):
        lying(torn(fire, step + 1, lost, lambda command: command[1] in (0xCA, 0xC4)))
        code, out, err = make("--json")
        assert code == 2 and done(out) == FIRE_STEPS[:step]
        assert err.count("\n") == 1 and "the card left the reader" in err
        assert not (tmp_path / "roster.toml").exists()
        lying()
        code, out, _ = make("--json")
        assert code == 0 and done(out) == [*FIRE_STEPS[step + lost :], "roster"]
        assert cards_in(tmp_path / "roster.toml") == [(UID, "desfire")]

    def test_another_sites_card_is_left_as_it_is(self, lying, make, run, keys, fire, state):
        thief = desfire.Desfire(fire.uid, XK1, [b"t" * 16] * 5)
        lying(thief)
        before = state(thief)
        code, _, err = make()
        assert code == 2 and "neither a new card's nor this key file's" in err
        assert state(thief) == before
        code, out, _ = run("verify", "--keys", keys)
        assert code == 1 and "key 3 does not hold" in out

    @pytest.mark.parametrize(
        ("lang", "word"), [("en", "no application of the site"), ("zh", "没有本站点的应用")]
    )
    def test_a_card_that_is_not_personalised_does_not_verify(self, lying, run, keys, lang, word):
        code, out, _ = run("verify", "--keys", keys, lang=lang)
        assert code == 1 and word in out

    def test_an_ntag_is_told_that_it_needs_a_url(self, twin, make, ntag, shown):
        twin.present(shown(ntag))
        code, _, err = make()
        assert code == 2 and "--url" in err and ntag.versions == [0] * 5
