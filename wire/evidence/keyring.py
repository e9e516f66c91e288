"""Which certificates bear a key, and whether a signature by it counts for whom it speaks.

A key speaks for the name in a certificate that the site's authority made: a unit's logs are signed with a
key that logs in, the gateway's own with one that signs, and neither counts for the other.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import holds
from wire.topics import GATEWAY


class Held(Struct, frozen=True):
    """A certificate as it is kept (DER), and since when it is revoked (UTC ms; None: it is not)."""

    der: bytes
    revoked_ms: int | None = None


class Keyring:
    """Certificates by the name of their key, read once each."""

    def __init__(
        self,
        authority: Authority,
        held: Callable[[str], Iterable[Held]],
        struck: Mapping[int, int] | None = None,
    ) -> None:
        """`held`: what is kept of the key that a name names; `struck`: as `Authority.read_list` gives it."""
        self._authority, self._held, self._struck = authority, held, struck or {}
        self._read: dict[str, list[tuple[Certificate, int | None]]] = {}
        self._why: dict[str, str] = {}

    def check(
        self, unit: str, text: bytes, kid: str | None, sig: str, received_ms: int | None
    ) -> str | None:
        """Why `sig` does not prove that `unit` wrote `text`; None when it does.

        `received_ms`: when it came, as far as that is known: what came before a revocation still counts.
        """
        if kid is None:
            return "it names no key"
        bearers = self._bearers(kid)
        if not bearers:
            return f"key {kid}: {self._why.get(kid, 'no certificate here bears it')}"
        purpose = "sign" if unit == GATEWAY else "log-in"
        own = [one for one in bearers if one[0].name == unit and one[0].purpose == purpose]
        if not own:
            other = bearers[0][0]
            return f"key {kid} is that of {other.name}, made to {other.purpose}"
        if not any(_counted(revoked_ms, received_ms) for _, revoked_ms in own):
            when = " before it came" if received_ms is not None else ""
            return f"key {kid} was revoked{when}"
        return None if holds(own[0][0].public, text, sig) else "the signature is not of these bytes"

    def _bearers(self, kid: str) -> list[tuple[Certificate, int | None]]:
        if kid not in self._read:
            found = [(self._readable(one.der, kid), one.revoked_ms) for one in self._held(kid)]
            self._read[kid] = [
                (cert, self._earliest(cert, ms)) for cert, ms in found if cert and cert.kid == kid
            ]
        return self._read[kid]

    def _earliest(self, certificate: Certificate, revoked_ms: int | None) -> int | None:
        told = (revoked_ms, self._struck.get(certificate.serial))
        return min((one for one in told if one is not None), default=None)

    def _readable(self, der: bytes, kid: str) -> Certificate | None:
        try:
            return read_any(self._authority, der)
        except BadCertificate as exc:
            self._why[kid] = f"its certificate: {exc}"
            return None


def _counted(revoked_ms: int | None, received_ms: int | None) -> bool:
    return revoked_ms is None or (received_ms is not None and received_ms <= revoked_ms)


def read_any(authority: Authority, der: bytes) -> Certificate:
    """The certificate in `der`, whether it is made to log in or to sign. Raises `BadCertificate`."""
    try:
        return authority.read(der, "log-in")
    except BadCertificate as exc:
        if str(exc) != "not made to log-in":
            raise
        return authority.read(der, "sign")
