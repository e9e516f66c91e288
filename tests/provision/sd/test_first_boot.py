"""At the first boot the same steps run on the machine itself; what is left of the card then."""

import json

import pytest

from provision.host.job import Step, done
from provision.network.wanted import Modem
from provision.sd import first_boot as room
from provision.sd.card import SCRIPTS, Card, card_text
from provision.sd.first_boot import make_unit
from tests.provision.conftest import FakeMachine, faulty
from wire.words import Fault, Words

CARD = Card("cp-1", "checkpoint", "Asia/Shanghai", (), "7K2M", modem=Modem("cmnet", "4711"))


class Local(FakeMachine):
    """This machine."""

    def __init__(self, login):
        assert login is None
        super().__init__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is to be done."""


@pytest.fixture
def card(tmp_path, bundle, monkeypatch):
    folder = tmp_path / "firmware/xunkong"
    folder.mkdir(parents=True)
    files = {"unit.json": card_text(CARD), "ca.crt": b"-----BEGIN CERTIFICATE-----\n"}
    files |= {"bundle.zip": bundle.path.read_bytes(), "made.txt": b""}
    for name, content in {**files, **dict.fromkeys(SCRIPTS, b"#")}.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(room, "Machine", Local)
    monkeypatch.setattr(room, "UNIT_FILE", tmp_path / SCRIPTS[-1])
    (tmp_path / SCRIPTS[-1]).touch()
    return folder


@pytest.fixture
def steps(monkeypatch):
    """One step in the place of all; the jobs that it saw."""
    seen = []

    def set_to(name, why=None):
        def run(job):
            seen.append(job)
            if why:
                raise Fault(why, why)
            return done(True, "好", "well")

        step = Step(name, Words("一", "one"), run, Words("再", "again"))
        keep = room.run_steps
        monkeypatch.setattr(room, "run_steps", lambda *words: keep(*words[:3], (step,)))
        return seen

    return set_to


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_unit_on_duty_leaves_its_report_alone(card, steps, tmp_path):
    seen = steps("one")
    assert make_unit(card, True, "en") == 0
    assert names(card) == ["cp-1.html", "cp-1.json"]
    report = (card / "cp-1.json").read_text("utf-8")
    assert json.loads(report)["done"] and "4711" not in report and "7K2M" not in report
    assert not (tmp_path / SCRIPTS[-1]).exists()
    (job,) = seen
    assert job.machine.ran == ["systemctl disable first-boot-xunkong.service"]
    assert job.wish.boot_folder == str(card.parent)
    assert job.wish.network.modem == Modem("cmnet", "4711")
    assert job.site.code() == "7K2M"


def test_what_fails_is_tried_again_with_all_that_it_needs(card, steps, tmp_path):
    before = set(names(card))
    steps("papers", "no network")
    assert make_unit(card, True, "en") == 1
    assert before < set(names(card))
    assert json.loads((card / "cp-1.json").read_text("utf-8"))["steps"][-1]["words"] == "no network"
    assert (tmp_path / SCRIPTS[-1]).exists()


def test_a_fault_of_a_part_is_reported_and_not_tested_for_ever(card, steps):
    steps("selftest", "no reader")
    assert make_unit(card, True, "en") == 0
    assert names(card) == ["cp-1.html", "cp-1.json"]
    assert not json.loads((card / "cp-1.json").read_text("utf-8"))["done"]


@pytest.mark.parametrize("text", [b"", b"{}", b'{"unit": 1}'])
def test_a_card_that_is_spoilt(card, text):
    (card / "unit.json").write_bytes(text)
    assert "write the card again" in faulty(make_unit, card, True, "en")
