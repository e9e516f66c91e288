"""A site under attack: its broker over TLS, a second one that lets everybody do everything, and three boxes.

`cp-1` is honest and at the good broker, `cp-2` honest and at the bad one, `cp-9` is in wrong hands: its key
and certificate are the adversary's. The gateway listens at both brokers.
"""

import json
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from device.papers import Papers, lay
from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.certificates import certify
from gateway.fleet.folder import KeyFolder
from gateway.fleet.roll import enter
from gateway.fleet.visitor import Visitor
from gateway.keys import GatewayKeys
from gateway.lookup import Wanted, found_records, unit_rows
from gateway.site import lay_out
from gateway.store.open import open_store
from hardware.pn532.twin import Pn532Twin
from sim.broker import Broker, SiteBroker, free_ports
from sim.city import wait_for
from sim.program import Program
from sim.tapper import Tapper

WAIT_S = 60.0
BEEP_S = 30.0
PAUSE_S = 0.2


class Box:
    """A checkpoint unit with a simulated reader and camera; it is not started yet."""

    def __init__(self, folder, name, host, port, tls, seed):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.identity, self.log = self.folder / "identity", self.folder / "log.txt"
        toml, trace, reader = (self.folder / one for one in ("device.toml", "trace", "nfc"))
        trace.touch()
        toml.write_text(
            f'[unit]\nid = "{name}"\nrole = "checkpoint"\n[[broker]]\nhost = "{host}"\nport = {port}\n'
            f'tls = {str(tls).lower()}\n[journal]\npath = "journal.db"\n[nfc]\nport = "{reader}"\n'
            f'[panel]\nkind = "sim"\ntrace = "{trace}"\n'
            '[camera]\nkind = "sim"\nwidth = 320\nheight = 240\n'
        )
        self.journal = self.folder / "journal.db"
        self.reader = Pn532Twin(reader)
        self.tapper = Tapper(name, self.reader, trace, seed)
        self.program = Program(["device", "run", "--config", str(toml)], self.log)

    def tap(self):
        """A tap, which must beep."""
        made = self.tapper.tap(self.tapper.new_badge(), BEEP_S)
        assert made.beep_ns is not None, f"no beep at {self.name} within {BEEP_S} s"
        return made.uid

    def close(self):
        self.program.stop()
        self.tapper.close()
        self.reader.stop()


class Siege:
    """Use `with`: all processes end with it."""

    def __init__(self, folder):
        self.folder, site = folder, folder / "site"
        (folder / "bad").mkdir()
        self.bad = Broker(folder / "bad")
        lay_out(site, port=free_ports(3))
        self.toml = site / "gateway.toml"
        with self.toml.open("a") as file:
            file.write(f'\n[[broker]]\nhost = "127.0.0.1"\nport = {self.bad.port}\ntls = false\n')
        self.config = load(self.toml)
        self.store = open_store(self.config.store.url)
        self.keys = KeyFolder(Path(self.config.keys.folder))
        self.gateway_keys = GatewayKeys(self.keys.path)
        self.broker = SiteBroker(self.toml)
        log = folder / "gateway.log"
        self.gateway = Program(["gateway", "run", "--config", str(self.toml)], log)
        self.honest = self._box("cp-1", self.broker.port, True, 1)
        self.other = self._box("cp-2", self.bad.port, False, 2)
        self.thief = self._papers("cp-9", folder / "cp-9")
        self.stranger = Visitor("stranger", None)
        self._end, self._taps = threading.Event(), threading.Thread(target=self._officers)

    def _box(self, name, port, tls, seed):
        box = Box(self.folder, name, "127.0.0.1", port, tls, seed)
        self._papers(name, box.identity)
        return box

    def _papers(self, name, folder):
        key, at_ms = Ed25519PrivateKey.generate(), now_ms()
        made = certify(self.keys.issuer(), name, key.public_key(), "log-in", at_ms, 30)
        with self.store.changing() as connection:
            enter(connection, made, at_ms)
        authority = (self.keys.path / "ca.crt").read_bytes()
        lay(folder, key, made.public_bytes(Encoding.PEM), authority)
        papers = Papers(name, folder)
        papers.load()
        return papers

    def _officers(self):
        while not self._end.is_set():
            self.honest.tapper.tap(self.honest.tapper.new_badge(), BEEP_S)
            self._end.wait(PAUSE_S)

    def __enter__(self):
        """`cp-2` has a backlog when it first meets the gateway: one batch of several records."""
        try:
            self.bad.start()
            self.broker.start()
            self._stranger = self.stranger.inside("127.0.0.1", self.bad.port)
            self._stranger.__enter__()
            self.stranger.listen("#")
            self.other.program.start()
            self.honest.program.start()
            for _ in range(3):
                self.other.tap()
            self._taps.start()
            self.gateway.start()
            assert wait_for(lambda: self.online("cp-1") and self.online("cp-2"), WAIT_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.go_home()
        for box in (self.honest, self.other):
            box.close()
        self.gateway.stop()
        self.stranger.client.disconnect()
        self.stranger.client.loop_stop()
        self.broker.stop()
        self.bad.stop()
        self.store.close()

    def go_home(self):
        """Nobody taps at `cp-1` any more."""
        self._end.set()
        if self._taps.ident is not None:
            self._taps.join(BEEP_S + 10)

    # Looking

    def online(self, unit):
        return any(row.unit == unit and row.online for row in unit_rows(self.store, now_ms()))

    def committed(self, unit, kind):
        """The records of a kind, decoded."""
        found = found_records(self.store, Wanted(unit=unit, kind=kind))
        return [json.loads(bytes(row["record"])) for row in found]

    def heard(self, topic):
        """What passed the bad broker on this topic, oldest first."""
        return [payload for where, payload in list(self.stranger.came) if where == topic]
