"""`xunkong fleet` as a commander types it."""

import json

import msgspec
import pytest

import xunkong
from gateway.config import load
from gateway.fleet.roll import strike_out
from gateway.orders import listed
from gateway.releases.shelf import Published
from gateway.rollout.conductor import look
from gateway.site import lay_out
from gateway.store.open import open_store
from gateway.store.schema import releases, rollout_units, rollouts, units
from tests.gateway.conftest import BOOT, NOW_MS
from wire import codec
from wire.live import State

MACHINE = "aarch64-bookworm"


@pytest.fixture
def site(tmp_path):
    """A site with a published version and two units."""
    lay_out(tmp_path / "site")
    path = tmp_path / "site/gateway.toml"
    store = open_store(load(path).store.url)
    with store.changing() as connection:
        row = Published("ab" * 32, "0.2.0", MACHINE, 1000, "0.0", 1, NOW_MS)
        connection.execute(releases.insert().values(**msgspec.structs.asdict(row)))
        for unit in ("u-1", "u-2"):
            said = State(1, unit, True, BOOT, 1, version="0.1.0", machine=MACHINE)
            values = {"unit": unit, "online": True, "state": codec.encode(said), "state_ms": NOW_MS}
            connection.execute(units.insert().values(**values))
    yield path, store
    store.close()


@pytest.fixture
def fleet(site, capsys):
    """Types a command; gives what it printed."""

    def type_it(*words, code=0):
        assert xunkong.main(["fleet", *words, "--config", str(site[0]), "--json"]) == code
        said = capsys.readouterr()
        return said.err if code == 2 else [json.loads(line) for line in said.out.splitlines()]

    return type_it


def test_from_the_first_unit_to_the_way_back(site, fleet):
    store = site[1]
    assert [row["stage"] for row in fleet("status")] == [None, None]
    (begun,) = fleet("update", "--version", "0.2.0", "--limit", "0")
    assert (begun["state"], begun["wave"], begun["units"]) == ("running", "1/2", 2)
    look(store, NOW_MS)
    (order,) = listed(store)
    assert (order.unit, order.what) == ("u-1", "update")
    summary, one, two = fleet("status")
    assert (summary["done"], one["stage"], two["stage"]) == (0, "ordered", "waiting")
    assert fleet("pause")[0]["state"] == "paused"
    assert fleet("update", "--version", "0.2.0")[0]["state"] == "running"
    (left,) = fleet("rollback")
    assert (left["state"], left["wave"], left["back"]) == ("leaving", None, 0)
    look(store, NOW_MS)
    assert listed(store, "u-1")[-1].text == "0.2.0"
    assert [row["stage"] for row in fleet("status")[1:]] == ["ordered", "untouched"]


def test_who_is_retired_is_shown_for_a_part_in_the_roll_out_alone(site, fleet):
    fleet("update", "--version", "0.2.0", "--unit", "u-1")
    with site[1].changing() as connection:
        for unit in ("u-1", "u-2"):
            strike_out(connection, unit, "scrapped", NOW_MS)
    assert [row["unit"] for row in fleet("status")[1:]] == ["u-1"]


def test_who_did_not_go_back_is_shown_and_told_by_the_exit_code(site, fleet):
    fleet("update", "--version", "0.2.0")
    with site[1].changing() as connection:
        connection.execute(rollouts.update().values(state="left", why="1 did not go back"))
        of_one = rollout_units.update().where(rollout_units.c.unit == "u-1")
        connection.execute(of_one.values(stage="failed", why="no other software"))
    summary, one, _ = fleet("status", code=1)
    assert (summary["state"], summary["failed"]) == ("left", 1)
    assert one["why"] == "no other software"


def test_units_by_name_leave_the_version_that_they_run(site, fleet):
    (row,) = fleet("rollback", "--unit", "u-2")
    (order,) = listed(site[1])
    assert (order.id, order.what, order.text) == (row["order"], "rollback", "0.1.0")
    assert "there is no unit nobody" in fleet("rollback", "--unit", "nobody", code=2)


def test_patches_have_no_way_back(site, fleet):
    store = site[1]
    with store.changing() as connection:
        row = Published("cd" * 32, "2026.11.28", MACHINE, 1000, "0.0", 0, NOW_MS, "patches")
        connection.execute(releases.insert().values(**msgspec.structs.asdict(row)))
        said = State(1, "u-1", True, BOOT, 1, version="0.1.0", machine=MACHINE, patches="0.0")
        new = units.update().where(units.c.unit == "u-1")
        connection.execute(new.values(state=codec.encode(said)))
    begun, left_out = fleet("update", "--version", "2026.11.28")
    assert (begun["kind"], begun["units"], left_out["unit"]) == ("patches", 1, "u-2")
    assert fleet("status")[1]["patches"] == "0.0"
    assert "have no way back" in fleet("rollback", code=2)
    assert fleet("status")[0]["state"] == "running"


def test_a_retired_unit_is_left_out(site, fleet):
    """It would be waited for to the end of days."""
    with site[1].changing() as connection:
        strike_out(connection, "u-1", "scrapped", NOW_MS)
    begun, left = fleet("update", "--version", "0.2.0")
    assert (begun["units"], left) == (1, {"unit": "u-1", "left_out": "retired"})


def test_what_is_wrong_is_told(fleet):
    assert "release publish" in fleet("update", "--version", "9.9", code=2)
    assert "negative" in fleet("update", "--version", "0.2.0", "--limit", "-1", code=2)
    assert "fleet status" in fleet("pause", code=2)
