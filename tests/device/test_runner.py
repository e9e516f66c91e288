"""The loop over a journal that is opened anew: what a part said once is not forgotten, nor what the card lost."""

import queue
import sqlite3
import threading

import msgspec
import pytest

import device.runner as running
from device import system
from device.bulletin import NAME, Bulletin, read
from device.config import DeviceConfig
from device.core.events import ButtonMoved, PartSpoke
from device.journal.journal import Journal
from device.journal.lock import IN_USE
from device.runner import Runner
from hardware.panel.twin import Wires
from hardware.pn532.twin import Pn532Twin
from tests.notified import SILENT_S, Heard
from wire.batch import decode_record
from wire.records import Alarm, Boot
from wire.service import Service

WAIT_S = 20


class Medium:
    """Told of each event that is about to be kept; the one after `tear` finds a damaged file."""

    def __init__(self):
        self.kept, self.tear = queue.SimpleQueue(), False
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self, point):
        self.answers.wait(WAIT_S)
        if point == "journal.append.after_fsync":
            self.kept.put(point)
        if point == "journal.append.before_fsync" and self.tear:
            self.tear = False
            damage = sqlite3.DatabaseError("database disk image is malformed")
            damage.sqlite_errorname = "SQLITE_CORRUPT"
            raise damage


@pytest.fixture
def twin():
    chip = Pn532Twin()
    yield chip
    chip.stop()


@pytest.fixture
def never_closed(tmp_path):
    """A journal from which the card has lost the write-ahead log of a run that was cut off."""
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    path.with_name("journal.db.lock").write_bytes(IN_USE)


@pytest.fixture
def heard(tmp_path):
    manager = Heard(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def unit(twin, heard, tmp_path):
    """A checkpoint with a reader, a panel, a receiver that is not there, and no broker."""
    whole = {
        "unit": {"id": "cp-1", "role": "checkpoint"},
        "broker": [{"host": "127.0.0.1", "port": 1}],
        "journal": {"path": "journal.db"},
        "nfc": {"port": twin.port},
        "panel": {"kind": "sim", "fingers": "fingers"},
        "gps": {"port": str(tmp_path / "no port")},
    }
    medium, stop = Medium(), threading.Event()
    config, path = msgspec.convert(whole, DeviceConfig), tmp_path / "device.toml"
    (tmp_path / "run").mkdir()
    board = Bulletin(tmp_path / "run")
    runner = Runner(config, path, "0", medium, Service(heard.environ), board)
    medium.inbox = runner._inbox
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    yield medium
    stop.set()
    thread.join(WAIT_S)
    assert not (tmp_path / "run" / NAME).exists()


def test_it_puts_up_how_it_is_while_it_works(unit, heard, tmp_path):
    heard.until("READY=1")
    while (present := read(tmp_path / "run")) is None:
        heard.until("WATCHDOG=1")
    assert (present.state.unit, present.way.broker) == ("cp-1", None)
    assert 0 <= system.up_ms() - present.up_ms <= WAIT_S * 1000


def records(path):
    journal = Journal.open(path, read_only=True)
    try:
        return [decode_record(raw) for _, _, _, raw in journal.iterate("event")]
    finally:
        journal.close()


def alarms(path):
    rows = records(path)
    return [(row.part, row.what, row.active) for row in rows if isinstance(row, Alarm)]


def test_a_broken_part_is_still_broken_for_the_journal_that_is_opened_anew(unit, twin, tmp_path):
    broken = ("gps", "unplugged", True)
    for _ in ("the boot's record", "the receiver's alarm"):
        unit.kept.get(timeout=WAIT_S)
    assert alarms(tmp_path / "journal.db") == [broken]
    unit.tear = True
    twin.present("04a1b2c3d4e5f6")
    for _ in ("the boot's record", "the receiver's alarm, as it was not mended"):
        unit.kept.get(timeout=WAIT_S)
    assert alarms(tmp_path / "journal.db") == [broken, broken]


def test_a_journal_that_lost_its_end_raises_an_alarm(never_closed, unit, tmp_path):
    for _ in ("the boot's record", "the alarm"):
        unit.kept.get(timeout=WAIT_S)
    what = "records may be missing at the end of the logs before: its write-ahead log is gone"
    assert ("journal", what, True) in alarms(tmp_path / "journal.db")


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A journal that cannot be opened, until it is closed here; the fixture must come before `unit`."""
    monkeypatch.setattr(running, "REOPEN_S", 0.2)
    journal = Journal.open(tmp_path / "journal.db")
    yield journal
    journal.close()


def press(unit, held_ms):
    """SOS was pressed for so long, five seconds ago."""
    begun_ms = system.up_ms() - 5_000
    with unit.inbox._some:
        for pressed, at_ms in ((True, begun_ms), (False, begun_ms + held_ms)):
            unit.inbox.put(ButtonMoved("sos", pressed, at_ms))


@pytest.mark.parametrize(("held_ms", "calls"), [(2_000, 1), (300, 0)])
def test_a_press_while_the_loop_was_busy_is_as_long_as_it_was(
    unit, heard, twin, tmp_path, held_ms, calls
):
    """A slow card, or a salvage: a short press is no distress, however long the release had to wait."""
    heard.until("READY=1")
    unit.answers.clear()
    twin.present("04a1b2c3d4e5f6")
    with pytest.raises(TimeoutError):
        while True:
            heard.next(SILENT_S)
    press(unit, held_ms)
    unit.answers.set()
    unit.inbox.put(PartSpoke("panel", "unplugged"))
    while not any(part == "panel" for part, _, _ in alarms(tmp_path / "journal.db")):
        unit.kept.get(timeout=WAIT_S)
    said = [what for _, what, _ in alarms(tmp_path / "journal.db")]
    assert said.count("SOS button") == calls


@pytest.mark.parametrize(("held_ms", "calls"), [(2_000, 1), (300, 0)])
def test_an_sos_while_there_is_no_journal_is_raised_once_there_is(
    away, unit, tmp_path, held_ms, calls
):
    press(unit, held_ms)
    away.close()
    unit.kept.get(timeout=WAIT_S)
    unit.inbox.put(PartSpoke("panel", "unplugged"))
    while not any(part == "panel" for part, _, _ in alarms(tmp_path / "journal.db")):
        unit.kept.get(timeout=WAIT_S)
    said = [what for _, what, _ in alarms(tmp_path / "journal.db")]
    assert said.count("SOS button") == calls


@pytest.fixture
def held(tmp_path):
    """Somebody holds SOS since before the unit started; the fixture must come before `unit`."""
    wires = Wires(tmp_path / "fingers")
    wires.move("sos", True)
    yield
    wires.close()


def calls_for_help(unit, path):
    """What is in the journal once an SOS is."""
    unit.kept.get(timeout=WAIT_S)
    while "SOS button" not in [what for _, what, _ in alarms(path)]:
        unit.kept.get(timeout=WAIT_S)
    return records(path)


def test_an_sos_that_is_held_when_the_unit_starts_is_raised(held, unit, tmp_path):
    kept = calls_for_help(unit, tmp_path / "journal.db")
    assert isinstance(kept[0], Boot)


def test_an_sos_that_is_held_when_the_unit_starts_waits_for_the_journal(
    held, away, unit, heard, tmp_path
):
    while not any(line.startswith("STATUS=takes no tap: ") for line in heard.next()):
        pass
    away.close()
    kept = calls_for_help(unit, tmp_path / "journal.db")
    assert isinstance(kept[0], Boot)


def test_it_is_ready_with_its_journal_open_and_alive_as_long_as_its_loop(unit, heard, twin):
    came = heard.until("READY=1")
    assert came.index("EXTEND_TIMEOUT_USEC=900000000") < came.index("READY=1")
    assert "STATUS=on duty" in heard.until("WATCHDOG=1") + came
    unit.answers.clear()
    twin.present("04a1b2c3d4e5f6")
    with pytest.raises(TimeoutError):
        while True:
            heard.next(SILENT_S)
    unit.answers.set()
    assert heard.until("WATCHDOG=1")


def test_a_journal_that_is_opened_anew_may_take_its_time(unit, heard, twin):
    heard.until("READY=1")
    unit.tear = True
    twin.present("04a1b2c3d4e5f6")
    heard.until("WATCHDOG_USEC=900000000")
    assert "READY=1" not in heard.until("WATCHDOG_USEC=2000000")


@pytest.fixture
def no_journal(tmp_path):
    """Where the journal should be is a folder."""
    (tmp_path / "journal.db").mkdir()


def test_while_the_journal_cannot_be_opened_it_is_not_ready_and_says_why(no_journal, unit, heard):
    came = heard.until("EXTEND_TIMEOUT_USEC=2000000")
    while not any(line.startswith("STATUS=takes no tap: ") for line in came):
        came += heard.next()
    assert "READY=1" not in came
