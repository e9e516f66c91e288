"""What the commands print for people: rows of names that anybody may have made up."""

import argparse

import msgspec

from gateway.terminal import print_rows, say

ROW = {"unit": "cp-1", "alarms": ["\x9b2J"], "why": "\x1b[31mred\n"}


def test_rows_for_people_are_plain_text(capsys):
    print_rows(argparse.Namespace(json=False), [ROW])
    say("\x1b[0m")
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert all(line.isprintable() for line in out.splitlines())


def test_rows_for_machines_are_as_they_are(capsys):
    print_rows(argparse.Namespace(json=True), [ROW])
    assert msgspec.json.decode(capsys.readouterr().out) == ROW
