"""Where the gateway's folder is at hand it gives the code, for a name that no other box has."""

import json

import pytest

from provision.sd import write as room
from tests.provision.conftest import FakeSite


class Gateway(FakeSite):
    """A site at hand: its folder gives codes."""

    def __init__(self):
        super().__init__()
        self.codes = []

    def new_code(self, unit, valid_h):
        self.codes.append((unit, valid_h))
        return "AAAA-2222"


@pytest.fixture
def gateway(monkeypatch):
    made = Gateway()
    monkeypatch.setattr(room, "site_of", lambda args, code: made)
    return made


@pytest.fixture
def by_folder(write):
    """As if no code had been given."""
    return lambda card, *more: write(card, "--code", "", *more)


def test_a_code_is_given_out_for_a_week(card, by_folder, gateway):
    assert by_folder(card)[0] == 0
    assert gateway.codes == [("cp-01", 168.0)]
    assert card.json("xunkong/unit.json")["code"] == "AAAA-2222"


def test_none_on_a_dry_run(card, by_folder, gateway):
    assert by_folder(card, "--dry-run")[0] == 0
    assert gateway.codes == []


def test_a_name_that_another_box_has(card, by_folder, gateway):
    gateway.others = True
    code, said = by_folder(card)
    assert (code, "--replace to put that one out" in said, gateway.codes) == (2, True, [])
    assert by_folder(card, "--replace", "--json")[0] == 0
    assert (gateway.retired, len(gateway.codes)) == (["cp-01"], 1)


def test_json_is_one_object(card, by_folder, gateway):
    row = json.loads(by_folder(card, "--json")[1])
    assert row["mb"] >= 0 and row["version"] == "0.1.0"
