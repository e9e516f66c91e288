"""Photos on their way: after all records, never more than the link bears, gone on with where the gateway says."""

from hashlib import sha256

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.upload import FIRST_CHUNK_BYTES, REFUSED_MS, RESEND_MS
from wire import topics
from wire.orders import PhotoAck, Refused
from wire.records import Alarm, Photo

SIZE = 300_000
DATA = bytes(range(256)) * (SIZE // 256 + 1)
STORE = "store-1"


class Photos:
    """A unit with photos in its folder, and what a gateway would do with what comes."""

    def __init__(self, unit, urgent=(), **sizes):
        self.unit, self.sizes = unit, sizes or {"aa" * 32: SIZE}
        self.answering = True
        self.seen, self.got = 0, dict.fromkeys(self.sizes, 0)
        self.heard = 0
        unit.happen(ev.PhotosFound(tuple(self.sizes.items()), urgent))

    @property
    def published(self):
        found = ((t, topics.parse(topic), data) for t, topic, data in self.unit.published)
        return [(t, p.sha256, p.offset, data) for t, p, data in found if p.kind == "photo"]

    @property
    def chunks(self):
        """What was published of photos: (moment, sha256, offset, bytes)."""
        return [one for one in self.published if one[3]]

    @property
    def questions(self):
        """Of which photos the gateway was asked how much it has."""
        return [sha for _, sha, _, data in self.published if not data]

    def hear_questions(self):
        """The gateway answers what it was asked; False where it was asked nothing."""
        asked = self.questions[self.heard :]
        self.heard += len(asked)
        for sha in asked:
            self.answer(sha, 0, b"")
        return bool(asked)

    def settle(self, most=10_000):
        """The folder gives what is read and the gateway answers, until nothing more happens for a second."""
        idle = 0
        while most and idle < 4:
            if self.hear_questions():
                continue
            if wanted := [e for e in self.unit.effects if isinstance(e, ef.ReadChunk)][self.seen :]:
                self.seen += 1
                self.read(wanted[0])
                idle, most = 0, most - 1
            else:
                self.unit.wait(250)
                idle += 1

    def read(self, wanted):
        end = min(wanted.offset + wanted.most_bytes, self.sizes[wanted.sha256])
        data = DATA[wanted.offset : end]
        self.unit.happen(ev.ChunkRead(wanted.token, wanted.sha256, wanted.offset, data))
        if self.answering:
            self.answer(wanted.sha256, wanted.offset, data)

    def answer(self, sha, offset, data):
        if offset <= self.got[sha]:
            self.got[sha] = max(self.got[sha], offset + len(data))
        self.ack(sha, self.got[sha], self.got[sha] == self.sizes[sha])

    def ack(self, sha, below, done=False):
        self.unit.hear(
            topics.ack("v-1", "photo"), PhotoAck(1, sha, below, STORE, 0, done, self.unit.nonce)
        )

    def refuse(self, payload, why="no photo record"):
        refused = Refused(1, why, sha256(payload).hexdigest(), STORE, 0)
        self.unit.hear(topics.ack("v-1", "photo"), refused)


@pytest.fixture
def box(make_unit):
    return make_unit(camera=True)


def online(unit, conn=1):
    """Connected, and all records acknowledged, that of the time learned thereby too."""
    unit.link(conn)
    unit.wait(500)
    for stream in ("event", "event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def done(unit):
    return [effect.sha256 for effect in unit.effects if isinstance(effect, ef.PhotoDone)]


def test_a_photo_goes_out_whole_and_in_order(box):
    photos = Photos(box)
    online(box)
    photos.settle()
    assert b"".join(data for *_, data in photos.chunks) == DATA[:SIZE]
    assert done(box) == ["aa" * 32]
    box.wait(500)
    assert box.states()[-1].queue == {"event": 0, "track": 0, "photo": 0}


def test_chunks_begin_small_grow_and_stay_within_the_contract(box):
    photos = Photos(box)
    online(box)
    photos.settle()
    assert photos.questions == ["aa" * 32]
    sizes = [len(data) for *_, data in photos.chunks]
    assert sizes[0] == FIRST_CHUNK_BYTES
    assert sizes[1] == 2 * FIRST_CHUNK_BYTES
    assert max(sizes) <= 64 * 1024


def test_one_chunk_at_a_time(box):
    photos = Photos(box)
    photos.answering = False
    online(box)
    photos.settle()
    box.wait(RESEND_MS // 2)
    assert len(photos.chunks) == 1


def test_nothing_goes_while_any_record_waits(box):
    photos = Photos(box)
    online(box)
    box.tap()
    seen = len(photos.chunks)
    photos.settle()
    box.wait(1_000)
    photos.settle()
    assert len(photos.chunks) <= seen + 1
    box.gateway_has("event", len(box.journal.raws["e" * 16]) + 1)
    photos.settle()
    assert done(box)


def test_nothing_goes_before_the_gateway_has_answered_the_greeting(box):
    photos = Photos(box)
    box.link()
    box.wait(10_000)
    photos.settle()
    assert photos.chunks == []


def test_after_a_break_it_goes_on_where_the_gateway_stands(box):
    photos = Photos(box)
    online(box)
    photos.settle(5)
    box.happen(ev.LinkDown(1, "cut"))
    photos.seen = len([e for e in box.effects if isinstance(e, ef.ReadChunk)])
    reached, before = photos.got["aa" * 32], len(photos.chunks)
    online(box, conn=2)
    photos.settle()
    assert photos.chunks[before][2] == reached
    assert done(box)


def test_after_a_restart_the_gateway_is_asked_where_to_go_on(make_unit):
    unit = make_unit(camera=True)
    photos = Photos(unit)
    photos.got["aa" * 32] = 200_000
    online(unit)
    photos.settle()
    assert photos.questions == ["aa" * 32]
    assert photos.chunks[0][2] == 200_000
    assert done(unit)


def test_of_a_photo_of_now_nothing_is_asked(box):
    photos = Photos(box, **{"bb" * 32: 0})
    photos.sizes, photos.got = {"aa" * 32: SIZE}, {"aa" * 32: 0}
    box.happen(ev.PhotoLost("bb" * 32, 0, 0, 0, "checkin", None, "no room"))
    box.happen(ev.PhotoTaken("aa" * 32, SIZE, 1, 1, "checkin", None, 1_000))
    online(box)
    photos.settle()
    assert photos.questions == []
    assert done(box) == ["aa" * 32]


def test_what_the_gateway_has_whole_needs_a_question_only(box):
    photos = Photos(box)
    photos.got["aa" * 32] = SIZE
    online(box)
    photos.settle()
    assert photos.chunks == []
    assert done(box) == ["aa" * 32]


class TestWhatTheGatewayHasLost:
    """It says of a photo that was done that not all of it is there."""

    def test_is_asked_of_the_folder(self, box):
        photos = Photos(box)
        online(box)
        photos.settle()
        photos.ack("aa" * 32, 0)
        assert box.effects[-1] == ef.ResendPhoto("aa" * 32)

    def test_goes_out_again_if_it_is_still_kept(self, box):
        photos = Photos(box)
        online(box)
        photos.settle()
        photos.got["aa" * 32] = 0
        photos.ack("aa" * 32, 0)
        box.happen(ev.PhotosFound((("aa" * 32, SIZE),)))
        photos.settle()
        assert done(box) == ["aa" * 32] * 2

    def test_while_it_waits_anyway_nothing_more_is_asked(self, box):
        photos = Photos(box)
        photos.ack("aa" * 32, 0)
        assert not [e for e in box.effects if isinstance(e, ef.ResendPhoto)]

    def test_is_on_record_once_where_it_is_not_kept_any_more(self, box):
        for _ in range(3):
            box.happen(ev.PhotoGone("aa" * 32))
        (photo,) = box.kept(Photo)
        assert (photo.sha256, photo.lost) == ("aa" * 32, "not kept on the unit any more")
        assert not [alarm for alarm in box.kept(Alarm) if alarm.alarm == "storage"]


class TestUrgent:
    """Photos of an SOS, and those that a commander asked for."""

    def test_go_before_older_ones(self, box):
        old, sos = "aa" * 32, "bb" * 32
        photos = Photos(box, urgent=(sos,), **{old: 5_000, sos: 5_000})
        online(box)
        photos.settle()
        assert done(box) == [sos, old]

    def test_overtake_one_that_is_on_its_way(self, box):
        old, sos = "aa" * 32, "bb" * 32
        photos = Photos(box, **{old: SIZE})
        online(box)
        photos.settle(2)
        photos.sizes[sos], photos.got[sos] = 5_000, 0
        box.happen(ev.PhotosFound(((sos, 5_000),), (sos,)))
        photos.settle()
        assert done(box) == [sos, old]

    @pytest.mark.parametrize("reason", ["sos", "order"])
    def test_do_not_wait_as_the_sims_cap_nears(self, box, reason):
        box.agent._health._economy.saving = "positions"
        photos = Photos(box, **{"aa" * 32: 5_000})
        photos.sizes["bb" * 32], photos.got["bb" * 32] = 5_000, 0
        box.happen(ev.PhotoTaken("bb" * 32, 5_000, 1, 1, reason, None, 1_000))
        online(box)
        photos.settle()
        assert done(box) == ["bb" * 32]


class TestTheShare:
    """What photos may take of the link, on one that carries 20,000 bytes a second."""

    def sent_in(self, make_unit, share, seconds, rate=20_000):
        unit = make_unit(camera=True, photo_share=share)
        photos = Photos(unit, **{"aa" * 32: 10 * SIZE})
        online(unit)
        photos.hear_questions()
        unit.taken, handed = False, len(unit.effects)
        end_ms, before = unit.up_ms + seconds * 1_000, len(photos.chunks)
        while unit.up_ms < end_ms:
            fresh, handed = unit.effects[handed:], len(unit.effects)
            if not fresh:
                unit.wait(50, 50)
            for effect in fresh:
                if isinstance(effect, ef.ReadChunk):
                    data = bytes(effect.most_bytes)
                    unit.happen(ev.ChunkRead(effect.token, "aa" * 32, effect.offset, data))
                elif isinstance(effect, ef.Publish):
                    took_ms = max(1, len(effect.payload) * 1_000 // rate)
                    unit.happen(ev.Handed(effect.token), unit.up_ms + took_ms)
                    if "/photo/" in effect.topic:
                        offset = topics.parse(effect.topic).offset
                        photos.answer("aa" * 32, offset, effect.payload)
        return photos, sum(len(data) for *_, data in photos.chunks[before:])

    @pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
    def test_is_what_they_take(self, make_unit, share):
        _, sent = self.sent_in(make_unit, share, 120)
        assert 0.6 * share < sent / 120 / 20_000 < 1.3 * share

    @pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
    def test_is_what_a_chunk_takes_of_a_second_at_the_most(self, make_unit, share):
        photos, _ = self.sent_in(make_unit, share, 60)
        assert max(len(data) for *_, data in photos.chunks[5:]) <= 1.1 * max(1_024, share * 20_000)

    def test_of_the_slowest_link_something_goes_all_the_same(self, make_unit):
        _, sent = self.sent_in(make_unit, 0.05, 300, rate=2_000)
        assert sent > 10_000


def test_a_gateway_that_lost_the_tail_gets_it_again(box):
    photos = Photos(box)
    online(box)
    photos.settle(6)
    photos.got["aa" * 32] = 5_000
    photos.settle()
    assert 5_000 in [offset for _, _, offset, _ in photos.chunks]
    assert done(box)


def test_an_answer_that_comes_twice_from_two_workers_sends_nothing_twice(box):
    photos = Photos(box)
    online(box)
    for _ in range(40):
        photos.settle(1)
        photos.ack("aa" * 32, photos.got["aa" * 32], photos.got["aa" * 32] == SIZE)
    offsets = [offset for _, _, offset, _ in photos.chunks]
    assert offsets == sorted(set(offsets))
    assert done(box) == ["aa" * 32]


def test_what_is_not_answered_is_sent_again_after_a_while(box):
    photos = Photos(box)
    photos.answering = False
    online(box)
    photos.settle()
    box.wait(RESEND_MS + 1_000)
    photos.settle()
    assert [offset for _, _, offset, _ in photos.chunks] == [0, 0]


def test_a_folder_that_gives_nothing_is_asked_again(box):
    photos = Photos(box)
    online(box)
    photos.hear_questions()
    box.wait(RESEND_MS + 1_000)
    assert len([e for e in box.effects if isinstance(e, ef.ReadChunk)]) == 2


def test_a_refused_photo_lets_the_others_pass_and_is_tried_again_later(box):
    first, second = "aa" * 32, "bb" * 32
    photos = Photos(box, **{first: 10_000, second: 10_000})
    photos.answering = False
    online(box)
    photos.settle()
    photos.refuse(photos.chunks[0][3])
    photos.answering = True
    photos.settle()
    assert done(box) == [second]
    box.wait(500)
    box.wait(REFUSED_MS + 1_000, 1_000)
    photos.settle()
    assert done(box) == [second, first]


def test_a_refusal_shows(box):
    photos = Photos(box)
    photos.answering = False
    online(box)
    photos.settle()
    photos.refuse(photos.chunks[0][3])
    box.wait(500)
    assert box.states()[-1].alarms == ["the gateway refused photo aaaaaaaa: no photo record"]


def test_a_refusal_of_something_else_changes_nothing(box):
    photos = Photos(box)
    photos.answering = False
    online(box)
    photos.settle()
    photos.refuse(b"something else")
    photos.answering = True
    photos.answer(*photos.chunks[0][1:])
    photos.settle()
    assert done(box)


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b'{"v":1,"sha256":"x"}'])
def test_an_unreadable_answer_is_shown_and_changes_nothing(box, payload):
    photos = Photos(box)
    online(box)
    photos.settle(1)
    box.hear(topics.ack("v-1", "photo"), payload)
    box.wait(500)
    assert any("unreadable" in line for line in box.states()[-1].alarms)
    photos.settle()
    assert done(box)


def test_the_oldest_goes_first_and_what_is_lost_not_at_all(box):
    shas = [digit * 64 for digit in "abc"]
    photos = Photos(box, **dict.fromkeys(shas, 5_000))
    box.happen(ev.PhotoLost(shas[1], 5_000, 0, 0, "checkin", None, "no room"))
    online(box)
    photos.settle()
    assert done(box) == [shas[0], shas[2]]


def test_photos_found_from_before_go_before_those_of_now(box):
    box.tap()
    wanted = next(e for e in box.effects if isinstance(e, ef.TakePhoto))
    box.happen(ev.PhotoTaken("cc" * 32, 100, 1, 1, "checkin", wanted.ref, 1_000))
    photos = Photos(box, **{"aa" * 32: 100})
    photos.sizes["cc" * 32], photos.got["cc" * 32] = 100, 0
    online(box)
    photos.settle()
    assert done(box) == ["aa" * 32, "cc" * 32]
