"""Photos on their way: after all records, never more than the link bears, gone on with where the gateway says."""

from hashlib import sha256

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.upload import FIRST_CHUNK_BYTES, REFUSED_MS, RESEND_MS
from wire import topics
from wire.orders import PhotoAck, Refused

SIZE = 300_000
DATA = bytes(range(256)) * (SIZE // 256 + 1)
STORE = "store-1"


class Photos:
    """A unit with photos in its folder, and what a gateway would do with what comes."""

    def __init__(self, unit, **sizes):
        self.unit, self.sizes = unit, sizes or {"aa" * 32: SIZE}
        self.answering = True
        self.seen, self.got = 0, dict.fromkeys(self.sizes, 0)
        unit.happen(ev.PhotosFound(tuple(self.sizes.items())))

    @property
    def chunks(self):
        """What was published of photos: (moment, sha256, offset, bytes)."""
        found = ((t, topics.parse(topic), data) for t, topic, data in self.unit.published)
        return [(t, p.sha256, p.offset, data) for t, p, data in found if p.kind == "photo"]

    def settle(self, most=10_000):
        """The folder gives what is read and the gateway answers, until nothing more happens."""
        for _ in range(most):
            wanted = [e for e in self.unit.effects if isinstance(e, ef.ReadChunk)][self.seen :]
            if not wanted:
                return
            self.seen += 1
            self.read(wanted[0])

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
        self.unit.hear(topics.ack("v-1", "photo"), PhotoAck(1, sha, below, STORE, 0, done))

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


def test_a_slow_link_is_never_given_more_than_half_a_second_of_it(box):
    photos = Photos(box)
    online(box)
    box.taken = False
    for _ in range(20):
        before = len(photos.chunks)
        photos.settle(1)
        if len(photos.chunks) == before:
            break
        token = [e for e in box.effects if isinstance(e, ef.Publish) and "/photo/" in e.topic][-1]
        size = len(photos.chunks[-1][3])
        box.happen(ev.Handed(token.token), box.up_ms + size // 8)
    assert len(photos.chunks) > 10
    assert max(len(data) for *_, data in photos.chunks[-3:]) <= 8_000


def test_after_a_break_it_goes_on_where_the_gateway_stands(box):
    photos = Photos(box)
    online(box)
    photos.settle(5)
    box.happen(ev.LinkDown(1, "cut"))
    photos.seen += 1  # the chunk that was being read is of no more use
    reached, before = photos.got["aa" * 32], len(photos.chunks)
    online(box, conn=2)
    photos.settle()
    assert photos.chunks[before][2] == reached
    assert done(box)


def test_after_a_restart_the_first_answer_says_where_to_go_on(make_unit):
    unit = make_unit(camera=True)
    photos = Photos(unit)
    photos.got["aa" * 32] = 200_000
    online(unit)
    photos.settle()
    assert [offset for _, _, offset, _ in photos.chunks][:2] == [0, 200_000]
    assert done(unit)


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
    Photos(box)
    online(box)
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
