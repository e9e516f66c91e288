"""Card keys from the gateway's file to the unit, and duty cards to the store: processes and a real broker."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.unit_config import newest
from hardware.cards.ntag424 import sun_template, wanted_settings
from hardware.cards.twin import desfire
from hardware.cards.twin.ntag424 import ATS, SAK, SENS_RES, Ntag424
from hardware.pn532.chip import Card
from sim.city import City, wait_for
from sim.demo import Checkpoint
from sim.tapper import Trace
from wire.cards.keyfile import SiteKeys, next_keys, read_keys, without_earlier, write_keys
from wire.cards.keys import AIDS, DESFIRE, NTAG424, card_keys

TAG, PLAIN, DUTY = "04de5f1eacc040", "04a1b2c3d4e5f6", "04d0000000001a"
NEVER_TAPPED = "04f00d00000001"
ROSTER = f"""
repeat_s = 0
[[badge]]
uid = "{TAG}"
person = "p-1"
card = "ntag424"
[[badge]]
uid = "{PLAIN}"
person = "p-2"
[[badge]]
uid = "{NEVER_TAPPED}"
person = "p-3"
[[duty]]
uid = "{DUTY}"
duty = "mediation"
"""


def xunkong(*words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "xunkong", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def gateway(city: City, *words: str | Path) -> str:
    return xunkong("gateway", *words, "--config", city.gateway_toml)


def pushed(city: City, text: str) -> int:
    path = city.folder / "unit.toml"
    path.write_text(text, "utf-8")
    gateway(city, "config", "push", "--unit", "cp-1", path)
    message = newest(city.store, "cp-1")
    assert message is not None
    assert wait_for(
        lambda: "cp-1" in city.rows() and city.rows()["cp-1"].config == message.version, 60
    )
    return message.version


def test_keys_reach_a_unit_sealed_and_duties_and_verdicts_come_back(
    city: City, checkpoint: Callable[..., Checkpoint]
) -> None:
    write_keys(city.folder / "card-keys.toml")
    with city.gateway_toml.open("a", encoding="utf-8") as file:
        file.write('[cards]\nkeys = "card-keys.toml"\n')
    at = checkpoint()
    at.unit.program.start()
    pushed(city, ROSTER)
    for uid in (PLAIN, DUTY):
        at.tapper.tap(uid, 30)
    pushed(city, 'least_proof = "sun"\n' + ROSTER)
    at.tapper.tap(TAG, 30)
    assert wait_for(
        lambda: len(city.committed("checkin")) == 2 and bool(city.committed("duty")), 60
    )
    first, second = city.committed("checkin")
    assert (first["record"]["person"], first["record"]["result"]) == ("p-2", "accepted")
    assert (second["record"]["person"], second["record"]["result"]) == ("p-1", "weak")
    (duty,) = city.committed("duty")
    assert duty["record"]["ref"] == {name: first[name] for name in ("stream", "log", "seq")}
    assert "duty=dispute mediation" in gateway(city, "records", "--kind", "duty")
    journal = at.unit.folder / "journal.db"
    at.unit.program.stop()
    lies = b"".join(path.read_bytes() for path in journal.parent.glob("journal.db*"))
    assert b'"card":"' in lies
    assert NEVER_TAPPED.encode() not in lies


TAGGED = """
repeat_s = 0
[[badge]]
uid = "{uid}"
person = "p-1"
card = "{card}"
"""


def personalised(uid: str, master: bytes, family: str, version: int = 1) -> Card:
    """A card as `xunkong card personalise` leaves it: diversified keys, and a SUN message under a URL."""
    own = list(card_keys(master, uid, family).slots)
    if family == DESFIRE:
        fire = desfire.Desfire(bytes.fromhex(uid), AIDS[DESFIRE], own)
        fire.applications[AIDS[DESFIRE]].versions[:] = [version] * 5
        return Card(fire.uid, desfire.SENS_RES, desfire.SAK, desfire.ATS, fire)
    contents = Ntag424(bytes.fromhex(uid), own)
    contents.versions = [version] * 5
    file, sdm = sun_template("https://patrol.example/t")
    contents.files[2][: len(file)] = file
    contents.settings[2] = wanted_settings(sdm)
    return Card(contents.uid, SENS_RES, SAK, ATS, contents)


def tap(at: Checkpoint, shown: Card) -> None:
    """Holds a card to the reader until the box beeps, and lets it finish."""
    trace = Trace(at.unit.trace)
    trace.until_silent()
    presented_ns = at.reader.present(shown)
    assert trace.beep_after(presented_ns, 30) is not None
    at.reader.remove()
    trace.until_silent()
    trace.close()


def keyed(city: City, at: Checkpoint) -> bytes:
    """The site has card keys, and the unit can be sealed to; the master key."""
    write_keys(city.folder / "card-keys.toml")
    with city.gateway_toml.open("a", encoding="utf-8") as file:
        file.write('[cards]\nkeys = "card-keys.toml"\nsealed_picc = true\n')
    city.gateway.stop()
    city.gateway.start()
    at.unit.program.start()
    return read_keys(city.folder / "card-keys.toml").master


@pytest.mark.parametrize(
    ("family", "least"), [(NTAG424, "sun"), (NTAG424, "ev2"), (DESFIRE, "ev2")]
)
def test_a_card_in_the_field_proves_itself_as_the_place_demands(
    city: City, checkpoint: Callable[..., Checkpoint], family: str, least: str
) -> None:
    at = checkpoint()
    master = keyed(city, at)
    pushed(city, f'least_proof = "{least}"\n' + TAGGED.format(uid=TAG, card=family))
    genuine, copied = (personalised(TAG, site, family) for site in (master, bytes(16)))
    for shown in (genuine, genuine, copied):
        tap(at, shown)
    assert wait_for(lambda: len(city.committed("checkin")) == 3, 60)
    records = [one["record"] for one in city.committed("checkin")]
    assert [record["result"] for record in records[:2]] == ["accepted", "accepted"]
    assert records[2]["result"] == "forged"
    assert wait_for(
        lambda: any(
            alarm["record"]["alarm"] == "tamper" and TAG in alarm["record"]["what"]
            for alarm in city.committed("alarm")
        ),
        60,
    )
    assert [record["proof"] for record in records[:2]] == [least, least]
    if least == "sun":
        assert [record["sun_counter"] for record in records[:2]] == [1, 2]
        assert all(
            record["sun"].startswith("https://patrol.example/t?e=") for record in records[:2]
        )


def named(city: City, keys: str) -> None:
    """The gateway goes on with another key file."""
    head, _, _ = city.gateway_toml.read_text("utf-8").partition("[cards]")
    city.gateway_toml.write_text(f'{head}[cards]\nkeys = "{keys}"\n', "utf-8")
    city.gateway.stop()
    city.gateway.start()


@pytest.mark.chaos
@pytest.mark.parametrize(("family", "least"), [(NTAG424, "sun"), (DESFIRE, "ev2")])
def test_a_site_moves_from_one_master_key_to_the_next(
    city: City, checkpoint: Callable[..., Checkpoint], family: str, least: str
) -> None:
    """As the README says: while cards are moved both keys count, and in the end the new ones alone."""
    at = checkpoint()
    first = SiteKeys(keyed(city, at))
    second = write_keys(city.folder / "2.toml", next_keys(first))
    write_keys(city.folder / "3.toml", without_earlier(second))
    roster = f'least_proof = "{least}"\n' + TAGGED.format(uid=TAG, card=family)
    old = personalised(TAG, first.master, family)
    new = personalised(TAG, second.master, family, second.version)
    if isinstance(new.contents, Ntag424):
        new.contents.counter = 10
    for keys, shown in (("2.toml", (old, new)), ("3.toml", (new, old))):
        named(city, keys)
        pushed(city, roster)
        for card in shown:
            tap(at, card)
    assert wait_for(lambda: len(city.committed("checkin")) == 4, 60)
    records = [one["record"] for one in city.committed("checkin")]
    assert [record["result"] for record in records] == ["accepted"] * 3 + ["forged"]
    assert [record["proof"] for record in records[:3]] == [least] * 3
    told = [one["record"]["what"] for one in city.committed("alarm")]
    assert len([what for what in told if TAG in what]) == 1
