"""What the running unit says of itself to whoever looks at the box."""

from device.core import events as ev

COERCED = "04dddddddddddd"


def present(unit):
    return unit.agent.present(unit.now)


def test_how_the_way_out_stands(checkpoint):
    assert present(checkpoint).way.broker is None
    checkpoint.happen(ev.LinkDown(1, "timed out"), 5_000)
    checkpoint.happen(ev.LinkDown(2, "refused"), 8_000)
    way = present(checkpoint).way
    assert (way.broker, way.since_ms, way.why, way.gateway) == (None, 5_000, "refused", False)
    checkpoint.up_ms = 9_000
    checkpoint.link()
    way = present(checkpoint).way
    assert (way.broker, way.since_ms, way.gateway) == ("broker:8883", 9_000, True)
    assert way.heard_ms is None
    checkpoint.wait(1_000)
    checkpoint.gateway_has("event", 2)
    assert present(checkpoint).way.heard_ms == 10_000
    checkpoint.happen(ev.LinkDown(3, "gone"), 20_000)
    assert present(checkpoint).way.since_ms == 20_000


def test_the_live_picture_without_what_the_box_must_not_show(checkpoint):
    checkpoint.configure(2, place="pl-1", badges=[{"uid": COERCED, "person": "p", "duress": True}])
    checkpoint.happen(ev.PartSpoke("gps", "unplugged"))
    checkpoint.tap(COERCED)
    told = present(checkpoint)
    assert "duress" in checkpoint.agent._picture.alarms
    assert [line for line in told.state.alarms if "gps" in line] == told.state.alarms != []
    assert told.state.urgent == []
    assert (told.state.unit, told.state.config, told.state.clock) == ("v-1", 2, "ntp")
    assert told.clock_err_ms is not None
