"""`xunkong device status`, as a person and as a machine calls it."""

import json
import os

import pytest

import xunkong
from device.status import look as room


@pytest.fixture
def call(folder, capsys, monkeypatch):
    monkeypatch.setattr(room, "ask", lambda unit: None)

    def run(*words, lang="en"):
        where = ["--config", str(folder / "device.toml"), "--present", str(folder / "run")]
        code = xunkong.main(["--lang", lang, "device", "status", *where, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_exit_code_tells(call, says):
    says()
    code, out, _ = call()
    assert (code, out.startswith("cp-1  checkpoint  on duty")) == (0, True)
    assert "在岗" in call(lang="zh")[1]
    says(alarms=["heat"])
    assert call()[0] == 1


def test_for_a_machine(call, says):
    says()
    code, out, _ = call("--json")
    told = json.loads(out)
    assert (code, told["well"], told["queue"]["event"]) == (0, True, 3)
    assert told["records"][0]["words"][1].startswith("check-in of p-1")


def test_who_may_not_look_is_told_how(call, folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    code, _, err = call()
    assert (code, err) == (2, "xunkong: only root may look; run sudo xunkong device status\n")
