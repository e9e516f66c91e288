"""The performer with a real journal: what a failing and a rotten journal does to records, beeps and batches."""

from random import Random

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.station import Lost
from device.journal.errors import JournalCorrupt, JournalFull
from device.journal.journal import Journal
from device.performer import OWED, Performer
from device.room import Limits
from tests.keys import SIGNER
from wire.batch import decode_batch, decode_record, encode_record
from wire.records import Alarm, Checkin, Crew, Dropped, Duty, Track
from wire.track import TrackFix, columns

HEAD = {"boot": "9c1b22f0", "at_ms": None, "clock": "none", "clock_err_ms": None}


class FakePanel:
    def __init__(self):
        self.done = []

    def signal(self, pattern):
        self.done.append(pattern)

    def trouble(self, on):
        self.done.append(on)


class FakeLink:
    def __init__(self):
        self.sent, self.up, self.hurried = [], True, 0

    def hurry(self):
        self.hurried += 1

    def publish(self, topic, payload, qos, retain, token):
        if self.up:
            self.sent.append((topic, payload, qos, retain, token))
        return self.up


class Full:
    """Makes a journal's appends fail; `room()` ends that."""

    def __init__(self, journal, monkeypatch):
        self._monkeypatch = monkeypatch
        for name in ("append", "append_segment", "keep_fix", "put_setting"):
            monkeypatch.setattr(journal, name, self._fail)

    def _fail(self, *args):
        del args
        raise JournalFull("满了", "full; make room")

    def room(self):
        self._monkeypatch.undo()


def declared(span):
    h_last = span.h_last and span.h_last.hex()
    return Dropped(
        up_ms=1,
        stream=span.stream,
        log=span.log,
        first=span.first,
        last=span.last,
        h_last=h_last,
        why="rotten",
        **HEAD,
    )


class Stage:
    def __init__(self, folder):
        self.journal = Journal.open(folder / "journal.db")
        self.panel, self.link, self.inbox = FakePanel(), FakeLink(), []
        self.performer = Performer(
            "car-1",
            self.journal,
            self.panel,
            self.link,
            SIGNER,
            self.inbox.append,
            self.leave,
            declared,
        )
        self.perform = self.performer.perform

    def leave(self):
        self.left = True

    def kept(self, stream="event"):
        return [decode_record(raw) for _, _, _, raw in self.journal.iterate(stream)]

    def log(self, stream="event"):
        return self.journal.logs(stream)[-1].log

    def send(self, first=1, log=None, stream="event", **bounds):
        bounds = {"max_count": 200, "max_bytes": 48_000, "room_bytes": 48_000, **bounds}
        return self.perform(
            [ef.SendBatch(stream, log or self.log(stream), first, token=7, **bounds)]
        )


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.journal.close()


@pytest.fixture
def full(stage, monkeypatch):
    return Full(stage.journal, monkeypatch)


def alarm(n):
    return Alarm(**HEAD, up_ms=n, alarm="part", what=f"alarm {n}")


def tap(n=1):
    return Checkin(
        **HEAD,
        up_ms=n,
        badge="04a1b2c3",
        person=None,
        place=None,
        method="nfc",
        proof="uid",
        result="unknown",
    )


def segment(n):
    return Track(
        **HEAD,
        up_ms=n,
        t0_ms=None,
        up0_ms=n,
        dt_ms=[0],
        lat_e7=[1],
        lon_e7=[1],
        speed_cm_s=[None],
        course_ddeg=[None],
        hacc_dm=[None],
        sats=[None],
    )


class TestSound:
    def test_a_tap_is_kept_before_it_beeps(self, stage):
        seen = []
        stage.panel.signal = lambda pattern: seen.append((pattern, len(stage.kept())))
        told = stage.perform([ef.Keep(tap()), ef.Signal("accepted")])
        assert seen == [("accepted", 1)]
        assert told == [ev.Kept("event", stage.log(), 1, durable=True, record=tap())]

    def test_positions_segments_and_sync(self, stage):
        fix = TrackFix(None, 5, 27.2, 111.4)
        stage.perform([ef.KeepFix(fix)])
        assert len(stage.journal.open_fixes()) == 1
        told = stage.perform([ef.CloseSegment(segment(5)), ef.Sync()])
        assert told == [
            ev.Kept("track", stage.log("track"), 1, False, segment(5)),
            ev.Synced(stage.log("track"), 1),
        ]
        assert stage.journal.open_fixes() == []
        assert stage.kept("track") == [segment(5)]

    def test_settings_logs_acknowledgement_and_pruning(self, stage):
        before = stage.log()
        told = stage.perform(
            [
                ef.Save("crew", {"crew": []}),
                ef.Keep(alarm(1)),
                ef.Acknowledge("event", before, 2, "s"),
                ef.Prune(1_790_000_000_000, 0),
                ef.BeginLog("event"),
                ef.Light(True),
                ef.Publish("t", b"p", 1, True, 3),
            ]
        )
        assert told[0] == ev.Saved("crew")
        assert told[-1] == ev.LogBegan("event", stage.log())
        assert stage.log() != before
        assert stage.journal.get_setting("crew") == {"crew": []}
        assert stage.kept() == []
        assert stage.panel.done == [True]
        assert stage.link.sent == [("t", b"p", 1, True, 3)]


class TestFailing:
    def test_no_beep_for_a_tap_that_was_not_kept(self, stage, full):
        told = stage.perform([ef.Keep(tap()), ef.Signal("accepted"), ef.Save("a", {})])
        assert told == [ev.KeepFailed(tap(), "full; make room")]
        assert stage.panel.done == []
        full.room()
        assert stage.performer.settle() == []
        assert stage.kept() == []

    def test_what_is_not_tied_to_it_is_done_all_the_same(self, stage, full):
        del full
        stage.perform([ef.Keep(tap()), ef.Publish("t", b"p", 0, False, 1), ef.Light(True)])
        assert len(stage.link.sent) == 1
        assert stage.panel.done == [True]

    def test_alarms_are_owed_and_paid_in_order_before_what_comes_after(self, stage, full):
        for n in (1, 2, 3):
            told = stage.perform([ef.Keep(alarm(n)), ef.Signal("sos_sent")])
            assert told == [ev.KeepFailed(alarm(n), "full; make room")]
        assert stage.performer.settle() == []
        full.room()
        told = stage.perform([ef.Keep(tap(4)), ef.Signal("accepted")])
        assert [event.seq for event in told] == [1, 2, 3, 4]
        assert stage.kept() == [alarm(1), alarm(2), alarm(3), tap(4)]
        assert stage.panel.done == ["accepted"]
        assert stage.performer.settle() == []

    def test_they_are_paid_without_a_new_record_too(self, stage, full):
        stage.perform([ef.Keep(alarm(1))])
        stage.perform([ef.CloseSegment(segment(2))])
        full.room()
        told = stage.performer.settle()
        assert [(event.stream, event.seq) for event in told] == [("event", 1), ("track", 1)]
        stage.journal.sync()
        assert (stage.kept(), stage.kept("track")) == ([alarm(1)], [segment(2)])

    def test_an_owed_segment_leaves_newer_fixes_alone(self, stage, full):
        stage.perform([ef.CloseSegment(segment(1))])
        full.room()
        stage.perform([ef.KeepFix(TrackFix(None, 9, 27.2, 111.4))])
        stage.performer.settle()
        assert len(stage.journal.open_fixes()) == 1

    def test_neither_crew_nor_duty_is_owed(self, stage, full):
        crew = Crew(**HEAD, up_ms=1, badge="04a1b2c3", person=None, action="on")
        duty = Duty(**HEAD, up_ms=1, duty="patrol", ref=None)
        for tap in (crew, duty):
            assert stage.perform([ef.Keep(tap)]) == [ev.KeepFailed(tap, "full; make room")]
        full.room()
        assert stage.performer.settle() == []

    def test_a_record_that_fails_behind_an_owed_one_keeps_its_place(self, stage, full):
        stage.perform([ef.Keep(alarm(1))])
        stage.perform([ef.Keep(alarm(2))])
        full.room()
        stage.perform([ef.Keep(alarm(3))])
        assert stage.kept() == [alarm(1), alarm(2), alarm(3)]

    def test_memory_is_bounded_the_oldest_goes(self, stage, full):
        for n in range(OWED + 5):
            stage.perform([ef.Keep(alarm(n))])
        full.room()
        assert len(stage.performer.settle()) == OWED
        assert stage.kept()[0] == alarm(5)

    def test_one_line_for_one_fault(self, stage, full, caplog):
        del full
        for n in range(50):
            stage.perform([ef.Keep(alarm(n))])
        assert [record.getMessage() for record in caplog.records] == ["full; make room"]

    def test_damage_is_not_for_the_performer(self, stage, monkeypatch):
        def damaged(*args):
            raise JournalCorrupt("坏", f"damaged {len(args)}")

        monkeypatch.setattr(stage.journal, "append", damaged)
        with pytest.raises(JournalCorrupt):
            stage.perform([ef.Keep(tap())])


class TestSending:
    @pytest.fixture
    def filled(self, stage):
        for n in range(1, 7):
            stage.journal.append("event", encode_record(alarm(n)))
        return stage

    def rot(self, stage, *seqs, body="'{'"):
        for seq in seqs:
            stage.journal._run(
                f'UPDATE "doc:event:{stage.log()}" SET body = {body} WHERE doc_id = ?', (seq,)
            )

    def test_a_batch_is_as_the_journal_has_it(self, filled):
        assert filled.send(first=2, max_count=3) == []
        ((topic, payload, qos, retain, token),) = filled.link.sent
        batch = decode_batch(payload)
        assert (topic, qos, retain, token) == ("xk/v1/car-1/up/log/event", 1, False, 7)
        assert (batch.log, batch.first, batch.last) == (filled.log(), 2, 4)
        assert batch.hs[-1] == filled.journal.chain_at("event", filled.log(), 4)
        assert filled.inbox == [ev.Dispatched(7, 2, 4, len(payload))]

    @pytest.mark.parametrize("room_bytes", [1, 700, 900, 1_200, 5_000])
    def test_a_batch_is_as_full_as_the_room_allows(self, filled, room_bytes):
        numbers = Random(1)
        while filled.journal.logs("event")[-1].last < 40:
            filled.journal.append("event", encode_record(alarm(numbers.getrandbits(50))))
        sizes = {}
        for count in range(1, 41):
            filled.send(max_count=count)
            sizes[count] = len(filled.link.sent.pop()[1])
        filled.send(room_bytes=room_bytes)
        ((_, payload, *_),) = filled.link.sent
        sent = decode_batch(payload).last
        assert sent == filled.inbox[-1].last
        assert sizes[sent] <= room_bytes or sent == 1
        assert sent == 40 or sizes[sent] > 0.7 * min(room_bytes, sizes[40])

    def test_nothing_to_send(self, filled):
        filled.send(first=7)
        assert filled.inbox == [ev.Dispatched(7, 7, None, 0)]
        assert filled.link.sent == []

    def test_without_a_link_nothing_counts_as_dispatched(self, filled):
        filled.link.up = False
        filled.send()
        assert filled.inbox == []

    @pytest.mark.parametrize("body", ["'{'", "''", "cast(x'7bff' as text)", "x'00'"])
    def test_a_rotten_row_is_declared_and_the_rest_goes_out(self, filled, body):
        log = filled.log()
        joined = filled.journal.chain_at("event", log, 3)
        self.rot(filled, 3, body=body)
        assert filled.send(first=1) == []
        assert filled.inbox[-1].last == 2
        told = filled.send(first=3, log=log)
        begun, kept, rotted = told
        assert (kept.record.log, kept.record.first, kept.record.last) == (log, 3, 3)
        assert (kept.record.h_last, kept.log, kept.seq) == (joined.hex(), filled.log(), 1)
        assert rotted == ev.Rotted("event", log, 3, 3, joined)
        assert begun == ev.LogBegan("event", filled.log())
        assert filled.log() != log
        batch = decode_batch(filled.link.sent[-1][1])
        assert (batch.log, batch.first, batch.last, batch.prev) == (log, 4, 6, joined)
        assert filled.inbox[-1].first == 4

    def test_several_in_a_row_and_one_new_log(self, filled):
        log = filled.log()
        self.rot(filled, 1, 2)
        told = filled.send(first=1, log=log)
        kinds = [type(event) for event in told]
        assert kinds == [ev.LogBegan, ev.Kept, ev.Rotted, ev.Kept, ev.Rotted]
        assert [(e.first, e.last) for e in told if isinstance(e, ev.Rotted)] == [(1, 1), (2, 2)]
        assert decode_batch(filled.link.sent[-1][1]).first == 3

    def test_all_rotten(self, filled):
        log = filled.log()
        self.rot(filled, *range(1, 7))
        told = filled.send(first=1, log=log)
        assert sum(isinstance(event, ev.Rotted) for event in told) == 6
        assert filled.inbox == [ev.Dispatched(7, 1, None, 0)]


class Feed:
    def __init__(self):
        self.sent = []

    def send(self, wall_ms, off_ms):
        self.sent.append((wall_ms, off_ms))
        return False


def test_the_clock_daemon_is_fed_where_there_is_a_feed(tmp_path):
    stage, feed = Stage(tmp_path), Feed()
    stage.perform([ef.FeedClock(5, 7)])
    fed = Performer(
        "car-1",
        stage.journal,
        stage.panel,
        stage.link,
        SIGNER,
        [].append,
        stage.leave,
        declared,
        feed=feed,
    )
    assert fed.perform([ef.FeedClock(5, 7)]) == []
    assert feed.sent == [(5, 7)]
    stage.journal.close()


def test_a_journal_beyond_its_budget_is_thinned_and_the_agent_hears_all_of_it(tmp_path):
    stage = Stage(tmp_path)
    log = stage.log("track")
    for n in range(20):
        fixes = [TrackFix(None, n * 60_000 + s * 1_000, 27.0 + s / 9_000, 111.0) for s in range(60)]
        track = Track(up_ms=n, t0_ms=None, up0_ms=fixes[0].up_ms, **HEAD, **columns(fixes))
        stage.perform([ef.CloseSegment(track)])
    stage.perform([ef.Sync()])
    tight = Performer(
        "car-1",
        stage.journal,
        stage.panel,
        stage.link,
        SIGNER,
        [].append,
        stage.leave,
        declared,
        limits=Limits(1, 0),
    )
    head = declared(Lost("track", log, 1, 1, None))
    declaration, *tracks, shortened, made = tight.perform([ef.MakeRoom(head)])
    assert (declaration.stream, declaration.record.last) == ("event", 16)
    assert [one.seq for one in tracks] == list(range(21, 21 + len(tracks)))
    assert shortened == ev.Shortened("track", log, 17)
    assert made == ev.RoomMade("thinned", more=True)
    stage.journal.close()


def test_what_is_pruned_the_agent_hears(tmp_path):
    stage = Stage(tmp_path)
    log = stage.log()
    for n in range(5):
        stage.journal.append("event", b'{"n":%d}' % n)
    stage.perform([ef.Acknowledge("event", log, 4, "s")])
    assert stage.perform([ef.Prune(1_000, 0.0)]) == [ev.Shortened("event", log, 4)]
    assert stage.perform([ef.Prune(2_000, 0.0)]) == []
    stage.journal.close()
