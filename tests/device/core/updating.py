"""A unit that is updated, and the gateway that gives it all that it asks for."""

from device.core import effects as ef
from device.core import events as ev
from device.core.station import Slots
from device.core.update import NOTE
from wire import topics
from wire.records import Order
from wire.release import Named

SHA256 = "ab" * 32
QUIET_MS = 60_000
RUNS = "0.4.0"
BODY = bytes(range(256)) * 512
NAMED = Named("0.5.0", SHA256, len(BODY))
SLOTS = {name: Slots(name, "aarch64-bookworm", share=0.5, trial_ms=100_000) for name in ("a", "b")}
CALM = ev.SlotsSaid("a", None, idle=True)
ON_TRIAL = ev.SlotsSaid("a", "b", idle=True)


def linked(unit):
    """Greeted by the gateway, which has all."""
    unit.clock("ntp")
    unit.link()
    has_all(unit)
    return unit


def has_all(unit):
    for stream in ("event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def wishes(unit):
    return [effect.wish for effect in unit.effects if isinstance(effect, ef.AskUpdater)]


def answers(unit):
    return [(r.outcome, r.why) for r in unit.kept(Order) if r.what in ("update", "rollback")]


def left(unit):
    return any(isinstance(effect, ef.StartAnew) for effect in unit.effects)


def asked(unit):
    """What was asked of the gateway: (offset, count)."""
    return [
        (topics.parse(topic).offset, int(payload))
        for _, topic, payload in unit.published
        if "/up/release/" in topic
    ]


def serve(unit, took_ms=40, limit=1000):
    """The gateway gives all that is asked for; each piece takes so long."""
    for _ in range(limit):
        before = asked(unit)
        if not before:
            return
        offset, count = before[-1]
        unit.up_ms += took_ms
        piece = BODY[offset : offset + count]
        unit.hear(topics.release("v-1", SHA256, offset), piece)
        has_all(unit)
        for _ in range(100):
            if len(asked(unit)) > len(before) or len(unit.releases[SHA256]) == len(BODY):
                break
            unit.wait(250)
        if len(unit.releases[SHA256]) == len(BODY):
            return


def order(unit, text=str(NAMED), what="update", number=1):
    unit.order(what=what, text=text, id=f"o-{number}")
    has_all(unit)


def fetched(unit):
    order(unit)
    serve(unit)
    return unit


def after_switch(make_unit, own="b", said=ON_TRIAL, parts=("nfc",)):
    """The unit's next start; what was saved before the switch is known."""
    job = {"order": "o-1", "stage": "trial", "release": str(NAMED), "parts": list(parts)}
    unit = make_unit(slots=SLOTS[own], saved={NOTE: {"job": job}})
    unit.happen(said)
    return unit
