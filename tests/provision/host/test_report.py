"""The sheet that goes into the box."""

import json

import pytest

from provision.host.report import sheet, write_report
from tests.provision.conftest import faulty

REPORT = {
    "unit": "cp-<1>",
    "role": "checkpoint",
    "zone": "Asia/Shanghai",
    "at": "2026-11-28T03:00:00+00:00",
    "done": True,
    "version": "0.1.0",
    "brokers": ["gw:8883"],
    "kid": "f0637c10585cd7f6",
    "machine": {
        "model": "Raspberry Pi 4 Model B",
        "board": "pi4",
        "serial": "4a1b",
        "os": "bookworm",
    },
    "selftest": {
        "at": "2026-11-28T02:59:00+00:00",
        "findings": [
            {"part": "nfc", "verdict": "ok", "what": "answers", "what_zh": "应答"},
            {"fit": True},
        ],
    },
}


GATEWAY = REPORT | {
    "unit": "gw",
    "role": "gateway",
    "host": "[fd00::1]:22",
    "steps": [{"step": "check", "words": "14 attacks, all turned away", "words_zh": "14 次"}],
}


@pytest.fixture
def text():
    return sheet(REPORT)


def test_unit_machine_and_wires_are_on_it(text):
    for word in ("cp-&lt;1&gt;", "Raspberry Pi 4", "4a1b", "f0637c10585cd7f6", "应答 · answers"):
        assert word in text
    assert "<1>" not in text
    assert text.count("☐") > 10 and "GPIO4" in text


def test_a_machine_that_is_not_in_the_book_has_no_wires():
    assert "☐" not in sheet(REPORT | {"machine": {"model": "PC"}})


def test_wires_of_what_it_lacks_are_not_on_it(text):
    bare = sheet(REPORT | {"lacks": ["nfc", "panel"]})
    assert "GPIO4" in text and "GPIO18" in text
    assert "GPIO4<" not in bare and "GPIO18" not in bare and "GPIO2<" in bare


def test_both_files_are_written(tmp_path):
    report = REPORT | {"unit": "cp-1"}
    paths = write_report(report, tmp_path / "reports")
    assert json.loads(paths[0].read_text("utf-8")) == report
    assert [path.name for path in paths] == ["cp-1.json", "cp-1.html"]


def test_the_date_is_the_sites(text):
    assert "2026-11-28 11:00" in text and "2026-11-28 10:59" in text


def test_a_gateways_has_its_steps_and_its_address(tmp_path):
    paths = write_report(GATEWAY, tmp_path)
    assert [path.name for path in paths] == ["gw-_fd00__1__22.json", "gw-_fd00__1__22.html"]
    text = paths[1].read_text("utf-8")
    assert "14 attacks, all turned away" in text
    assert "self-test" not in text and "wiring" not in text


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write" in faulty(write_report, REPORT, tmp_path / "file")
