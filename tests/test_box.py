"""The box as its people use it: SOS from finger to gateway and back, ignition off, the retained word at the end."""

from pathlib import Path

import pytest

from device.journal.errors import JournalMissing
from device.journal.journal import Journal
from gateway.orders import give, listed
from hardware.panel.twin import fingers
from sim.city import City, Unit, wait_for
from wire.batch import decode_record
from wire.records import Alarm

pytestmark = pytest.mark.timeout(180)
WAIT_S = 60.0
HOLD_S = 0.5


@pytest.fixture
def car(city: City) -> Unit:
    flag = city.folder / "off"
    unit = city.add(
        "car-1",
        "vehicle",
        'fingers = "fingers"\n'
        f'[power]\nhold_s = {HOLD_S}\nfarewell_s = 20\noff = ["touch", "{flag}"]\n',
    )
    unit.program.start()
    assert wait_for((unit.folder / "fingers").exists, WAIT_S)
    assert wait_for(lambda: press(unit, "ignition", "down"), WAIT_S)
    return unit


def press(unit: Unit, contact: str, move: str) -> bool:
    try:
        fingers(unit.folder / "fingers", contact, move)
    except OSError:
        return False
    return True


def online(city: City) -> bool:
    row = city.rows().get("car-1")
    return row is not None and row.online


def alarms(city: City, name: str) -> list[bool]:
    found = [one["record"] for one in city.committed("alarm")]
    return [record.get("active", True) for record in found if record["alarm"] == name]


def shown(city: City) -> list[str]:
    return list(city.rows()["car-1"].broken)


def in_journal(unit: Unit, name: str) -> int:
    """How many alarms of this name the unit has kept; it makes its journal after its buttons."""
    try:
        journal = Journal.open(unit.folder / "journal.db", read_only=True)
    except JournalMissing:
        return 0
    try:
        records = [decode_record(raw) for _, _, _, raw in journal.iterate("event")]
    finally:
        journal.close()
    return sum(isinstance(record, Alarm) and record.alarm == name for record in records)


def powered_off(city: City) -> bool:
    return (city.folder / "off").exists()


def test_an_sos_is_heard_and_ended_by_the_commander(city: City, car: Unit) -> None:
    assert wait_for(lambda: online(city), WAIT_S)
    press(car, "sos", "down")
    assert wait_for(lambda: alarms(city, "sos") == [True], WAIT_S)
    press(car, "sos", "up")
    order = give(city.store, "car-1", "sos-over", None, 120)
    assert wait_for(lambda: alarms(city, "sos") == [True, False], WAIT_S)
    assert wait_for(lambda: listed(city.store)[0].outcome == "done", WAIT_S)
    assert listed(city.store)[0].id == order


def test_an_sos_without_a_broker_is_kept_and_told_later(city: City, car: Unit) -> None:
    assert wait_for(lambda: online(city), WAIT_S)
    city.broker.cut()
    press(car, "sos", "down")
    assert wait_for(lambda: in_journal(car, "sos") == 1, WAIT_S)
    car.program.kill()
    car.program.start()
    assert wait_for(lambda: press(car, "ignition", "down"), WAIT_S)
    city.broker.start()
    assert wait_for(lambda: alarms(city, "sos") == [True], WAIT_S)
    assert wait_for(lambda: any("SOS" in line for line in shown(city)), WAIT_S)


def test_ignition_off_flushes_tells_and_powers_off(city: City, car: Unit) -> None:
    assert wait_for(lambda: online(city), WAIT_S)
    press(car, "ignition", "up")
    assert wait_for(lambda: powered_off(city), WAIT_S)
    assert wait_for(lambda: not car.program.running, WAIT_S)
    assert wait_for(lambda: alarms(city, "power") == [True], WAIT_S)
    assert wait_for(lambda: not online(city), WAIT_S)
    assert in_journal(car, "power") == 1


def test_a_unit_that_is_stopped_says_that_it_is_gone(city: City, car: Unit) -> None:
    assert wait_for(lambda: online(city), WAIT_S)
    assert car.program.stop() == 0
    assert wait_for(lambda: not online(city), WAIT_S)
    assert not Path(city.folder / "off").exists()
