"""The machine's alarms: raised by a table, held so that nothing floods the journal."""

import pytest

from device.core.vitals import Vitals
from device.core.watch import HOLD_MS, RULES, Watch

WELL = Vitals(0, 0, 50.0, 20_000, 600, 10.0, 0, 10.0)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.part)
def test_every_rule_rises_after_its_time_and_ends_after_its_hold(rule):
    watch = Watch()
    bad = {**{f: getattr(WELL, f) for f in WELL.__struct_fields__}, rule.gauge: rule.at}
    told = watch.look(Vitals(**bad), 0)
    assert bool(told) is (rule.sustain_ms == 0)
    told = told or watch.look(Vitals(**bad), rule.sustain_ms)
    assert [(part, risen) for part, _, risen in told] == [(rule.part, True)]
    assert "{" not in told[0][1]
    assert watch.look(WELL, HOLD_MS - 1) == []
    ended = watch.look(WELL, HOLD_MS + rule.sustain_ms)
    assert [(part, risen) for part, _, risen in ended] == [(rule.part, False)]


def test_between_raising_and_ending_nothing_is_told():
    watch = Watch()
    watch.look(Vitals(cpu_c=85.0), 0)
    watch.look(Vitals(cpu_c=85.0), 30_000)
    assert watch.raised == ["heat"]
    assert watch.look(Vitals(cpu_c=76.0), 30_000 + 5 * HOLD_MS) == []


def test_aws_greengrass_lite_959_flapping_does_not_flood_the_journal():
    watch, told = Watch(), 0
    for second in range(24 * 3600):
        told += len(watch.look(Vitals(under_voltage=second % 2), second * 1000))
    assert told <= 2 * 24 * 3_600_000 / HOLD_MS


def test_a_gauge_that_falls_silent_neither_raises_nor_ends():
    watch = Watch()
    watch.look(Vitals(under_voltage=1), 0)
    assert watch.look(Vitals(), 10 * HOLD_MS) == []
    assert watch.raised == ["supply"]


def test_a_restart_storm_tells_of_an_alarm_once():
    raised = ["supply", "of an older version"]
    for boot in range(100):
        watch = Watch()
        watch.recall(raised, boot)
        assert watch.look(Vitals(under_voltage=1), boot + 1) == []
        assert watch.raised == ["supply"]
