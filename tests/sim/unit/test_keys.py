"""Every key of `xunkong sim unit`, for each role: what the screen shows, and what the gateway has, agree."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from device.journal.journal import Journal
from gateway.lookup import Wanted, found_records
from gateway.orders import listed
from gateway.store.open import Store, open_store
from sim.unit.keys import BY_KEY, KNOWN
from sim.unit.run import NAMES
from tests.sim.unit.person import Person
from wire.batch import decode_record
from wire.live import Role
from wire.records import AnyRecord, Unreadable

pytestmark = pytest.mark.timeout(600)
WAITING = re.compile(r"queue: event [1-9]")


def has(record: AnyRecord | Unreadable, fields: Mapping[str, Any]) -> bool:
    return all(getattr(record, name) == value for name, value in fields.items())


class Drive:
    """A person at a simulated unit, who can look into the gateway's store too."""

    def __init__(self, folder: Path, role: Role) -> None:
        self.folder, self.role, self.unit = folder, role, NAMES[role]
        self.person = Person("--role", role, "--folder", str(folder))
        self.sees = self.person.sees

    @property
    def vehicle(self) -> bool:
        return self.role == "vehicle"

    def begin(self) -> None:
        """Waits until the unit is ready; the gateway's store is there then."""
        self.sees("running", "config 1 applied", "position: 2")
        assert ("IGN on" in self.person.screen) is self.vehicle
        self.store: Store = open_store(f"sqlite:///{self.folder / 'store.db'}")

    def close(self) -> None:
        self.person.close()
        if hasattr(self, "store"):
            self.store.close()

    def press(self, key: str, *signs: str) -> None:
        """Presses `key`, and waits until each of `signs` has been on the screen."""
        self.person.press(key)
        self.person.saw(*signs)

    def taps(
        self, key: str, person: str | None, result: str, sound: str, action: str = "on"
    ) -> None:
        """Presses the key of a badge, and waits for its signal and its record, here and at the gateway."""
        uid = BY_KEY[key].with_uid
        who = f"{uid} {person}" if person else uid
        told = f"crew {who} {action}" if self.vehicle else f"checkin {who} {self.unit} nfc uid"
        before = self.count(result, uid)
        self.press(key, f"signal: {sound}", f"{told} {result}")
        self.person.waits(
            lambda: self.count(result, uid) == before + 1, f"tap {key} at the gateway"
        )

    def count(self, result: str, uid: str | None) -> int:
        """How many such taps the gateway has."""
        found = self.records("crew" if self.vehicle else "checkin")
        return sum(has(one, {"badge": uid, "result": result}) for one in found)

    def gateway_has(self, kind: str, count: int = 1, **fields: Any) -> None:
        """Waits until the gateway has exactly so many records with these fields."""

        def there() -> bool:
            return sum(has(one, fields) for one in self.records(kind)) == count

        self.person.waits(there, f"{count} {kind} with {fields} at the gateway")

    def records(self, kind: str) -> list[AnyRecord | Unreadable]:
        found = found_records(self.store, Wanted(unit=self.unit, kind=kind))
        return [decode_record(bytes(row["record"])) for row in found]

    def alarm(self, name: str, active: bool = True, part: str | None = None) -> None:
        """Waits for the latest of these alarms at the gateway to be `active`, or not."""

        def there() -> bool:
            wanted = {"alarm": name, "part": part}
            found = [one for one in self.records("alarm") if has(one, wanted)]
            return bool(found) and has(found[-1], {"active": active})

        self.person.waits(there, f"alarm {name} {part or ''} {active} at the gateway")


@pytest.fixture(params=["vehicle", "checkpoint"])
def drive(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Drive]:
    one = Drive(tmp_path / "unit", request.param)
    try:
        one.begin()
        yield one
    finally:
        one.close()


def test_every_key(drive: Drive) -> None:
    cards(drive)
    distress_and_orders(drive)
    parts(drive)
    link(drive)
    power(drive)
    drive.press(".")
    ends_and_agrees(drive)
    assert set(drive.person.pressed) == set(BY_KEY)


def cards(drive: Drive) -> None:
    drive.taps("1", "p-00001", "accepted", "accepted")
    drive.taps("3", None, "unknown", "unknown")
    drive.taps("2", "p-00002", "accepted", "accepted")
    drive.press("5", "signal: duty_accepted", "duty mediation")
    drive.gateway_has("duty", duty="mediation")
    drive.taps("4", "p-00001", "accepted", "accepted", action="off")
    drive.sees("alarm duress duress card p-00001", "alarms: duress")
    drive.gateway_has("alarm", alarm="duress", person="p-00001")


def distress_and_orders(drive: Drive) -> None:
    drive.press("s", "signal: sos_sent", "alarm sos SOS button", "sos", "photo: sos 640x480")
    drive.alarm("sos")
    drive.gateway_has("photo", reason="sos")
    drive.person.saw("signal: sos_heard")
    drive.press("e", "signal: order_received", "alarms: -")
    drive.alarm("sos", active=False)
    drive.alarm("duress", active=False)
    drive.press("o", "received call-in")
    drive.press("a", "acknowledged")
    drive.person.waits(lambda: outcomes(drive) == ["done", "acknowledged"], "the orders' ends")


def outcomes(drive: Drive) -> list[str | None]:
    return [order.outcome for order in listed(drive.store, drive.unit)]


def parts(drive: Drive) -> None:
    drive.press("r", "NFC -", "signal: part_broken", "alarms: part nfc")
    drive.alarm("part", part="nfc")
    drive.press("r", "alarms: -")
    drive.alarm("part", active=False, part="nfc")
    drive.press("n")
    drive.taps("2", "p-00002", "accepted", "accepted", action="off")
    drive.press("g", "GPS -", "signal: part_broken", "alarms: part gps")
    drive.alarm("part", part="gps")
    drive.press("g", "alarms: -")
    drive.press("m", "GPS ...", "alarm part silent gps True")
    drive.alarm("part", part="gps")
    drive.press("m", "alarms: -")
    drive.alarm("part", active=False, part="gps")


def link(drive: Drive) -> None:
    before = drive.count("accepted", KNOWN)
    drive.press("l", "link CUT")
    drive.press("1", "signal: stored_offline")
    drive.person.waits(lambda: WAITING.search(drive.person.screen) is not None, "a queue of events")
    assert drive.count("accepted", KNOWN) == before
    drive.press("l", "link up", "queue: event 0")
    drive.person.waits(lambda: drive.count("accepted", KNOWN) == before + 1, "the tap, later")


def power(drive: Drive) -> None:
    drive.press("k", "STOPPED")
    drive.press("k", "running", f"boot 0.1.0 {drive.role} killed")
    drive.gateway_has("boot", last_stop="killed")
    if not drive.vehicle:
        drive.press("i")
        drive.taps("2", "p-00002", "accepted", "accepted")
        return
    drive.press("i", "IGN off", "signal: powering_off", "STOPPED", "queue: event 0  track 0")
    drive.alarm("power")
    drive.press("i", "IGN on")
    drive.press("k", "running", "boot 0.1.0 vehicle clean", "alarms: -")
    drive.alarm("power", active=False)


def ends_and_agrees(drive: Drive) -> None:
    """What the unit has kept is what the gateway has, byte for byte, and nothing twice."""
    drive.sees("queue: event 0")
    drive.press("q")
    assert drive.person.ends() == 0
    assert drive.person.restored()
    with closing(Journal.open(drive.folder / drive.unit / "journal.db", read_only=True)) as journal:
        kept = sorted(raw for *_, raw in journal.iterate("event"))
    found = found_records(drive.store, Wanted(unit=drive.unit))
    assert sorted(bytes(row["record"]) for row in found if row["stream"] == "event") == kept
