"""Roots read from what platforms and commands write, and files that have none."""

import json

import pytest

from wire.evidence.roots import read_roots
from wire.words import Fault

ROOT = {"kind": "root", "date": "2026-11-27", "root": "ab" * 32}


@pytest.mark.parametrize(
    "line",
    [
        ROOT,
        {"id": "gw/event/e/1", "data": ROOT},
        {"id": "gw/event/e/1", "record": ROOT},
        {"received_ns": 1, "event": {"specversion": "1.0", "data": ROOT}},
    ],
)
def test_every_shape_that_they_come_in(tmp_path, line):
    path = tmp_path / "roots.jsonl"
    path.write_text(json.dumps({"event": {"data": {"kind": "boot"}}}) + "\n\n" + json.dumps(line))
    assert read_roots(path) == {"2026-11-27": "ab" * 32}


@pytest.mark.parametrize(
    "text", ["", '{"kind":"boot"}', '{"event":"x"}', "[]", "1", "[" * 9999, "{"]
)
def test_a_file_without_any(tmp_path, text):
    path = tmp_path / "roots.jsonl"
    path.write_text(text)
    with pytest.raises(Fault, match="root record"):
        read_roots(path)
