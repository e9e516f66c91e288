"""Whom the unit believes: the gateway's signing key, by the newest certificate that the site's authority made."""

from collections.abc import Callable

from wire.batch import BadPayload
from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import holds
from wire.topics import GATEWAY
from wire.words import Fault


class GatewayTrust:
    """Keeps the gateway's certificate. Only the main thread may touch it."""

    def __init__(self, authority: Callable[[], Authority], held: str | None) -> None:
        """`held`: the certificate that `admit` took last, in a run before; None: none yet."""
        self._authority = authority
        self._held: Certificate | None = None
        self._text: str | None = None
        self._remembered = held

    def admit(self, text: str) -> bool:
        """Takes the certificate that a worker of the gateway shows (DER, base64).

        True if it is new, and to be kept. Raises `BadPayload` for one that the authority did not make for
        this, or that is older than the one held: its key was replaced.
        """
        self._recall()
        if text == self._text:
            return False
        found = self._read(text)
        if self._held and found.serial < self._held.serial:
            raise BadPayload("the gateway's certificate is older than the one that is known")
        self._held, self._text = found, text
        return True

    def check(self, signer: str, text: bytes, kid: str | None, sig: str | None) -> str | None:
        """Why this signature of the gateway does not hold; None when it does."""
        del signer
        self._recall()
        if kid is None or sig is None:
            return "it is not signed"
        if self._held is None:
            return "the gateway's certificate is not known yet"
        if kid != self._held.kid:
            return f"signed with key {kid}, which is not the gateway's"
        return None if holds(self._held.public, text, sig) else "its signature does not hold"

    def _recall(self) -> None:
        """The remembered certificate, as soon as the authority that made it is there."""
        remembered, self._remembered = self._remembered, None
        if remembered is None:
            return
        try:
            self._held, self._text = self._read(remembered), remembered
        except BadPayload:
            return

    def _read(self, text: str) -> Certificate:
        try:
            found = self._authority().read_text(text, "sign")
        except (BadCertificate, Fault) as exc:
            raise BadPayload(f"the gateway's certificate: {exc}") from exc
        if found.name != GATEWAY:
            raise BadPayload(f"the gateway's certificate is made for {found.name}")
        return found
