"""What a new run is told of the runs before it, whatever stands in the journal."""

import msgspec
import pytest

from device.journal.journal import Journal
from device.memory import begin_run, end_run, recall
from wire.batch import encode_record
from wire.orders import ConfigMessage
from wire.records import Alarm, Checkin, Crew, Photo
from wire.track import TrackFix

HEAD = {"boot": "9c1b22f0", "up_ms": 1, "at_ms": None, "clock": "none", "clock_err_ms": None}


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    yield journal
    journal.close()


def checkin(badge):
    return Checkin(
        **HEAD,
        badge=badge,
        person=None,
        place=None,
        method="nfc",
        proof="uid",
        result="unknown",
    )


class TestLastStop:
    def test_first_start(self, journal):
        assert begin_run(journal, "aaaa0000") == "first_start"

    @pytest.mark.parametrize("boot", ["aaaa0000", "bbbb1111"])
    def test_clean_on_the_same_boot_and_on_another(self, journal, boot):
        begin_run(journal, "aaaa0000")
        end_run(journal, "aaaa0000")
        assert begin_run(journal, boot) == "clean"

    def test_for_another_software_is_an_update(self, journal):
        begin_run(journal, "aaaa0000")
        end_run(journal, "aaaa0000", update=True)
        assert begin_run(journal, "aaaa0000") == "update"
        end_run(journal, "aaaa0000")
        assert begin_run(journal, "aaaa0000") == "clean"

    def test_killed_is_the_same_boot_without_an_end(self, journal):
        begin_run(journal, "aaaa0000")
        assert begin_run(journal, "aaaa0000") == "killed"

    def test_power_cut_is_another_boot_without_an_end(self, journal):
        begin_run(journal, "aaaa0000")
        assert begin_run(journal, "bbbb1111") == "power_cut"

    def test_a_clean_end_counts_once(self, journal):
        begin_run(journal, "aaaa0000")
        end_run(journal, "aaaa0000")
        begin_run(journal, "aaaa0000")
        assert begin_run(journal, "aaaa0000") == "killed"

    @pytest.mark.parametrize("rotten", ["{", '{"boot":7}', "[]", '{"clean":"yes","boot":"a"}'])
    def test_a_note_that_cannot_be_read_counts_as_none(self, journal, rotten):
        begin_run(journal, "aaaa0000")
        journal._run("UPDATE settings SET value = ?", (rotten,))
        assert begin_run(journal, "aaaa0000") == "first_start"
        assert begin_run(journal, "aaaa0000") == "killed"


class Aboard(msgspec.Struct):
    crew: list[str]


def crew(memory):
    noted = memory.notes.recall("crew", Aboard)
    return noted and noted.crew


class TestRecall:
    def test_of_an_empty_journal(self, journal):
        memory = recall(journal, "first_start")
        assert [(h.stream, h.last, h.next) for h in memory.heads] == [
            ("event", 0, 1),
            ("track", 0, 1),
        ]
        assert (memory.config, crew(memory)) == (None, None)
        assert (memory.open_fixes, memory.recent, memory.lost) == ((), (), ())
        assert memory.last_stop == "first_start"

    def test_heads_as_the_journal_has_them(self, journal):
        for n in range(3):
            journal.append("event", b"%d" % n)
        old = journal.logs("event")[-1]
        journal.acknowledge("event", old.log, 3, "store-1")
        new = journal.new_log("event")
        heads = recall(journal, "clean").heads
        assert [h.log for h in heads[:2]] == [old.log, new]
        assert (heads[0].last, heads[0].next, heads[0].store) == (3, 3, "store-1")
        assert heads[0].h == old.h

    def test_configuration_crew_and_open_fixes(self, journal):
        config = msgspec.json.decode(
            b'{"v":1,"unit":"car-1","version":4,"config":{}}', type=ConfigMessage
        )
        fix = TrackFix(1, 2, 27.2, 111.4, hacc_m=3.0)
        journal.put_setting("config", msgspec.to_builtins(config))
        journal.put_setting("crew", {"crew": ["04a1b2c3"]})
        journal.keep_fix(msgspec.json.encode(fix))
        memory = recall(journal, "clean")
        assert memory.config == config
        assert crew(memory) == ["04a1b2c3"]
        assert memory.open_fixes == (fix,)

    def test_the_recent_check_ins_in_order(self, journal):
        badges = [f"04a1b2{n:02x}" for n in range(3)]
        for badge in badges:
            journal.append("event", encode_record(checkin(badge)))
            journal.append("event", encode_record(Alarm(**HEAD, alarm="sos", what="")))
            journal.append("event", b'{"kind":"of tomorrow"}')
        assert [c.badge for c in recall(journal, "clean").recent] == badges

    def test_a_recent_sign_on_is_among_them(self, journal):
        crew = Crew(**HEAD, badge="04a1b2c3", person="p-1", action="on")
        journal.append("event", encode_record(crew))
        assert recall(journal, "killed").recent == (crew,)

    def test_what_was_lost_is_told_of(self, tmp_path):
        path = tmp_path / "other.db"
        first = Journal.open(path)
        for n in range(5):
            first.append("event", encode_record(checkin(f"04a1b2{n:02x}")))
        log = first.logs("event")[-1].log
        first._run(f"""UPDATE "doc:event:{log}" SET body = '' WHERE doc_id = 3""")
        first._run("""UPDATE "doc:logs" SET body = replace(body, 'last', 'lust')""")
        first._db.close()
        first._lock.close()
        journal = Journal.open(path)
        (lost,) = recall(journal, "killed").lost
        assert (lost.stream, lost.log, lost.first, lost.last) == ("event", log, 3, 3)
        assert lost.h_last == journal.chain_at("event", log, 3)
        journal.close()

    @pytest.mark.parametrize("rotten", ["{", "[]", "7", '{"crew":7,"version":"x"}'])
    def test_what_has_rotted_does_not_prevent_a_start(self, journal, rotten):
        journal.put_setting("config", {"version": 1})
        journal.put_setting("crew", {"crew": ["04a1b2c3"]})
        journal._run("UPDATE settings SET value = ?", (rotten,))
        journal.append("event", encode_record(checkin("04a1b2c3")))
        log = journal.logs("event")[-1].log
        journal._run(f'UPDATE "doc:event:{log}" SET body = ?', (rotten,))
        journal.keep_fix(rotten.encode())
        memory = recall(journal, "clean")
        assert (memory.config, crew(memory), memory.recent, memory.open_fixes) == (
            None,
            None,
            (),
            (),
        )
        assert memory.notes.damaged == ["config", "crew"]


class TestPhotos:
    """Whether a photo found in the folder stands in the journal: however long ago, and in whichever log."""

    def photo(self, digest, lost=None):
        return encode_record(
            Photo(**HEAD, sha256=digest, bytes=1, width=1, height=1, reason="sos", lost=lost)
        )

    def stands(self, journal, digest):
        return recall(journal, "clean").photo_stands(digest)

    def test_one_that_was_announced_before_many_others_does(self, journal):
        journal.append("event", self.photo("ab" * 32))
        for _ in range(60):
            journal.append("event", encode_record(checkin("04a1b2c3")))
        assert self.stands(journal, "ab" * 32)
        assert not self.stands(journal, "cd" * 32)

    def test_one_in_a_log_before_does(self, journal):
        journal.append("event", self.photo("ab" * 32))
        journal.new_log("event")
        assert self.stands(journal, "ab" * 32)

    def test_one_of_which_only_the_loss_is_told_does_not(self, journal):
        journal.append("event", self.photo("ab" * 32, lost="no room"))
        assert not self.stands(journal, "ab" * 32)

    def test_a_record_that_only_names_it_is_none(self, journal):
        alarm = Alarm(**HEAD, alarm="part", what=f"photo {'ab' * 32}", part="camera")
        journal.append("event", encode_record(alarm))
        assert not self.stands(journal, "ab" * 32)
