"""What a technician sees of the steps."""

import json

import pytest

from provision.host.job import Step
from provision.host.run import Line
from provision.host.show import Show, verdict
from wire.words import Words

STEP = Step("boot", Words("启动配置", "boot configuration"), lambda job: None, Words("修", "mend"))
GOOD = Line(5, STEP, "changed", Words("板", "pi4"), 1.25)
BAD = Line(5, STEP, "failed", Words("坏了", "broken"), 2.0, Words("修它", "mend it"))


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "boot configuration        done         1.2 s  pi4"), ("zh", "启动配置")],
)
def test_a_line_for_a_step(capsys, language, said):
    show = Show(17, False, language)
    show.begins(5, STEP)
    show.percent(50)
    show.ended(GOOD)
    out = capsys.readouterr().out
    assert out.startswith("[ 5/") and said in out
    assert out.count("\n") == 1


def test_on_a_dry_run_nothing_is_said_to_be_done(capsys):
    Show(17, False, "en", dry=True).ended(GOOD)
    out = capsys.readouterr().out
    assert "to do" in out and "done" not in out


def test_a_failure_says_what_to_do(capsys):
    show = Show(17, False, "en")
    show.begins(5, STEP)
    show.ended(BAD)
    assert capsys.readouterr().out.splitlines()[1] == "       → mend it"


def test_for_machines_each_line_is_an_object(capsys):
    show = Show(17, True, "zh")
    show.begins(5, STEP)
    show.percent(1)
    show.ended(BAD)
    row = json.loads(capsys.readouterr().out)
    assert (row["step"], row["result"], row["words"], row["remedy_zh"]) == (
        "boot",
        "failed",
        "broken",
        "修它",
    )


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"changed": []}, "cp-1 is on duty, nothing was changed"),
        ({"changed": ["boot"]}, "cp-1 is on duty; changed: boot"),
        ({"changed": [], "dry_run": True}, "cp-1: would change: nothing"),
        ({"changed": [], "done": False, "steps": [{"step": "boot"}]}, "cp-1 is not done: boot"),
    ],
)
def test_the_verdict(report, said):
    assert verdict({"unit": "cp-1", "done": True, "dry_run": False} | report).en == said
