"""The store verified: what came as it should is proven; each thing that was done to it is found and named."""

import tracemalloc

import pytest
import sqlalchemy as sa

from gateway.config import RetentionSection
from gateway.ingest.registry import keep
from gateway.retention.records import Retention
from gateway.store.own_log import OwnLog
from tests.gateway.evidence.conftest import DAY_MS
from wire import chain
from wire.records import Alarm, Dropped, Photo

LOG = "e" * 16
WHERE = f"cp-01/event/{LOG}"


def relinked(scene, log, first, raws, key):
    """Somebody writes `raws` over records `first` and later, the chain made anew, signed with `key`."""
    unit, stream, name = log
    before = scene.rows("records", unit=unit, stream=stream, log=name, seq=first - 1)
    h = before[0]["h"] if before else chain.START
    for seq, raw in enumerate(raws, first):
        prev, h = h, chain.link(h, raw)
        text = chain.signed_text(unit, stream, name, seq, prev, 1, h)
        values = {"raw": raw, "h": h, "batch_first": seq, "kid": key.kid, "sig": key.sign(text)}
        place = {"unit": unit, "stream": stream, "log": name, "seq": seq}
        assert scene.change("records", place, **values) == 1
    scene.change("logs", {"unit": unit, "stream": stream, "log": name}, h=h)


class TestWhatIsWell:
    def test_all_of_it_is_proven_on_either_database(self, scene_on, any_store, unit_log):
        scene = scene_on(any_store)
        here, there = unit_log().grow(5), unit_log("v-1", "track", "f" * 16).grow(3)
        scene.take(here, 1, 2)
        scene.take(here, 3, 3)
        scene.take(here, 2, 5)
        scene.take(there)
        scene.close_day()
        scene.take(here.grow(2), 6)
        scene.close_day()
        findings, notes, total = scene.verify()
        assert (findings, notes) == ([], [])
        assert (total.logs, total.records, total.proven, total.days) == (3, 12, 12, 2)
        root = scene.rows("records", unit="gw")[-1]
        assert total.newest_root.encode() in root["raw"]

    def test_an_empty_store_is_proven(self, scene):
        assert scene.verify()[0] == []

    def test_it_is_of_one_moment_whatever_comes_meanwhile(self, scene_on, any_store, unit_log):
        scene = scene_on(any_store)
        scene.take(unit_log().grow(3))
        late = unit_log("v-1", log="f" * 16).grow(2)
        scene.key("v-1")
        run = scene_run(scene)
        first = next(run)
        scene.take(late)
        assert [one for one in (first, *run) if getattr(one, "unit", "") == "v-1"] == []
        assert scene.verify()[2].records == 5

    def test_a_gap_that_its_unit_declared_is_told_and_proven(self, scene, unit_log):
        log, other = unit_log().grow(9), unit_log(log="f" * 16)
        scene.take(log, 1, 3)
        other.add(
            Dropped, stream="event", log=LOG, first=4, last=6, h_last=log.hs[6].hex(), why="evicted"
        )
        scene.take(other)
        scene.take(log, 7, 9)
        findings, notes, total = scene.verify()
        assert findings == []
        assert notes == [("declared", WHERE, 4, 6)]
        assert total.proven == total.records

    def test_a_fork_is_told_and_both_its_sides_are_proven(self, scene, unit_log):
        log = unit_log().grow(4)
        other = log.branch(2).grow(2, up_ms=99)
        scene.take(log)
        scene.take(other)
        findings, notes, total = scene.verify()
        branch = f"{WHERE}~{other.hs[3].hex()[:8]}"
        assert findings == []
        assert notes == [("fork", branch, 3, 3)]
        assert total.proven == total.records

    def test_a_batch_that_waits_for_its_place_is_told(self, scene, unit_log):
        log = unit_log().grow(9)
        scene.take(log, 1, 3)
        scene.take(log, 6, 9)
        assert scene.verify()[:2] == ([], [("waiting", WHERE, 6, 9)])

    def test_a_key_revoked_later_still_proves_what_came_before(self, scene, unit_log):
        scene.take(unit_log().grow(3))
        scene.change("certificates", {"unit": "cp-01"}, revoked_ms=scene.now_ms + 1)
        assert scene.verify()[0] == []

    def test_what_waited_for_its_place_counts_by_when_it_came(self, scene, unit_log):
        log = unit_log().grow(6)
        scene.take(log, 4, 6)
        scene.take(log, 1, 2)
        scene.change("certificates", {"unit": "cp-01"}, revoked_ms=scene.now_ms + 1)
        new = scene.site.bearer("cp-01")
        with scene.store.changing() as connection:
            keep(connection, new.read(scene.site), scene.now_ms)
        scene.now_ms += DAY_MS
        scene.take(log, 3, 3, key=new)
        assert scene.verify()[:2] == ([], [])
        assert scene.verify()[2].proven == 6

    def test_its_memory_does_not_grow_with_the_store(self, scene, unit_log):
        log, peaks = unit_log(), []
        for number in range(3000):
            log.checkin(duty="d" * 60, sun="s" * 450)
            if number % 250 == 249:
                scene.take(log, number - 248)
            if number in (1499, 2999):
                tracemalloc.start()
                assert scene.verify()[0] == []
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        assert peaks[1] < peaks[0] * 1.25

    def test_one_unit_or_what_came_since_alone(self, scene, unit_log):
        log = unit_log().grow(9)
        scene.take(log, 1, 6)
        scene.take(unit_log("v-1", log="f" * 16).grow(2))
        scene.close_day()
        scene.take(log, 5, 9)
        assert scene.verify(unit="v-1")[2].records == 2
        findings, _, total = scene.verify(since_ms=scene.now_ms)
        assert findings == []
        assert (total.records, total.proven) == (4, 4)
        scene.change("records", {"unit": "cp-01", "seq": 2}, raw=b"{}")
        assert scene.verify(since_ms=scene.now_ms)[0] == []
        assert scene.verify(unit="v-1")[0] == []
        assert scene.verify()[0][0] == ("changed", WHERE, 2, 2)


def scene_run(scene):
    from gateway.evidence.verify import Scope, Verification

    return Verification(scene.store, scene.site.authority, scene.folder, Scope()).run()


class TestAttacks:
    def test_a_changed_record(self, scene, unit_log):
        log = unit_log().grow(5)
        scene.take(log)
        raw = log.raws[2].replace(b"pl-3", b"pl-9")
        assert scene.change("records", {"unit": "cp-01", "seq": 3}, raw=raw) == 1
        findings, _, total = scene.verify()
        assert findings == [("changed", WHERE, 3, 3)]
        assert total.proven == 4

    @pytest.mark.parametrize("column", ["raw", "h", "batch_prev"])
    def test_bytes_that_became_text(self, scene, unit_log, column):
        scene.take(unit_log().grow(5))
        with scene.store.changing() as connection:
            text = f"UPDATE records SET {column} = CAST(x'ff7b7d' AS TEXT) WHERE seq = 5"
            connection.execute(sa.text(text))
        findings, _, total = scene.verify()
        signed = ("signature", WHERE, 1, 5)
        assert (signed if column == "batch_prev" else ("changed", WHERE, 5, 5)) in findings
        assert total.records == 5

    def test_a_changed_record_with_the_chain_made_anew(self, scene, unit_log):
        log = unit_log().grow(6)
        scene.take(log, 1, 3)
        scene.take(log, 4, 6)
        h = log.hs[1]
        for seq in range(2, 7):
            raw = log.raws[seq - 1].replace(b"pl-2", b"pl-9")
            h = chain.link(h, raw)
            scene.change("records", {"unit": "cp-01", "seq": seq}, raw=raw, h=h)
        scene.change("logs", {"unit": "cp-01"}, h=h)
        findings, _, total = scene.verify()
        assert findings == [("signature", WHERE, 1, 6)]
        assert total.proven == 0

    def test_a_removed_record(self, scene, unit_log):
        scene.take(unit_log().grow(5))
        scene.change("records", {"unit": "cp-01", "seq": 3})
        findings, _, _ = scene.verify()
        assert ("missing", WHERE, 3, 3) in findings

    def test_removed_records_and_a_gap_that_the_store_alone_declares(self, scene, unit_log):
        log = unit_log().grow(6)
        scene.take(log, 1, 2)
        scene.take(log, 3, 4)
        scene.take(log, 5, 6)
        for seq in (3, 4):
            scene.change("records", {"unit": "cp-01", "seq": seq})
        scene.change("records", {"unit": "cp-01", "seq": 5}, prev=log.hs[4])
        with scene.store.changing() as connection:
            from gateway.store.schema import gaps

            row = {"unit": "cp-01", "stream": "event", "log": LOG, "first": 3, "last": 4}
            connection.execute(gaps.insert().values(**row, h_last=log.hs[4], why="gone"))
        assert scene.verify()[0] == [("missing", WHERE, 3, 4)]
        assert scene.findings[0].why == "the store alone says: gone"

    def test_a_removed_end(self, scene, unit_log):
        log = unit_log().grow(6)
        scene.take(log, 1, 4)
        scene.take(log, 5, 6)
        for seq in (5, 6):
            scene.change("records", {"unit": "cp-01", "seq": seq})
        assert scene.verify()[0] == [("missing", WHERE, 5, 6)]

    def test_an_end_removed_with_every_trace_of_it_after_the_day_was_closed(self, scene, unit_log):
        log = unit_log().grow(6)
        scene.take(log, 1, 4)
        scene.take(log, 5, 6)
        scene.close_day()
        for seq in (5, 6):
            scene.change("records", {"unit": "cp-01", "seq": seq})
        scene.change("logs", {"unit": "cp-01"}, next=5, h=log.hs[4])
        assert scene.verify()[0] == [("day", WHERE, 4, 4)]

    def test_a_whole_log_removed_after_the_day_was_closed(self, scene, unit_log):
        scene.take(unit_log().grow(3))
        scene.close_day()
        scene.change("records", {"unit": "cp-01"})
        scene.change("logs", {"unit": "cp-01"})
        assert scene.verify()[0] == [("day", WHERE, 3, 3)]

    def test_reordered_records(self, scene, unit_log):
        log = unit_log().grow(5)
        scene.take(log)
        scene.change("records", {"unit": "cp-01", "seq": 2}, raw=log.raws[2])
        scene.change("records", {"unit": "cp-01", "seq": 3}, raw=log.raws[1])
        assert scene.verify()[0] == [("changed", WHERE, 2, 3)]

    def test_what_stands_beside_a_record_changed(self, scene, unit_log):
        scene.take(unit_log().grow(3))
        scene.change("records", {"unit": "cp-01", "seq": 2}, at_ms=1)
        assert scene.verify()[0] == [("beside", WHERE, 2, 2)]

    def test_records_that_nobody_signed(self, scene, unit_log):
        scene.take(unit_log().grow(3))
        scene.change("records", {"unit": "cp-01", "seq": 3}, sig=None)
        assert scene.verify()[0] == [("unsigned", WHERE, 1, 3)]

    def test_a_chain_signed_anew_with_the_gateways_own_key(self, scene, unit_log):
        log = unit_log().grow(4)
        scene.take(log)
        raws = [raw.replace(b"pl-", b"xx-") for raw in log.raws]
        relinked(scene, ("cp-01", "event", LOG), 1, raws, scene.keys)
        assert scene.verify()[0] == [("signature", WHERE, 1, 4)]
        assert scene.findings[0].why == f"key {scene.keys.kid} is that of gw, made to sign"

    def test_a_chain_signed_anew_with_another_units_key(self, scene, unit_log):
        log, other = unit_log().grow(2), scene.key("v-1")
        scene.take(log)
        relinked(scene, ("cp-01", "event", LOG), 1, log.raws, other)
        assert scene.verify()[0] == [("signature", WHERE, 1, 2)]

    def test_a_certificate_that_another_authority_made(self, scene, unit_log):
        from tests.keys import Site

        log, site = unit_log().grow(2), Site("another site")
        scene.take(log)
        forger = site.bearer("cp-01")
        scene.change("certificates", {"unit": "cp-01"}, kid=forger.kid, der=forger.der)
        relinked(scene, ("cp-01", "event", LOG), 1, log.raws, forger)
        assert [what for what, *_ in scene.verify()[0]] == ["signature", "certificate"]

    def test_a_record_that_came_after_its_key_was_revoked(self, scene, unit_log):
        scene.take(unit_log().grow(2))
        scene.change("certificates", {"unit": "cp-01"}, revoked_ms=scene.now_ms - 1)
        assert scene.verify()[0] == [("signature", WHERE, 1, 2)]

    def test_a_forged_batch_that_waits(self, scene, unit_log):
        log = unit_log().grow(9)
        scene.take(log, 5, 9)
        scene.change("islands", {"unit": "cp-01"}, payload=log.payload(5, 9, key=scene.key("v-1")))
        assert scene.verify()[0] == [("signature", WHERE, 5, 9)]


class TestRoots:
    def two_days(self, scene, unit_log):
        log = unit_log().grow(3)
        with scene.store.writing() as connection:
            book = scene.intake._book
            book.open(connection, scene.now_ms)
            scene.own.alarm(book, "cp-01: something happened")
            book.close()
        scene.take(log)
        scene.close_day()
        scene.take(log.grow(1), 4)
        scene.close_day()
        return log

    def gw(self, scene):
        return scene.rows("records", unit="gw")

    def test_a_rewritten_log_of_the_gateways_own(self, scene, unit_log):
        self.two_days(scene, unit_log)
        raws = [row["raw"] for row in self.gw(scene)]
        raws[0] = raws[0].replace(b"something", b"nothing..")
        relinked(scene, ("gw", "event", self.gw(scene)[0]["log"]), 1, raws, scene.keys)
        where = f"gw/event/{self.gw(scene)[0]['log']}"
        assert scene.verify()[0] == [("day", where, 1, 1)]

    def test_a_rewritten_yesterday_whose_unit_helped(self, scene, unit_log):
        log = self.two_days(scene, unit_log)
        raws = [raw.replace(b"pl-2", b"pl-9") for raw in log.raws]
        relinked(scene, ("cp-01", "event", LOG), 1, raws, scene.key())
        assert scene.verify()[0] == [("day", WHERE, 3, 3)]

    def test_a_yesterday_with_a_record_more(self, scene, unit_log):
        self.two_days(scene, unit_log)
        scene.take(unit_log("v-1", log="f" * 16).grow(1))
        scene.change("records", {"unit": "v-1"}, pos=-1)
        assert scene.verify()[0] == [("day", f"v-1/event/{'f' * 16}", 1, 1)]

    def test_heads_rewritten_along_with_it_are_not_those_of_the_root(self, scene, unit_log):
        log = self.two_days(scene, unit_log)
        raws = [raw.replace(b"pl-2", b"pl-9") for raw in log.raws]
        relinked(scene, ("cp-01", "event", LOG), 1, raws, scene.key())
        for row in scene.rows("root_heads", unit="cp-01"):
            (record,) = scene.rows("records", unit="cp-01", seq=row["last"])
            scene.change("root_heads", {"unit": "cp-01", "date": row["date"]}, h=record["h"])
        assert [what for what, *_ in scene.verify()[0]] == ["root", "root"]

    def test_everything_rewritten_and_signed_anew_is_not_what_was_forwarded(self, scene, unit_log):
        import msgspec

        from gateway.daily_root import leaves
        from wire.evidence.merkle import root

        self.two_days(scene, unit_log)
        said = [msgspec.json.decode(row["raw"]) for row in self.gw(scene)]
        forwarded = {one["date"]: one["root"] for one in said if one["kind"] == "root"}
        assert scene.verify(forwarded=forwarded)[0] == []
        log = self.gw(scene)[0]["log"]
        raws = [row["raw"] for row in self.gw(scene)]
        raws[0] = raws[0].replace(b"something", b"nothing..")
        heads = {}
        for number, (date, old) in enumerate(forwarded.items(), 1):
            relinked(scene, ("gw", "event", log), 1, raws[: number + 1], scene.keys)
            (before,) = scene.rows("records", unit="gw", seq=number)
            scene.change("root_heads", {"unit": "gw", "date": date}, h=before["h"])
            for row in scene.rows("root_heads", date=date):
                heads[row["unit"], row["stream"], row["log"]] = (row["last"], row["h"])
            new = root(leaves(heads.items())).hex()
            raws[number] = raws[number].replace(old.encode(), new.encode())
        relinked(scene, ("gw", "event", log), 1, raws, scene.keys)
        assert scene.verify()[0] == []
        findings = scene.verify(forwarded=forwarded)[0]
        assert findings == [("root", date, None, None) for date in forwarded]

    def test_a_root_removed_with_its_record(self, scene, unit_log):
        self.two_days(scene, unit_log)
        last = self.gw(scene)[-1]
        scene.change("records", {"unit": "gw", "seq": last["seq"]})
        scene.change("logs", {"unit": "gw"}, next=last["seq"], h=self.gw(scene)[-1]["h"])
        assert [what for what, *_ in scene.verify()[0]] == ["root"]

    def test_a_root_that_a_unit_wrote_is_none(self, scene, unit_log):
        from wire.records import Root

        log = unit_log().add(Root, date="2025-11-01", root="ab" * 32, logs=1, algorithm="x")
        scene.take(log)
        assert scene.verify()[0] == []
        assert scene.verify()[2].days == 0


class TestPhotos:
    def test_one_that_is_here_is_proven(self, scene, unit_log):
        scene.photo(unit_log())
        findings, notes, total = scene.verify()
        assert (findings, notes, total.photos, total.photos_proven) == ([], [], 1, 1)

    def test_a_swapped_photo(self, scene, unit_log):
        path = scene.photo(unit_log())
        path.write_bytes(b"another jpeg")
        assert scene.verify()[0] == [("photo", path.stem, None, None)]

    def test_a_removed_photo(self, scene, unit_log):
        path = scene.photo(unit_log())
        path.unlink()
        assert scene.verify()[0] == [("photo", path.stem, None, None)]
        scene.change("photo_files", {"sha256": path.stem})
        assert scene.verify()[0] == [("photo", path.stem, None, None)]

    def test_one_removed_by_policy_has_a_record_that_says_so(self, scene, unit_log):
        path = scene.photo(unit_log())
        path.unlink()
        scene.change("photo_files", {"sha256": path.stem}, removed_ms=scene.now_ms, why="old")
        assert scene.verify()[0] == [("photo", path.stem, None, None)]
        fields = {"sha256": path.stem, "bytes": 6, "width": 4, "height": 3, "reason": "checkin"}
        with scene.store.writing() as connection:
            book = scene.intake._book
            book.open(connection, scene.now_ms)
            OwnLog(scene.keys).write(book, Photo, **fields, lost="old")
            book.close()
        assert scene.verify()[:2] == ([], [("removed", path.stem, None, None)])

    def test_one_that_has_not_come_yet_is_waited_for(self, scene, unit_log):
        fields = {"sha256": "ab" * 32, "bytes": 6, "width": 4, "height": 3, "reason": "checkin"}
        scene.take(unit_log().add(Photo, **fields))
        assert scene.verify()[:2] == ([], [("waiting", "ab" * 32, None, None)])

    def test_one_that_its_unit_lost_is_told(self, scene, unit_log):
        fields = {"sha256": "ab" * 32, "bytes": 6, "width": 4, "height": 3, "reason": "checkin"}
        scene.take(unit_log().add(Photo, **fields).add(Photo, **fields, lost="the disk was full"))
        assert scene.verify()[:2] == ([], [("declared", "ab" * 32, None, None)])


class TestRetention:
    """What the site's policy removed is told, and what is left is proven by itself."""

    def retain(self, scene, days):
        Retention(scene.store, RetentionSection(days, days), [], scene.own, scene.now_ms).run()

    def old(self, scene, unit_log):
        """A log whose first half is a day older, with a root in between and one after."""
        log = unit_log().grow(9)
        scene.take(log, 1, 3)
        scene.take(log, 2, 5)
        scene.take(unit_log("v-1", log="f" * 16).grow(2))
        scene.close_day()
        scene.take(log, 4, 9)
        scene.close_day()
        return log

    def test_what_is_left_is_proven_on_either_database(self, scene_on, any_store, unit_log):
        scene = scene_on(any_store)
        self.old(scene, unit_log)
        self.retain(scene, 1.5)
        findings, notes, total = scene.verify()
        assert findings == []
        assert notes == [("removed", WHERE, 1, 5), ("removed", f"v-1/event/{'f' * 16}", 1, 2)]
        assert total.proven == total.records
        assert scene.verify(since_ms=scene.now_ms - DAY_MS)[:2] == ([], [])

    def test_a_gap_stays_declared_when_its_declaration_goes(self, scene, unit_log):
        log, other = unit_log("cp-01", "track", "f" * 16).grow(9), unit_log()
        scene.take(log, 1, 3)
        fields = {"first": 4, "last": 6, "h_last": log.hs[6].hex(), "why": "evicted"}
        scene.take(other.add(Dropped, stream="track", log="f" * 16, **fields))
        scene.take(log, 7, 9)
        scene.close_day()
        Retention(scene.store, RetentionSection(0.5), [], scene.own, scene.now_ms).run()
        findings, notes, _ = scene.verify()
        assert findings == []
        assert ("removed", f"cp-01/track/{'f' * 16}", 4, 6) in notes
        assert ("removed", WHERE, 1, 1) in notes

    def test_a_removal_that_no_record_tells_of(self, scene, unit_log):
        log = self.old(scene, unit_log)
        for seq in range(1, 6):
            scene.change("records", {"unit": "cp-01", "seq": seq})
        scene.change("records", {"unit": "cp-01", "seq": 6}, prev=log.hs[5])
        scene.change("records", {"unit": "cp-01", "seq": 9}, batch_prev=log.hs[3])
        assert ("missing", WHERE, 1, 5) in scene.verify()[0]

    def test_more_removed_than_the_record_tells_of(self, scene, unit_log):
        log = self.old(scene, unit_log)
        self.retain(scene, 1.5)
        scene.take(log.grow(2), 10)
        for seq in range(6, 10):
            scene.change("records", {"unit": "cp-01", "seq": seq})
        scene.change("records", {"unit": "cp-01", "seq": 10}, prev=log.hs[9])
        assert ("missing", WHERE, 6, 9) in scene.verify()[0]


def test_records_that_no_version_can_read_are_proven_all_the_same(scene, unit_log):
    log = unit_log()
    for raw in (b'{"kind":"\xff"}', b'{"kind":"newer","boot":"9c1b22f0","up_ms":1}', b"7"):
        log.add_raw(raw)
    scene.take(log.add(Alarm, alarm="sos", what="help"))
    assert scene.verify()[0] == []
