"""A site with three units, and its `xunkong fleet` as somebody types it."""

import json

import pytest

import xunkong
from gateway.config import load
from gateway.site import lay_out
from gateway.store.open import open_store
from gateway.store.schema import units
from tests.gateway.conftest import BOOT, NOW_MS
from wire import codec
from wire.live import Health, LiveFix, State

HEALTH = Health(parts={"nfc": "silent"}, link="gw:8883", heard_s={"nfc": 90}, cpu_c=51.0)
SEEN = {
    "cp-01": State(1, "cp-01", True, BOOT, 1, "checkpoint", version="0.2.0", queue={"event": 3},
                   alarms=["part nfc: \x1b[31msilent"], health=HEALTH),
    "cp-02": State(1, "cp-02", True, BOOT, 1, "checkpoint", version="0.1.0"),
    "v-01": State(1, "v-01", False, BOOT, 1, "vehicle", version="0.2.0"),
}  # fmt: skip


@pytest.fixture
def site(tmp_path):
    """Its configuration, and its store."""
    lay_out(tmp_path / "site")
    path = tmp_path / "site/gateway.toml"
    store = open_store(load(path).store.url)
    with store.changing() as connection:
        for unit, said in SEEN.items():
            values = {"state": codec.encode(said), "state_ms": NOW_MS, "online": said.online}
            fix = {"fix": codec.encode(LiveFix(27.2, 111.4, 10)), "fix_ms": NOW_MS}
            connection.execute(units.insert().values(unit=unit, **values, **fix))
    yield path, store
    store.close()


@pytest.fixture
def typed(site, capsys):
    """Types a command; gives its exit code, and what it printed."""

    def type_it(*words, language="en"):
        line = ["--lang", language, "fleet", *words, "--config", str(site[0])]
        code = xunkong.main(line)
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_it


@pytest.fixture
def rows(typed):
    """Types a command with `--json`; gives the objects that it printed."""
    return lambda *words: [json.loads(line) for line in typed(*words, "--json")[1].splitlines()]


@pytest.fixture
def answering(site, unit_log, bench_on):
    """Plays a unit while orders are waited for: `answering(monkeypatch, reply)`."""
    from gateway.care import waiting
    from gateway.orders import listed
    from wire.records import Order

    def play(monkeypatch, reply):
        """`reply(order)`: the records' fields, one dict each; the order's own are filled in."""
        bench, logs, answered = bench_on(site[1]), {}, set()

        def look(store, one, before=waiting.looked_at):
            for order in listed(store):
                if order.id not in answered:
                    answered.add(order.id)
                    log = logs.setdefault(order.unit, unit_log(order.unit))
                    first = log.last + 1
                    for fields in reply(order):
                        log.add(Order, id=order.id, what=order.what, **fields)
                    if log.last >= first:
                        bench.take(log.message(first))
            return before(store, one)

        monkeypatch.setattr(waiting, "looked_at", look)

    return play
