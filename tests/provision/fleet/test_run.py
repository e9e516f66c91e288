"""Each machine has a process of its own; one that fails holds up no other."""

import json
import subprocess
import threading

from provision.fleet.command import table
from provision.fleet.list import Member
from provision.fleet.run import run_command, run_fleet

MEMBERS = [Member(f"h{n}", f"u{n}", "vehicle", (), f"code{n}") for n in range(4)]


def ended(code, report=None, stderr=""):
    out = "" if report is None else f'{{"step": "x"}}\n{json.dumps(report)}\n'
    return subprocess.CompletedProcess([], code, out, stderr)


def good(unit):
    return ended(0, {"unit": unit, "changed": ["boot"], "steps": [{"step": "x"}]})


def failed(unit):
    step = {"step": "boot", "words": "no card", "words_zh": "无卡"}
    return ended(1, {"unit": unit, "changed": [], "steps": [step]})


def test_all_are_made_and_come_back_in_order():
    told, seen = [], []

    def run(words, stdin):
        told.append((tuple(words), stdin))
        return good(words[words.index("--unit") + 1])

    outcomes = run_fleet(MEMBERS, ["--zone", "Z"], "secret\n", 2, seen.append, run)
    assert [one.member for one in outcomes] == MEMBERS
    assert {one.member.unit for one in seen} == {"u0", "u1", "u2", "u3"}
    words, stdin = sorted(told)[0]
    assert words == ("--zone", "Z", *MEMBERS[0].words(), "--json")
    assert stdin == "secret\ncode0\n"
    assert outcomes[0].row() | {"seconds": 0} == {
        "unit": "u0",
        "host": "h0",
        "done": True,
        "changed": ["boot"],
        "seconds": 0,
    }


def test_one_that_fails_holds_up_no_other():
    rest = threading.Semaphore(0)

    def run(words, stdin):
        del stdin
        unit = words[words.index("--unit") + 1]
        if unit != "u0":
            rest.release()
            return good(unit)
        for _ in range(3):
            assert rest.acquire(timeout=30)
        return failed(unit)

    outcomes = run_fleet(MEMBERS, [], "", 2, lambda outcome: None, run)
    assert [one.why for one in outcomes] == [("无卡", "no card"), None, None, None]
    assert (outcomes[0].row()["step"], outcomes[0].row()["why"]) == ("boot", "no card")
    lines = [words.en for words in table(outcomes)]
    assert "FAILED: no card" in lines[0] and "on duty; changed: boot" in lines[1]
    assert lines[-1] == "3 of 4 on duty; mend the others, and run the same command again"


def test_one_that_did_not_even_begin_says_what_it_said():
    def run(words, stdin):
        del words, stdin
        return ended(2, None, "warning\nxunkong: cannot log in at h0\n")

    outcome = run_fleet(MEMBERS[:1], [], "", 1, lambda outcome: None, run)[0]
    assert outcome.why == ("cannot log in at h0", "cannot log in at h0")
    assert outcome.row()["step"] is None


def test_the_command_itself_reads_its_secrets(tmp_path):
    words = ["192.0.2.1", "--unit", "u", "--role", "vehicle", "--ask-password", "--code", "-"]
    words += [
        "--ca",
        str(tmp_path / "ca.crt"),
        "--broker",
        "gw",
        "--bundle",
        str(tmp_path / "b.zip"),
    ]
    done = run_command(words, "secret\nCODE\n")
    assert (done.returncode, "make it by xunkong provision bundle" in done.stderr) == (2, True)
