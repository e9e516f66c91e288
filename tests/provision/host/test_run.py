"""One step after another, until one fails; what is reported of them."""

from provision.host.job import Step, done
from provision.host.run import run_steps
from provision.host.steps import STEPS
from wire.words import Fault, Words


def step(name, run):
    return Step(name, Words(name, name), run, Words("修", f"mend {name}"))


def failing(job):
    raise Fault("坏", "it is broken")


def run(job, *steps):
    begun, ended = [], []
    good = run_steps(job, lambda number, one: begun.append((number, one.name)), ended.append, steps)
    return good, begun, [(line.step.name, line.result) for line in ended]


def test_all_steps_in_order(make_job):
    job = make_job()
    one = step("one", lambda job: done(True, "一", "one"))
    two = step("two", lambda job: done(False, "二", "two"))
    assert run(job, one, two) == (
        True,
        [(1, "one"), (2, "two")],
        [("one", "changed"), ("two", "unchanged")],
    )
    assert (job.report["done"], job.report["changed"]) == (True, ["one"])
    assert job.report["machine"]["serial"] == "1000"
    assert [row["words"] for row in job.report["steps"]] == ["one", "two"]


def test_a_step_that_fails_is_the_last_and_says_what_to_do(make_job):
    job = make_job()
    never = step("never", lambda job: done(True, "", ""))
    good, _, ended = run(job, step("bad", failing), never)
    assert (good, ended) == (False, [("bad", "failed")])
    row = job.report["steps"][-1]
    assert (row["words"], row["words_zh"], row["remedy"]) == ("it is broken", "坏", "mend bad")
    assert not job.report["done"]


def test_every_step_has_a_name_of_its_own_and_words_in_both_languages():
    assert len({one.name for one in STEPS}) == len(STEPS)
    for one in STEPS:
        assert one.words.zh != one.words.en and one.remedy.zh != one.remedy.en
