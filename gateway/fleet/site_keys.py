"""The site's own keys: made with the site, made anew by hand, and their certificates renewed before they end."""

import secrets
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from gateway.fleet.certificates import LOCAL, Issuer, end_ms, new_issuer, revocation_list
from gateway.fleet.folder import KeyFolder, Private
from gateway.fleet.roll import Asked, issue
from gateway.store.open import Store
from wire.certificates import Purpose, is_ageing
from wire.topics import GATEWAY


class Own(Struct, frozen=True):
    """One of the site's own keys: what it is for, and its kind."""

    purpose: Purpose
    signs: bool = False

    def new_key(self) -> Private:
        """P-256 for TLS, which browsers take too; Ed25519 for signatures."""
        if self.signs:
            return Ed25519PrivateKey.generate()
        return ec.generate_private_key(ec.SECP256R1())


BROKER = "Broker"
"""A common name that no unit can bear; where it serves says the certificate's list of names."""

OWN = {"broker": Own("serve"), "gateway": Own("log-in"), "signing": Own("sign", signs=True)}


def make_site(
    folder: KeyFolder, store: Store, hosts: Iterable[str], days: int, now_ms: int
) -> None:
    """Makes the authority and all keys of a new site; its brokers answer at `hosts`."""
    issuer = new_issuer(f"Xunkong site {secrets.token_hex(4)}", now_ms)
    folder.put_key("ca", issuer.key)
    folder.put_certificate("ca", issuer.certificate)
    folder.put_revocations(revocation_list(issuer, (), 1))
    for name in OWN:
        _make(folder, store, issuer, name, list(hosts), days, now_ms)


def _make(
    folder: KeyFolder,
    store: Store,
    issuer: Issuer,
    name: str,
    hosts: list[str],
    days: int,
    now_ms: int,
    key: Private | None = None,
) -> x509.Certificate:
    own, fresh = OWN[name], key is None
    key = key or own.new_key()
    served = [*hosts, *LOCAL] if own.purpose == "serve" else []
    subject = BROKER if served else GATEWAY
    with store.changing() as connection:
        asked = Asked(subject, key.public_key(), own.purpose, days, served)
        made = issue(connection, issuer, asked, now_ms)
    if fresh:
        folder.put_key(name, key)
    folder.put_certificate(name, made)
    return made


def renew(
    folder: KeyFolder,
    store: Store,
    name: str,
    days: int,
    now_ms: int,
    hosts: Iterable[str] = (),
    keep_key: bool = False,
) -> x509.Certificate:
    """A new certificate for `name`, and a new key unless `keep_key`; a broker's names stay, `hosts` come to them.

    The old certificates stay in the roll, so that what the old key signed can still be checked.
    """
    held = folder.certificate(name)
    names = [*hosts, *_hosts(held)] if OWN[name].purpose == "serve" else []
    key = folder.key(name) if keep_key else None
    return _make(folder, store, folder.issuer(), name, names, days, now_ms, key)


def _hosts(held: x509.Certificate) -> list[str]:
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def ageing(folder: KeyFolder, now_ms: int) -> list[str]:
    """Which of the site's own certificates have two thirds of their time behind them."""
    held = ((name, folder.certificate(name)) for name in OWN)
    return [name for name, one in held if is_ageing(one.serial_number, end_ms(one), now_ms)]
