"""What the site's policy removed is told and proven; what somebody removed beyond it is found."""

import pytest

from gateway.config import RetentionSection
from gateway.retention.records import Retention
from tests.gateway.evidence.conftest import say_removed

LOG = "e" * 16
WHERE = f"cp-01/event/{LOG}"
POLICY = RetentionSection(event_days=30)


def retain(scene, days):
    now_ms = scene.now_ms + days * 86_400_000
    return Retention(scene.store, POLICY, (), scene.own, now_ms).run()


@pytest.fixture
def log(scene, unit_log):
    """Five records that are old, closed by a daily root, and four that are not, one batch over the border."""
    log = unit_log().grow(5)
    scene.take(log, 1, 2)
    scene.take(log, 3, 5)
    scene.close_day()
    scene.now_ms += 40 * 86_400_000
    scene.take(log.grow(4), 4, 9)
    scene.close_day()
    return log


def test_what_is_left_is_proven_on_either_database(scene_on, any_store, unit_log):
    scene = scene_on(any_store)
    log = unit_log().grow(5)
    scene.take(log, 1, 5)
    scene.close_day()
    scene.now_ms += 40 * 86_400_000
    scene.take(log.grow(4), 4, 9)
    scene.close_day()
    assert retain(scene, 1)[0].count == 5
    findings, notes, total = scene.verify()
    assert (findings, notes) == ([], [("removed", WHERE, 1, 5)])
    assert total.proven == total.records


def test_a_log_of_which_nothing_is_left(scene, log):
    assert retain(scene, 60)[0].count == 9
    assert scene.verify()[:2] == ([], [("removed", WHERE, 1, 9)])


def test_removals_one_after_another_are_one(scene, log):
    retain(scene, 1)
    retain(scene, 60)
    assert scene.verify()[:2] == ([], [("removed", WHERE, 1, 9)])


def test_a_record_that_went_besides_is_missing(scene, log):
    retain(scene, 1)
    scene.change("records", {"unit": "cp-01", "seq": 7})
    assert ("missing", WHERE, 7, 7) in scene.verify()[0]


def test_a_word_of_the_policy_does_not_reach_the_middle_of_a_log(scene, log):
    scene.change("records", {"unit": "cp-01", "seq": 4})
    say_removed(scene, log, 4)
    assert ("missing", WHERE, 4, 4) in scene.verify()[0]


def test_a_beginning_that_went_without_a_record_is_missing(scene, log):
    for seq in (1, 2, 3, 4, 5):
        scene.change("records", {"unit": "cp-01", "seq": seq})
    assert ("missing", WHERE, 1, 5) in scene.verify()[0]


def test_more_taken_from_the_beginning_than_the_record_says_is_missing(scene, log):
    retain(scene, 1)
    scene.change("records", {"unit": "cp-01", "seq": 6})
    findings, notes, _ = scene.verify()
    assert ("missing", WHERE, 6, 6) in findings
    assert ("removed", WHERE, 1, 5) in notes
