"""Releases on their way: the bytes that were asked for, one piece a unit at a time, within what all may have."""

import pytest

from gateway.config import ReleasesSection
from gateway.ingest.intake import Intake, Message
from gateway.ingest.releases import Hatch
from gateway.releases.shelf import place
from tests.gateway.conftest import NOW_MS
from tests.keys import SIGNER, Believing
from wire import topics
from wire.limits import MAX_CHUNK_BYTES

SHA256 = "ab" * 32
BODY = bytes(range(256)) * 1024


@pytest.fixture
def section(tmp_path):
    place(tmp_path, SHA256).write_bytes(BODY)
    return ReleasesSection(str(tmp_path), "release.pub", kib_s=128)


@pytest.fixture
def intake(store, section):
    return Intake(store, Believing(), SIGNER, lambda point: None, releases=Hatch(section))


def ask(unit="cp-01", offset=0, count=b"1000", sha256=SHA256, retained=False, via=0):
    return Message(topics.ask_release(unit, sha256, offset), count, retained, via)


def test_a_unit_gets_what_it_asks_for_on_its_own_topic(intake):
    (answer,) = intake.take([ask(offset=500, via=1)], NOW_MS)
    assert answer.topic == topics.release("cp-01", SHA256, 500)
    assert (answer.payload, answer.via) == (BODY[500:1500], 1)
    (end,) = intake.take([ask(offset=len(BODY) - 10)], NOW_MS)
    assert end.payload == BODY[-10:]


def test_what_is_not_here_is_told_by_nothing(intake):
    answers = intake.take([ask(sha256="cd" * 32), ask("cp-02", offset=len(BODY))], NOW_MS)
    assert [answer.payload for answer in answers] == [b"", b""]


@pytest.mark.parametrize(
    "count", [b"", b"0", b"-1", b"65537", b"99999", b" 5", b"5\n", b"\xff", b"1" * 999]
)
def test_other_words_than_a_number_of_bytes_are_set_aside(intake, rows, store, count):
    assert intake.take([ask(count=count)], NOW_MS) == []
    (row,) = rows(store, "quarantine")
    assert str(MAX_CHUNK_BYTES) in row["reason"]


def test_what_the_broker_kept_is_no_question(intake):
    assert intake.take([ask(retained=True)], NOW_MS) == []


def test_of_a_flood_only_the_last_is_answered(intake):
    flood = [ask(offset=n) for n in range(100)]
    answers = intake.take([*flood, ask("cp-02")], NOW_MS)
    assert [answer.topic for answer in answers] == [
        topics.release("cp-01", SHA256, 99),
        topics.release("cp-02", SHA256, 0),
    ]


def test_all_together_get_no_more_than_their_share(intake):
    """128 KiB a second are two pieces; what is not answered is asked for again."""

    def got(at_ms):
        wanted = [ask(f"cp-{n}", count=b"65536") for n in range(5)]
        return sum(len(answer.payload) for answer in intake.take(wanted, at_ms))

    assert got(NOW_MS) == 128 * 1024
    assert got(NOW_MS) == 0
    assert got(NOW_MS + 400) == 0
    assert got(NOW_MS + 500) + got(NOW_MS + 600) == 64 * 1024
    assert got(NOW_MS + 60_000) == 128 * 1024
    assert got(NOW_MS) == 0
