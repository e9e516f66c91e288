"""What is found out about a unit: while it runs, when it is dead, and with this or that broken."""

import os

import pytest

from device.journal import aside
from device.journal.journal import Journal
from device.journal.lock import IN_USE
from device.status import look as room
from device.status.look import Look
from device.status.systemd import DEVICE, SAFE_MODE, ServiceSaid
from tests.device.status.conftest import AT_MS, checkin

ON_DUTY = ServiceSaid("active", "running", "on duty", 0)


@pytest.fixture
def services(monkeypatch):
    """What systemd says; nothing unless the test does."""
    said = {}
    monkeypatch.setattr(room, "ask", said.get)
    return said


@pytest.fixture
def look(folder, services):
    del services
    (folder / "release.pub").touch()

    def at(config="device.toml"):
        return Look(folder / config, folder / "run", folder / "release.pub").status()

    return at


def troubles(status):
    return {one.about: one.words.en for one in status.troubles}


def test_a_unit_on_duty(look, says, services):
    services[DEVICE] = ON_DUTY
    says(queue={"event": 2, "track": 0, "photo": 4})
    status = look()
    assert status.well, status.troubles
    assert (status.unit, status.role, status.service) == ("cp-1", "checkpoint", ON_DUTY)
    (nfc,) = status.parts
    assert (nfc.name, nfc.word, nfc.heard_s, nfc.there) == ("nfc", "ok", 2, True)
    assert (status.queue.event, status.queue.track, status.queue.photos) == (3, 0, 4)
    assert status.queue.oldest_ms == AT_MS + 1000
    assert status.modem.signal_dbm == -87
    assert status.papers.unit == "cp-1"
    assert status.at_ms < status.papers.renews_ms < status.papers.to_ms
    assert status.software.version == "0.4.0"
    assert (status.clock.source, status.clock.err_ms) == ("gnss", 30)
    assert AT_MS <= status.clock.at_ms <= AT_MS + 60_000


def test_the_newest_records_in_plain_words_without_what_the_box_must_not_show(look, says):
    says()
    assert [row.words.en for row in look().records] == [
        f"check-in of p-1 at pl-{number} by nfc: accepted" for number in (2, 1, 0)
    ]


def test_alarms_and_parts_that_are_not_well(look, says, folder):
    says(alarms=["gps: unplugged"])
    assert not look().well
    says()
    assert look().well
    (folder / "nfc-port").unlink()
    assert not look().well


def test_a_dead_unit_s_journal_still_tells(look):
    status = look()
    assert "is it running?" in troubles(status)["service"]
    assert (status.queue.event, len(status.records)) == (3, 3)
    assert (status.clock.source, status.clock.at_ms) == ("none", None)
    assert [part.word for part in status.parts] == [None]


def test_a_unit_that_fell_silent(look, says):
    says(ago_ms=60_000)
    status = look()
    assert "has said nothing for 60 s" in troubles(status)["service"]
    assert [part.word for part in status.parts] == [None]


def test_a_service_that_failed_and_safe_mode(look, services):
    services[DEVICE] = ServiceSaid("failed", "failed", "", 5)
    assert "the service is failed" in troubles(look())["service"]
    services[SAFE_MODE] = ON_DUTY
    status = look()
    assert status.safe_mode and "SAFE MODE" in troubles(status)["service"]


def test_without_a_journal_or_with_a_damaged_one_the_rest_is_told(look, says, folder):
    says()
    journal = folder / "journal.db"
    journal.unlink()
    status = look()
    assert "there is no journal" in troubles(status)["journal"]
    assert (status.queue, status.papers.unit, len(status.parts)) == (None, "cp-1", 1)
    journal.write_bytes(b"not a database" * 1000)
    assert "the file is damaged" in troubles(look())["journal"]
    assert journal.read_bytes() == b"not a database" * 1000


def test_without_a_configuration_the_rest_is_told(look, says, folder):
    says()
    status = look("none.toml")
    assert {"configuration", "journal", "certificate"} <= {*troubles(status)}
    assert status.software.release_key
    (folder / "device.toml").write_text("[unit]\nid = 7\n")
    assert "[unit]" in troubles(look())["configuration"]


def test_papers_that_cannot_be_used(look, says, folder):
    says()
    (folder / "identity" / "unit.pem").unlink()
    status = look()
    assert "there is no certificate" in troubles(status)["certificate"]
    assert status.papers is None


def lies(folder):
    return {path.name: path.stat() for path in folder.iterdir()}


def test_what_a_look_leaves_behind_is_the_unit_s_own(look, says, folder):
    """Root looks at a unit that is stopped: the files that SQLite makes must not keep the unit out."""
    if os.geteuid() != 0:
        pytest.skip("only root can look at another user's journal")
    says()
    for path in (folder, *folder.glob("journal.db*")):
        os.chown(path, 12345, 12345)
    look()
    beside = {name: one for name, one in lies(folder).items() if name.startswith("journal.db")}
    assert {one.st_uid for one in beside.values()} == {12345}
    assert {one.st_gid for one in beside.values()} == {12345}


def test_a_card_that_takes_no_writes_is_left_as_it_is(look, says, folder, monkeypatch):
    """With a log that only SQLite can read, and only by writing beside it."""
    says()
    monkeypatch.setattr(aside, "_read_only", lambda path: True)
    journal = Journal.open(folder / "journal.db")
    journal.append("event", checkin("in the log alone"))
    (folder / "card").mkdir()
    for name in ("journal.db", "journal.db-wal"):
        (folder / "card" / name).write_bytes((folder / name).read_bytes())
    (folder / "card" / "journal.db.lock").write_bytes(IN_USE)
    journal.close()
    text = (folder / "device.toml").read_text().replace('"journal.db"', '"card/journal.db"')
    (folder / "device.toml").write_text(text)
    before = lies(folder / "card")
    assert "in the log alone" in look().records[0].words.en
    assert lies(folder / "card").keys() == before.keys()
    assert [one.st_mtime_ns for one in lies(folder / "card").values()] == [
        one.st_mtime_ns for one in before.values()
    ]
