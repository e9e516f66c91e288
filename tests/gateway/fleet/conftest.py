"""What the tests of the fleet share: a site of their own, its mosquitto over TLS, and units that come to it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.certificates import certify
from gateway.fleet.folder import KeyFolder, tls_context
from gateway.fleet.roll import enter
from gateway.fleet.visitor import Visitor
from gateway.site import lay_out
from sim.broker import SiteBroker, find_mosquitto, free_ports


class Site:
    """A site as `gateway init` makes it, and what a test asks of it."""

    def __init__(self, folder):
        self.folder = folder
        self.toml = folder / "gateway.toml"
        lay_out(folder, port=free_ports(3))
        self.config = load(self.toml)
        self.keys = KeyFolder(Path(self.config.keys.folder))

    def unit(self, store, name, days=30, issuer=None, purpose="log-in"):
        """Papers of a unit, entered in the roll; its TLS context, key and certificate."""
        key, at_ms = Ed25519PrivateKey.generate(), now_ms()
        made = certify(issuer or self.keys.issuer(), name, key.public_key(), purpose, at_ms, days)
        if issuer is None:
            with store.changing() as connection:
                enter(connection, made, at_ms)
        papers = KeyFolder(self.folder / "units")
        papers.put_key(name, key)
        papers.put_certificate(name, made)
        crt, pem = papers.path / f"{name}.crt", papers.path / f"{name}.key"
        return tls_context(self.keys.path / "ca.crt", crt, pem), key, made

    def visit(self, name, tls):
        """`name` at the units' door."""
        return Visitor(name, tls).inside("127.0.0.1", self.config.mosquitto.units_port)

    def gateway(self):
        """The gateway at its own door."""
        visitor = Visitor("gw-test", self.keys.login())
        return visitor.inside("127.0.0.1", self.config.mosquitto.gateway_port)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture
def site_store(site, opened):
    return opened(site.config.store.url)


@pytest.fixture
def broker(site):
    """The site's mosquitto, running."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    running = SiteBroker(site.toml).start()
    yield running
    running.stop()
