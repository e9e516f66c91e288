"""Card keys from the gateway's file to the unit, and duty cards to the store: processes and a real broker."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.unit_config import newest
from sim.city import City, wait_for
from sim.demo import Checkpoint
from wire.cards.keyfile import write_keys

TAG, PLAIN, DUTY = "04de5f1eacc040", "04a1b2c3d4e5f6", "04d0000000001a"
ROSTER = f"""
repeat_s = 0
[[badge]]
uid = "{TAG}"
person = "p-1"
card = "ntag424"
[[badge]]
uid = "{PLAIN}"
person = "p-2"
[[duty]]
uid = "{DUTY}"
duty = "mediation"
"""


def xunkong(*words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "xunkong", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def gateway(city: City, *words: str | Path) -> str:
    return xunkong("gateway", *words, "--config", city.gateway_toml)


def pushed(city: City, text: str) -> int:
    path = city.folder / "unit.toml"
    path.write_text(text, "utf-8")
    gateway(city, "config", "push", "--unit", "cp-1", path)
    message = newest(city.store, "cp-1")
    assert message is not None
    assert wait_for(
        lambda: "cp-1" in city.rows() and city.rows()["cp-1"].config == message.version, 60
    )
    return message.version


def test_keys_reach_a_unit_sealed_and_duties_and_verdicts_come_back(
    city: City, checkpoint: Callable[..., Checkpoint]
) -> None:
    write_keys(city.folder / "card-keys.toml")
    with city.gateway_toml.open("a", encoding="utf-8") as file:
        file.write('[cards]\nkeys = "card-keys.toml"\n')
    at = checkpoint()
    public = xunkong("device", "key", "--config", at.unit.config).strip()
    gateway(city, "unit-key", "set", "--unit", "cp-1", public)
    at.unit.program.start()
    pushed(city, ROSTER)
    for uid in (PLAIN, DUTY):
        at.tapper.tap(uid, 30)
    pushed(city, 'least_proof = "sun"\n' + ROSTER)
    at.tapper.tap(TAG, 30)
    assert wait_for(
        lambda: len(city.committed("checkin")) == 2 and bool(city.committed("duty")), 60
    )
    first, second = city.committed("checkin")
    assert (first["record"]["person"], first["record"]["result"]) == ("p-2", "accepted")
    assert (second["record"]["person"], second["record"]["result"]) == ("p-1", "weak")
    (duty,) = city.committed("duty")
    assert duty["record"]["ref"] == {name: first[name] for name in ("stream", "log", "seq")}
    assert "duty=dispute mediation" in gateway(city, "records", "--kind", "duty")
    text = newest(city.store, "cp-1")
    assert text is not None
    assert text.config.card_keys
    gateway(city, "unit-key", "set", "--unit", "cp-1", "09" + "00" * 31)
    (city.folder / "unit.toml").write_text(ROSTER, "utf-8")
    gateway(city, "config", "push", "--unit", "cp-1", city.folder / "unit.toml")
    assert wait_for(
        lambda: any("refused" in r["record"].values() for r in city.committed("config")), 60
    )
    assert city.rows()["cp-1"].config == 2
