"""Arms a unit for a measurement: configurations with keys of many cards, sealed to it, and a card that needs them."""

import time
from collections.abc import Iterator
from queue import Queue

from paho.mqtt.client import Client, MQTTMessage

from device.own_key import key_path, own_key
from gateway.keys import GatewayKeys
from gateway.roster import RosterBadge, Wanted, for_unit
from hardware.cards.ntag424 import sun_template, wanted_settings
from hardware.cards.twin.ntag424 import ATS, SAK, SENS_RES, Ntag424
from hardware.pn532.chip import Card
from hardware.pn532.twin import Pn532Twin
from sim.city import Unit
from sim.tapper import Trace, badge
from wire import codec, topics
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys
from wire.live import State, WorkerState
from wire.orders import ConfigMessage, UnitConfig
from wire.seal import public_of

CARDS = (200, 5_000)
MASTER = bytes(range(16))
WAIT_S = 20.0


def armed(
    unit: Unit, nfc: Pn532Twin, keys: GatewayKeys, client: Client, said: "Queue[MQTTMessage]"
) -> Iterator[int]:
    """Gives the running `unit` the keys of more and more cards; each time how many, once one was tapped.

    `said` are the messages that it publishes. Raises RuntimeError where it does not take keys or card.
    """
    worker = codec.encode(WorkerState(1, True, "bench", cert=keys.certificate.text))
    client.publish(topics.worker_state("bench"), worker, qos=1, retain=True)
    for version, count in enumerate(CARDS, 1):
        message, topic = (
            ConfigMessage(1, unit.name, version, _config(unit, count)),
            topics.config(unit.name),
        )
        signed = codec.encode_signed(message, topic, keys)
        client.publish(topic, signed, qos=1, retain=True)
        _await_config(unit.name, said, version)
        _tap(unit, nfc, badge(version))
        yield count


def _config(unit: Unit, count: int) -> UnitConfig:
    badges = [RosterBadge(badge(n), f"p-{n:05d}", card="ntag424") for n in range(count)]
    public = public_of(own_key(key_path(unit.folder / "journal.db")))
    wanted = Wanted(badges=badges, least_proof="sun")
    return for_unit(wanted, unit.name, public, SiteKeys(MASTER))


def _await_config(unit: str, said: "Queue[MQTTMessage]", version: int) -> None:
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        message = said.get(timeout=WAIT_S)
        if message.topic != topics.state(unit) or not message.payload:
            continue
        if codec.decode(bytes(message.payload), State).config == version:
            return
    raise RuntimeError(f"{unit} does not take configuration {version} within {WAIT_S:.0f} s")


def _tap(unit: Unit, nfc: Pn532Twin, uid: str) -> None:
    """A card that proves itself by its SUN message, so that all its ciphers are in memory."""
    contents = Ntag424(bytes.fromhex(uid), list(card_keys(MASTER, uid).slots))
    file, sdm = sun_template("https://patrol.example/t")
    contents.files[2][: len(file)] = file
    contents.settings[2] = wanted_settings(sdm)
    trace = Trace(unit.trace)
    presented_ns = nfc.present(Card(contents.uid, SENS_RES, SAK, ATS, contents))
    if trace.beep_after(presented_ns, WAIT_S) is None:
        raise RuntimeError(f"{unit.name} does not beep for a card with keys")
    nfc.remove()
    trace.until_silent()
    trace.close()
