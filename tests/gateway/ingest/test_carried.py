"""A unit's journal carried by hand: taken as if it had been sent, once, by its own signatures, and told of."""

import random
import shutil
import zipfile

import msgspec
import pytest
import sqlalchemy as sa

from gateway.evidence.verify import LogResult, Scope, Total, Verification
from gateway.ingest.intake import Message
from gateway.store.schema import certificates, logs, quarantine, records
from tests.carried import NOW_MS, UNIT, Box, Gate, exported, mounted
from tests.keys import Site
from wire import codec, topics
from wire.batch import decode_batch, decode_record, encode_batch
from wire.live import Hello, LogHead
from wire.records import Alarm, Dropped, Imported
from wire.words import Fault


@pytest.fixture
def gate(store, gateway_keys, tmp_path):
    return Gate(store, gateway_keys, tmp_path / "gate")


@pytest.fixture
def box(keys_site, tmp_path):
    return Box(tmp_path / "card", keys_site)


def rows(gate, unit=UNIT):
    with gate.store.reading() as connection:
        query = sa.select(records).where(records.c.unit == unit).order_by(records.c.pos)
        return connection.execute(query).all()


def held(gate):
    found = {(row.stream, row.log, row.seq): row.raw for row in rows(gate)}
    assert len(found) == len(rows(gate))
    return found


def told(gate, kind):
    said = [decode_record(row.raw) for row in rows(gate, "gw")]
    return [one for one in said if isinstance(one, kind)]


def unproven(gate):
    """What `gateway verify` finds; in the end all records are proven."""
    run = Verification(gate.store, gate.keys.authority, gate.photos, Scope())
    found = list(run.run())
    (total,) = (one for one in found if isinstance(one, Total))
    assert total.records == total.proven
    return [one for one in found if not isinstance(one, LogResult | Total) and not one.is_note]


def greet(gate, box):
    """The unit comes alive: its greeting, by which the gateway knows its certificate."""
    heads = [
        LogHead(one.stream, one.log, one.oldest, one.last, one.h.hex())
        for stream in ("event", "track")
        for one in box.journal.logs(stream)
    ]
    hello = Hello(1, "ab" * 16, "9c1b22f0", heads, box.own.text)
    topic = topics.hello(UNIT)
    return gate.take(Message(topic, codec.encode_signed(hello, topic, box.own)))


@pytest.mark.parametrize("seed", range(6))
def test_a_card_s_journal_goes_through_a_file_and_nothing_is_lost_doubled_or_forked(
    gate, box, keys_site, tmp_path, seed
):
    """Some of it was sent before, some of that was acknowledged; after it the unit lives on."""
    dice = random.Random(seed)
    for _ in range(dice.randrange(1, 5)):
        box.check_in(dice.randrange(40))
        box.drive(dice.randrange(20))
    jpeg = box.photograph(dice.randbytes(100_000))
    greet(gate, box)
    for stream in ("event", "track"):
        last = box.log(stream).last
        sent = dice.randrange(last + 1)
        gate.take(*box.messages(stream, 1, sent))
        known = dice.randrange(sent + 1)
        box.journal.acknowledge(stream, box.log(stream).log, known + 1, gate.store.identity)
    before = len(held(gate))
    box.cut_power()
    with mounted(box.root, tmp_path / "mnt") as card:
        made = exported(card, tmp_path / "cp-01.zip", photos=True)
    kept = box.everything()
    assert made.whole and (made.records, made.photos) == (len(kept), 1)

    taken = gate.bring(tmp_path / "cp-01.zip")
    assert taken.whole and taken.new == len(kept) - before
    assert held(gate) == kept
    assert (gate.photos / jpeg[:2] / f"{jpeg}.jpg").exists()
    assert unproven(gate) == []
    said = told(gate, Imported)
    assert sum(one.count for one in said) == taken.new
    assert {one.unit for one in said} <= {UNIT}
    assert {one.sha256 for one in said} <= {taken.sha256}

    count = len(rows(gate)), len(rows(gate, "gw"))
    again = gate.bring(tmp_path / "cp-01.zip")
    assert (again.whole, again.new, again.sha256) == (True, 0, taken.sha256)
    assert (len(rows(gate)), len(rows(gate, "gw"))) == count

    box.journal = box.journal.open(box.path)
    assert box.journal.opening.cut is None
    box.check_in(3)
    greet(gate, box)
    gate.take(*box.messages("event", 1, box.log().last))
    assert held(gate).keys() - kept.keys() == {
        ("event", box.log().log, box.log().last - n) for n in range(3)
    }
    assert told(gate, Alarm) == []
    assert unproven(gate) == []
    box.journal.close()


def test_a_file_of_now_and_one_of_later_join(gate, box, tmp_path):
    """Exported twice beside the running unit, and imported the wrong way round."""
    box.check_in(10)
    exported(box.root, tmp_path / "1.zip")
    box.check_in(10)
    exported(box.root, tmp_path / "2.zip")
    box.journal.close()
    assert gate.bring(tmp_path / "2.zip").new == 20
    assert gate.bring(tmp_path / "1.zip").new == 0
    assert held(gate) == box.everything()


def test_on_each_database(any_store, gateway_keys, box, tmp_path):
    box.check_in(700)
    box.drive(3)
    box.journal.close()
    exported(box.root, tmp_path / "1.zip")
    gate = Gate(any_store, gateway_keys, tmp_path / "gate")
    assert [gate.bring(tmp_path / "1.zip").new for _ in range(2)] == [703, 0]
    assert held(gate) == box.everything()
    assert sum(one.count for one in told(gate, Imported)) == 703
    assert unproven(gate) == []


def test_what_could_not_be_read_is_declared_once_whoever_declares_it(gate, box, tmp_path):
    box.check_in(2000)
    box.journal.close()
    data = bytearray(box.path.read_bytes())
    middle = data.index(b"pl-1000")
    data[middle - 20_000 : middle + 20_000] = bytes(40_000)
    box.path.write_bytes(bytes(data))
    first = exported(box.root, tmp_path / "1.zip")
    assert first.salvaged and first.lost and not first.whole
    taken = gate.bring(tmp_path / "1.zip")
    assert taken.whole and taken.new == first.records
    (dropped,) = [one for row in rows(gate) if isinstance(one := decode_record(row.raw), Dropped)]
    assert dropped.last - dropped.first + 1 == first.lost
    assert first.records == 2000 - first.lost + 1
    assert unproven(gate) == []
    second = exported(box.root, tmp_path / "2.zip")
    assert (second.records, second.lost) == (first.records, first.lost)
    assert gate.bring(tmp_path / "2.zip").new == 0


def test_a_lost_end_is_told_of(gate, box, tmp_path):
    box.check_in(5)
    box.cut_power()
    (box.state / "journal.db-wal").unlink()
    made = exported(box.root, tmp_path / "1.zip")
    assert made.cut == "its write-ahead log is gone" and not made.whole
    gate.bring(tmp_path / "1.zip")
    (alarm,) = [one for row in rows(gate) if isinstance(one := decode_record(row.raw), Alarm)]
    assert "records may be missing at the end" in alarm.what


def test_a_copied_card_is_a_fork_here_too(gate, box, keys_site, tmp_path):
    box.check_in(5)
    greet(gate, box)
    gate.take(*box.messages("event", 1, 5))
    box.journal.close()
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copytree(box.root, clone / "card")
    other = Box.__new__(Box)
    other.__dict__ |= {**box.__dict__, "root": clone / "card", "_number": 100}
    other.state = clone / "card" / box.state.relative_to(box.root)
    other.path = other.state / "journal.db"
    for one in (box, other):
        one.journal = one.journal.open(one.path)
        one.check_in(2)
    greet(gate, box)
    gate.take(*box.messages("event", 6, 7))
    exported(other.root, tmp_path / "clone.zip")
    taken = gate.bring(tmp_path / "clone.zip")
    assert taken.new == 2
    with gate.store.reading() as connection:
        names = connection.execute(sa.select(logs.c.log).where(logs.c.unit == UNIT)).scalars()
        assert any("~" in name for name in names)
    assert any("forked" in one.what for one in told(gate, Alarm))
    assert unproven(gate) == []
    for one in (box, other):
        one.journal.close()


# What is refused


def changed(path, to, **parts):
    """The file with other parts; None: without it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, parts.pop(name)(data)) if name in parts else new.writestr(name, data)
    assert not parts
    return to


def in_quarantine(gate):
    with gate.store.reading() as connection:
        return list(connection.execute(sa.select(quarantine.c.reason)).scalars())


@pytest.fixture
def file(box, tmp_path):
    """Two batches of a card."""
    box.check_in(600)
    box.journal.close()
    exported(box.root, tmp_path / "cp-01.zip")
    return tmp_path / "cp-01.zip"


def test_a_changed_record_is_refused_and_what_follows_waits(gate, file, tmp_path):
    def forge(payload):
        batch = decode_batch(payload)
        raws = [batch.raws[0].replace(b"pl-", b"px-"), *batch.raws[1:]]
        return encode_batch(batch.log, batch.first, batch.prev, raws, (batch.kid, batch.sig))

    name = "messages/001000.event"
    taken = gate.bring(changed(file, tmp_path / "forged.zip", **{name: forge}))
    assert taken.refused == {"its signature does not hold": 1} and not taken.whole
    assert (taken.new, taken.logs[0].here) == (0, 0)
    assert in_quarantine(gate) == ["its signature does not hold"]
    assert gate.bring(file).new == 600
    assert unproven(gate) == []


def test_another_site_s_unit_is_not_believed_and_fills_nothing(gate, tmp_path):
    stranger = Box(tmp_path / "stranger", Site())
    stranger.check_in(600)
    stranger.journal.close()
    exported(stranger.root, tmp_path / "x.zip")
    with pytest.raises(Fault, match="is not believed \\(its certificate: "):
        gate.bring(tmp_path / "x.zip")
    assert rows(gate) == [] and len(in_quarantine(gate)) == 1


def test_a_unit_that_was_put_out_is_not_believed(gate, box, file):
    gate.take(Message(*_hello_of(file)))
    with gate.store.changing() as connection:
        connection.execute(certificates.update().values(revoked_ms=NOW_MS, why="stolen"))
    with pytest.raises(Fault, match="which is revoked"):
        gate.bring(file)
    assert rows(gate) == []


def _hello_of(file):
    with zipfile.ZipFile(file) as parts:
        return topics.hello(UNIT), parts.read("messages/000000.hello")


def test_one_unit_s_records_under_another_s_name_are_refused(gate, box, file, tmp_path):
    def rename(manifest):
        return manifest.replace(b'"cp-01"', b'"cp-02"')

    forged = changed(file, tmp_path / "forged.zip", **{"carried.json": rename})
    with pytest.raises(Fault, match="is not believed"):
        gate.bring(forged)
    assert rows(gate) == [] and rows(gate, "cp-02") == []


def test_a_photo_that_is_not_what_its_record_says_is_refused(gate, box, tmp_path):
    digest = box.photograph(b"x" * 1000)
    box.journal.close()
    exported(box.root, tmp_path / "1.zip", photos=True)
    name = f"photos/{digest}.jpg"
    forged = changed(tmp_path / "1.zip", tmp_path / "2.zip", **{name: lambda jpeg: b"y" * 1000})
    taken = gate.bring(forged)
    assert (taken.photos, taken.photos_kept, taken.whole) == (1, 0, False)
    assert any("another hash" in why for why in taken.refused)
    assert gate.bring(tmp_path / "1.zip").whole


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "no whole zip file"),
        (lambda path: path.write_bytes(b"no zip"), "no whole zip file"),
        (lambda path: path.unlink(), r"there is no file .*\.zip; give what"),
    ],
)
def test_a_file_that_is_none(gate, file, spoil, said):
    spoil(file)
    with pytest.raises(Fault, match=said):
        gate.bring(file)


def test_parts_that_do_not_belong_there(gate, file, tmp_path):
    with zipfile.ZipFile(file, "a") as parts:
        parts.writestr("messages/000001.state", b"{}")
    with pytest.raises(Fault, match="parts of another kind"):
        gate.bring(file)


def test_the_gateway_s_word_is_whole(gate, file):
    gate.bring(file)
    (said,) = told(gate, Imported)
    assert (said.what, said.first, said.last, said.count) == ("event", 1, 600, 600)
    assert said.exported_ms > NOW_MS
    assert msgspec.json.decode(rows(gate, "gw")[0].raw)["kind"] == "imported"
