"""The keys of a small city: an authority of its own, the gateway's, and papers for its units."""

import time
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from device.papers import Papers, lay
from gateway.fleet.certificates import LOCAL, certify, new_issuer, revocation_list
from gateway.fleet.folder import KeyFolder, Private
from gateway.ingest.registry import keep
from gateway.store.open import Store
from wire.certificates import Authority, Purpose
from wire.keys import KeySigner
from wire.topics import GATEWAY

DAYS = 30


class CityKeys:
    """Lays the gateway's keys into `folder`, and gives units theirs."""

    def __init__(self, folder: Path) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._issuer = new_issuer("simulated city", now_ms)
        self._made: list[bytes] = []
        self.folder = KeyFolder(folder)
        self.folder.put_key("ca", self._issuer.key)
        self.folder.put_certificate("ca", self._issuer.certificate)
        self.folder.put_revocations(revocation_list(self._issuer, (), 1))
        curve = ec.SECP256R1()
        self._put("broker", "broker", ec.generate_private_key(curve), "serve", LOCAL)
        self._put("gateway", GATEWAY, ec.generate_private_key(curve), "log-in")
        self._put("signing", GATEWAY, Ed25519PrivateKey.generate(), "sign")

    def _put(
        self, file: str, name: str, key: Private, purpose: Purpose, hosts: Iterable[str] = ()
    ) -> None:
        now_ms = time.time_ns() // 1_000_000
        made = certify(self._issuer, name, key.public_key(), purpose, now_ms, DAYS, hosts)
        self.folder.put_key(file, key)
        self.folder.put_certificate(file, made)

    @property
    def authority_pem(self) -> bytes:
        """The authority's own certificate."""
        return self._issuer.certificate.public_bytes(Encoding.PEM)

    def enrol(self, unit: str, folder: Path) -> None:
        """Gives `unit` its papers, as `device.papers` reads them from `folder`."""
        key, certificate = self._make(unit)
        lay(folder, key, certificate.public_bytes(Encoding.PEM), self.authority_pem)

    def papers(self, unit: str, folder: Path) -> Papers:
        """`unit`'s papers, laid into `folder` and read from there."""
        self.enrol(unit, folder)
        papers = Papers(unit, folder)
        papers.load()
        return papers

    def signer(self, unit: str) -> KeySigner:
        """A key of `unit`; stores learn of it by `introduce`."""
        key, certificate = self._make(unit)
        self._made.append(certificate.public_bytes(Encoding.DER))
        return KeySigner(key)

    def introduce(self, store: Store) -> None:
        """Lets `store` know the keys of all signers, as if their units had greeted."""
        authority, now_ms = Authority(self.authority_pem), time.time_ns() // 1_000_000
        with store.changing() as connection:
            for der in self._made:
                keep(connection, authority.read(der, "log-in"), now_ms)

    def _make(self, unit: str) -> tuple[Ed25519PrivateKey, x509.Certificate]:
        key, now_ms = Ed25519PrivateKey.generate(), time.time_ns() // 1_000_000
        return key, certify(self._issuer, unit, key.public_key(), "log-in", now_ms, DAYS)
