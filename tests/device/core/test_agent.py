"""A unit as a whole: start, SOS, parts, the live picture's pace, the last will, journal events."""

import json
from itertools import pairwise

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.station import Lost
from wire import topics
from wire.live import Hello, LiveFix, Pos, State
from wire.records import Alarm, Boot, Dropped, Track

STATE, POS = topics.state("v-1"), topics.pos("v-1")


def moments(unit, topic):
    return [up_ms for up_ms, where, _ in unit.published if where == topic]


def gaps(unit, topic):
    at = moments(unit, topic)
    return [b - a for a, b in pairwise(at)]


class TestStart:
    def test_the_first_record_says_how_it_came_about(self, bare):
        (boot,) = bare.kept(Boot)
        assert bare.journal.records[0] is boot
        assert (boot.version, boot.role, boot.last_stop) == ("0.4.0", "checkpoint", "power_cut")
        assert boot.logs == {"event": "e" * 16, "track": "f" * 16}
        assert (boot.at_ms, boot.clock, boot.clock_err_ms) == (None, "none", None)

    def test_what_the_journal_lost_is_declared_and_shown(self, make_unit):
        unit = make_unit(lost=(Lost("track", "a" * 16, 5, 9, b"\1" * 32),))
        unit.link()
        unit.wait(1_000)
        (dropped,) = unit.kept(Dropped)
        assert (dropped.log, dropped.first, dropped.last) == ("a" * 16, 5, 9)
        assert dropped.h_last == "01" * 32
        assert any("5 to 9" in line for line in unit.states()[-1].alarms)


class TestSos:
    def hold(self, unit, ms=2_000):
        unit.button("sos", True)
        unit.wait(ms)
        unit.button("sos", False)

    def test_held_it_is_recorded_sounded_and_rides_in_the_state(self, vehicle):
        vehicle.link()
        self.hold(vehicle)
        vehicle.wait(1_000)
        (alarm,) = vehicle.kept(Alarm)
        assert (alarm.alarm, alarm.active) == ("sos", True)
        assert vehicle.signals == ["sos_sent"]
        state = vehicle.states()[-1]
        assert (state.alarms, state.urgent) == (["SOS"], [alarm])

    def test_touched_it_is_nothing(self, vehicle):
        self.hold(vehicle, ms=1_000)
        vehicle.wait(5_000)
        assert vehicle.kept(Alarm) == []

    def test_kept_down_it_is_one_alarm(self, vehicle):
        self.hold(vehicle, ms=60_000)
        assert len(vehicle.kept(Alarm)) == 1

    def test_standing_still_does_not_swallow_it(self, vehicle):
        vehicle.link()
        for n in range(120):
            vehicle.fix(10_000 + n * 1_000)
        self.hold(vehicle)
        vehicle.wait(500)
        (alarm,) = vehicle.kept(Alarm)
        assert alarm.pos.lat == 27.0
        assert vehicle.states()[-1].urgent == [alarm]

    def test_no_backlog_is_before_it(self, vehicle):
        for n in range(3_000):
            vehicle.journal.append("event", vehicle.journal.records[0])
            vehicle.happen(ev.Kept("event", "e" * 16, n + 2, True, vehicle.journal.records[0]))
        vehicle.link()
        vehicle.gateway_has("event", 1)
        vehicle.taken = False
        vehicle.happen(ev.Handed(10**6))
        self.hold(vehicle)
        pressed_ms = vehicle.kept(Alarm)[-1].up_ms
        tokens = [
            e.token for e in vehicle.effects if isinstance(e, ef.Publish) and e.topic == STATE
        ]
        vehicle.happen(ev.Handed(tokens[-1]))
        vehicle.wait(500)
        told = [t for t, s in vehicle.said(STATE, State) if s.urgent]
        assert told
        assert told[0] - pressed_ms <= 1_000
        assert vehicle.states()[-1].queue["event"] > 1_000

    def test_a_journal_that_fails_does_not_keep_it_back(self, vehicle):
        vehicle.link()
        vehicle.journal.broken = "full"
        self.hold(vehicle)
        vehicle.wait(1_000)
        assert [record.alarm for record in vehicle.states()[-1].urgent] == ["sos"]


class TestPart:
    def test_its_alarm_rises_and_ends_once(self, bare):
        words = ["ok", "silent", "silent", "silent", "ok", "ok", "no fix", "ok"]
        for word in words:
            bare.happen(ev.PartSpoke("gps", word))
        assert [(a.part, a.active) for a in bare.kept(Alarm)] == [("gps", True), ("gps", False)]
        assert bare.lights == [True, False]

    def test_the_state_names_it(self, bare):
        bare.link()
        bare.happen(ev.PartSpoke("nfc", "silent"))
        bare.wait(1_000)
        assert bare.states()[-1].alarms == ["nfc silent"]
        assert bare.states()[-1].health.parts == {"nfc": "silent"}

    def test_one_part_mended_leaves_the_light_on_for_another(self, bare):
        for part, word in [("nfc", "silent"), ("gps", "silent"), ("nfc", "ok")]:
            bare.happen(ev.PartSpoke(part, word))
        assert bare.lights[-1] is True

    def test_a_long_word_does_not_spoil_the_picture(self, bare):
        bare.link()
        bare.happen(ev.PartSpoke("gps", "x" * 3_000))
        bare.wait(1_000)
        assert bare.states()[-1].health.parts["gps"] == "x" * 500


class TestStatePace:
    def test_it_goes_out_at_connect_and_every_thirty_seconds(self, bare):
        bare.link()
        bare.gateway_has("event", 2)
        bare.wait(10_000)
        bare.published.clear()
        bare.wait(300_000)
        assert len(gaps(bare, STATE)) >= 8
        assert set(gaps(bare, STATE)) == {30_000}

    def test_a_change_is_told_within_a_second(self, bare):
        bare.link()
        bare.wait(5_000)
        bare.published.clear()
        bare.happen(ev.PartSpoke("nfc", "silent"))
        bare.wait(1_000)
        assert len(moments(bare, STATE)) == 1

    def test_changes_in_a_row_are_told_together(self, bare):
        bare.link()
        bare.wait(5_000)
        bare.published.clear()
        for n in range(100):
            bare.happen(ev.PartSpoke("nfc", f"fault {n}"), bare.up_ms + 10)
        bare.wait(1_000)
        assert len(moments(bare, STATE)) <= 6
        assert bare.states()[-1].alarms == ["nfc fault 99"]

    def test_one_waits_for_the_broker_and_the_newest_follows(self, bare):
        bare.link()
        bare.wait(5_000)
        bare.taken = False
        bare.published.clear()
        for n in range(10):
            bare.happen(ev.PartSpoke("nfc", f"fault {n}"))
            bare.wait(1_000)
        assert len(moments(bare, STATE)) == 1
        token = [e.token for e in bare.effects if isinstance(e, ef.Publish) and e.topic == STATE][
            -1
        ]
        bare.happen(ev.Handed(token))
        assert bare.states()[-1].alarms == ["nfc fault 9"]

    def test_without_a_link_nothing_goes_out(self, bare):
        bare.fix(5_000)
        bare.wait(100_000)
        assert bare.published == []

    def test_it_says_who_and_which_run_and_connection(self, bare):
        bare.link(conn=17)
        bare.happen(ev.Measured(51.2, 20_411, 41))
        bare.wait(31_000)
        state = bare.states()[-1]
        assert (state.unit, state.role, state.boot, state.conn) == (
            "v-1",
            "checkpoint",
            "9c1b22f0",
            17,
        )
        assert (state.online, state.version, state.clock) == (True, "0.4.0", "none")
        assert (state.health.cpu_c, state.health.link) == (51.2, "broker:8883")

    def test_a_fix_of_long_ago_is_no_position_of_now(self, bare):
        bare.link()
        bare.fix(5_000)
        bare.wait(30_000)
        assert bare.states()[-1].fix is not None
        bare.wait(60_000)
        assert bare.states()[-1].fix is None


class TestPosPace:
    def test_moving_once_a_second(self, vehicle):
        vehicle.link()
        lat = vehicle.drive(20)
        vehicle.published.clear()
        vehicle.drive(30, lat=lat)
        assert set(gaps(vehicle, POS)) == {1_000}

    def test_at_rest_every_ten_seconds(self, vehicle):
        vehicle.link()
        for _ in range(60):
            vehicle.fix(vehicle.up_ms + 1_000)
        assert len(gaps(vehicle, POS)) >= 4
        assert set(gaps(vehicle, POS)) == {10_000}

    def test_under_an_order_once_a_second_even_at_rest(self, vehicle):
        vehicle.link()
        vehicle.fix(5_000)
        vehicle.order()
        vehicle.published.clear()
        for _ in range(20):
            vehicle.fix(vehicle.up_ms + 1_000)
        assert set(gaps(vehicle, POS)) == {1_000}

    def test_it_is_small_unretained_and_of_now(self, vehicle):
        vehicle.link()
        vehicle.fix(
            5_000,
            lat=-27.24181234567,
            lon=-111.47251234567,
            hacc_m=10.8664955,
            speed_m_s=16.6666667,
            course_deg=271.5333333,
        )
        (sent,) = [e for e in vehicle.effects if isinstance(e, ef.Publish) and e.topic == POS]
        assert (sent.qos, sent.retain) == (0, False)
        assert len(sent.payload) < 120
        (_, pos) = vehicle.said(POS, Pos)[-1]
        assert pos.fix == LiveFix(-27.241812, -111.472512, 0, 10.9, 16.7, 271.5)

    def test_without_a_fresh_fix_there_is_none(self, vehicle):
        vehicle.link()
        vehicle.fix(5_000)
        vehicle.wait(31_000)
        vehicle.published.clear()
        vehicle.wait(60_000)
        assert moments(vehicle, POS) == []


class TestLink:
    def test_the_last_will_is_that_of_the_contract(self, bare):
        assert json.loads(bare.agent.will(17)) == {
            "v": 1,
            "unit": "v-1",
            "online": False,
            "boot": "9c1b22f0",
            "conn": 17,
        }

    def test_state_and_hello_come_first_and_no_batch_before_the_answer(self, bare):
        bare.link()
        bare.wait(1_000)
        assert [where for _, where, _ in bare.published][:2] == [STATE, topics.hello("v-1")]
        assert moments(bare, topics.log("v-1", "event")) == []
        bare.gateway_has("event", 1)
        ((_, batch),) = bare.said(topics.log("v-1", "event"))
        assert (batch.log, batch.first) == ("e" * 16, 1)
        assert list(batch.raws) == bare.journal.raws["e" * 16]

    def test_the_hello_names_the_logs_and_a_fresh_nonce(self, bare):
        bare.link()
        bare.wait(5_000)
        hellos = [hello for _, hello in bare.said(topics.hello("v-1"), Hello)]
        assert len({hello.nonce for hello in hellos}) == len(hellos) >= 2
        (event, track) = hellos[0].logs
        assert (event.log, event.oldest, event.last) == ("e" * 16, 1, 1)
        assert event.h == bare.journal.chain_at("event", "e" * 16, 1).hex()
        assert (track.log, track.last, track.h) == ("f" * 16, 0, "0" * 64)

    def test_a_new_connection_says_everything_again(self, bare):
        bare.link(1)
        bare.gateway_has("event", 2)
        bare.happen(ev.LinkDown(1, "broken"))
        bare.published.clear()
        bare.wait(60_000)
        assert bare.published == []
        bare.link(2)
        bare.wait(1_000)
        assert bare.states()[0].conn == 2
        assert len(bare.said(topics.hello("v-1"), Hello)) == 1

    def test_a_state_the_old_link_swallowed_does_not_hold_up_the_next(self, bare):
        bare.taken = False
        bare.link(1)
        bare.happen(ev.LinkDown(1, "broken"))
        bare.published.clear()
        bare.link(2)
        assert len(moments(bare, STATE)) == 1


class TestJournal:
    def test_ahead_of_the_unit_means_a_new_log_an_alarm_and_nothing_lost(self, bare):
        bare.link()
        bare.gateway_has("event", 50, h="ab" * 32)
        assert bare.journal.current["event"] == "d" * 16
        assert any(a.alarm == "storage" and "d" * 16 in a.what for a in bare.kept(Alarm))
        sent = [(b.log, b.first, b.last) for _, b in bare.said(topics.log("v-1", "event"))]
        assert ("e" * 16, 1, 1) in sent
        assert ("d" * 16, 1, 1) in sent

    def test_rotten_rows_are_shown_once_they_are_declared(self, bare):
        bare.link()
        dropped = bare.agent.declaration(Lost("event", "e" * 16, 3, 4, None), bare.now)
        assert (dropped.first, dropped.last, dropped.h_last) == (3, 4, None)
        bare.happen(ev.Rotted("event", "e" * 16, 3, 4, None))
        bare.wait(1_000)
        assert bare.kept(Dropped) == []
        assert any("3 to 4" in line for line in bare.states()[-1].alarms)
        assert bare.lights[-1] is True

    def test_segments_of_a_track_log_that_is_sealed_still_go_out(self, vehicle):
        vehicle.link()
        vehicle.gateway_has("track", 1)
        vehicle.journal.append("track", vehicle.journal.records[0])
        vehicle.happen(ev.Kept("track", "f" * 16, 1, False, vehicle.journal.records[0]))
        vehicle.journal.current["track"] = "d" * 16
        vehicle.journal.broken = "full"
        vehicle.happen(ev.LogBegan("track", "d" * 16))
        sent = [(b.log, b.first) for _, b in vehicle.said(topics.log("v-1", "track"))]
        assert sent == [("f" * 16, 1)]

    def test_a_segment_that_is_kept_again_ends_the_storage_alarm(self, vehicle):
        vehicle.happen(ev.KeepFailed(None, "full"))
        vehicle.happen(ev.Kept("track", "f" * 16, 1, False, vehicle.journal.records[0]))
        assert [(a.alarm, a.active) for a in vehicle.kept(Alarm)] == [("storage", False)]

    @pytest.mark.parametrize("keep_days", [7.0, 30.0])
    def test_pruning_is_asked_for_every_ten_minutes_with_what_the_city_wants(
        self, checkpoint, utc0, keep_days
    ):
        checkpoint.configure(2, keep_days=keep_days)
        checkpoint.effects.clear()
        checkpoint.wait(1_800_000, step_ms=1_000)
        prunes = [e for e in checkpoint.effects if isinstance(e, ef.Prune)]
        assert [e.keep_days for e in prunes] == [keep_days] * 3
        assert prunes[0].utc_ms > utc0

    def test_a_clock_nobody_knows_prunes_by_no_date(self, bare):
        bare.happen(ev.Tick())
        assert [e.utc_ms for e in bare.effects if isinstance(e, ef.Prune)] == [None]


def test_no_tracks_before_events(vehicle):
    vehicle.drive(130)
    vehicle.tap()
    assert vehicle.kept(Track)
    vehicle.link()
    vehicle.published.clear()
    vehicle.gateway_has("event", 1)
    vehicle.gateway_has("track", 1)
    logs = [where.rpartition("/")[2] for _, where, _ in vehicle.published if "/up/log/" in where]
    assert logs == sorted(logs)
    assert {"event", "track"} == set(logs)


class TestDamagedSettings:
    def test_are_an_alarm_that_names_them(self, make_unit):
        unit = make_unit(saved={"crew": {"crew": 7}, "health": []})
        (alarm,) = unit.kept(Alarm)
        assert (alarm.alarm, alarm.part, alarm.active) == ("storage", "journal", True)
        assert "what they said may be missing: " in alarm.what
        assert sorted(alarm.what.rpartition(": ")[2].split(", ")) == ["crew", "health"]

    def test_sound_ones_and_none_are_none(self, make_unit):
        assert make_unit(saved={"crew": {"crew": []}}).kept(Alarm) == []
        assert make_unit().kept(Alarm) == []
