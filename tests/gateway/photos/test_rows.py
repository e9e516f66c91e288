"""`xunkong gateway photos`: each photo once, with its record, how far it has come, and its file."""

import json
from hashlib import sha256

import pytest

from gateway.ingest.intake import Intake, Message
from gateway.photos.rows import photo_rows
from tests.keys import SIGNER, Believing
from wire import topics
from wire.records import Photo, Ref
from xunkong import main

DATA = [bytes([number]) * 100 for number in range(4)]
SHA = [sha256(data).hexdigest() for data in DATA]
NOW_MS = 1_763_890_000_000


@pytest.fixture
def site(store, tmp_path, unit_log):
    """Four photos of `cp-01`: one whole, one half, one not begun, one lost."""
    log = unit_log().checkin()
    for sha in SHA:
        ref = Ref("event", log.log, 1)
        log.add(Photo, sha256=sha, bytes=100, width=8, height=6, reason="checkin", ref=ref)
    log.add(Photo, sha256=SHA[3], bytes=100, width=8, height=6, reason="checkin", lost="no room")
    intake = Intake(store, Believing(), SIGNER, lambda point: None, tmp_path / "photos")
    intake.take([log.message()], NOW_MS)
    for number, size in ((0, 100), (1, 40)):
        chunk = Message(topics.photo("cp-01", SHA[number], 0), DATA[number][:size])
        intake.take([chunk], NOW_MS)
    return tmp_path


def test_each_photo_once_in_its_state(site, store):
    found = list(photo_rows(store, site / "photos"))
    assert [(row["sha256"], row["state"], row["received"]) for row in found] == [
        (SHA[0], "kept", 100),
        (SHA[1], "receiving", 40),
        (SHA[2], "announced", 0),
        (SHA[3], "lost", 0),
    ]
    assert found[0]["file"] == str(site / "photos" / SHA[0][:2] / f"{SHA[0]}.jpg")
    assert [row["file"] for row in found[1:]] == [None, None, None]
    assert found[3]["why"] == "no room"
    assert {row["ref"] for row in found} == {f"cp-01/event/{'e' * 16}/1"}


def test_of_one_unit_only(site, store):
    assert list(photo_rows(store, site / "photos", "cp-02")) == []


def test_the_command_prints_objects_and_1_tells_of_a_loss(site, capsys):
    config = site / "gateway.toml"
    config.write_text('[[broker]]\nhost = "h"\n[store]\nurl = "sqlite:///store.db"\n')
    assert main(["gateway", "photos", "--config", str(config), "--json"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["record"]["sha256"] for row in rows] == SHA
    assert main(["gateway", "photos", "--config", str(config), "--unit", "cp-02"]) == 0
    assert main(["gateway", "photos", "--config", str(config)]) == 1
    assert "state=kept" in capsys.readouterr().out


def test_photos_are_held_and_released_for_an_incident(site, capsys):
    config = site / "gateway.toml"
    config.write_text('[[broker]]\nhost = "h"\n[store]\nurl = "sqlite:///store.db"\n')
    more = ["--incident", "i-7", "--config", str(config), "--json", SHA[0][:10]]
    assert main(["gateway", "photos", "hold", *more]) == 0
    assert json.loads(capsys.readouterr().out) == {"sha256": SHA[0], "held": "i-7"}
    main(["gateway", "photos", "--config", str(config), "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[0])["held"] == ["i-7"]
    assert main(["gateway", "photos", "release", *more]) == 0
    assert main(["gateway", "photos", "release", *more]) == 2


def test_the_policy_is_carried_out_by_command(site, capsys, keys_site):
    keys_site.lay_gateway_keys(site / "keys")
    config = site / "gateway.toml"
    config.write_text(
        '[[broker]]\nhost = "h"\n[store]\nurl = "sqlite:///store.db"\n[photos]\nkeep_days = 1\n'
    )
    assert main(["gateway", "retain", "--config", str(config), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    removed = {row["of"]: row["removed"] for row in rows if "removed" in row}
    assert removed == {"photos": 1, "suns": 0}
    main(["gateway", "photos", "--config", str(config)])
    assert "state=removed" in capsys.readouterr().out
