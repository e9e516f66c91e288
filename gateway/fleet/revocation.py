"""Puts a unit out at once: in the store, by a new list at the broker, and by the end of its live session.

The three are needed together: the gateway refuses what the unit signs from the first on, the broker takes no
new connection of it from the second on, and the third ends the one that it has, which a new list does not.
"""

import ssl
import threading
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import BrokerSection
from gateway.fleet.certificates import revocation_list
from gateway.fleet.folder import CRL, KeyFolder
from gateway.fleet.roll import learn, struck_out
from gateway.fleet.visitor import put_away
from gateway.store.open import Store
from wire.words import Fault

HOLD_S = 1.0
ANSWER_S = 10.0
TRIES = 5


class Away(Fault):
    """The broker could not be asked, and could not be for another unit."""


def recall_list(folder: KeyFolder, store: Store) -> None:
    """Has the store know who is out by the list that lies there: it may have been put back from an old copy.

    Raises `Fault` for a list that cannot be read, or that the site's authority did not sign.
    """
    crl = folder.revocations()
    if crl is None:
        return
    key = folder.certificate("ca").public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not crl.is_signature_valid(key):
        raise Fault(
            f"{folder.path / CRL} 不是本站点签署的吊销列表；请运行 xunkong gateway ca crl 重新签署",
            f"{folder.path / CRL} was not signed by this site; sign it anew by xunkong gateway ca crl",
        )
    with store.changing() as connection:
        learn(connection, crl)


def publish_list(folder: KeyFolder, store: Store) -> x509.CertificateRevocationList:
    """Signs the list anew: what the store knows, and what the list before knew. Raises `Fault`."""
    before = folder.revocations()
    with store.changing() as connection:
        if before is not None:
            learn(connection, before)
        crl = revocation_list(folder.issuer(), struck_out(connection), _number(before) + 1)
        folder.put_revocations(crl)
    return crl


def _number(crl: x509.CertificateRevocationList | None) -> int:
    if crl is None:
        return 0
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def end_session(broker: BrokerSection, tls: Callable[[], ssl.SSLContext], unit: str) -> None:
    """Ends the session of `unit` at `broker` by taking over its client id. Raises `Fault`, `Away` among them.

    `broker`: the gateway's own listener, where client ids are free. The id is held for `HOLD_S`: were the
    unit let in again meanwhile, it would take it back, and is put out again.
    """
    for _ in range(TRIES):
        taken = _TakeOver(broker, tls, unit)
        if taken.held():
            return
    raise Fault(
        *_not_ended(broker, unit, "it comes back again and again: the broker does not use the list")
    )


class _TakeOver:
    def __init__(self, broker: BrokerSection, tls: Callable[[], ssl.SSLContext], unit: str) -> None:
        self._broker, self._unit = broker, unit
        self._answered, self._lost = threading.Event(), threading.Event()
        self._refusal: str | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=unit,
            clean_session=True,
            reconnect_on_failure=False,
        )
        if broker.tls:
            self._client.tls_set_context(tls())
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected

    def held(self) -> bool:
        """Whether nobody took it back."""
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except (OSError, ValueError) as exc:
            raise self._away(str(exc)) from exc
        self._client.loop_start()
        try:
            if not self._answered.wait(ANSWER_S):
                raise self._away("no answer")
            if self._refusal is not None:
                raise self._away(self._refusal)
            return not self._lost.wait(HOLD_S)
        finally:
            put_away(self._client)

    def _away(self, why: str) -> Away:
        return Away(*_not_ended(self._broker, self._unit, why))

    def _connected(self, client: Client, _: Any, flags: Any, code: ReasonCode, props: Any) -> None:
        del client, flags, props
        self._refusal = str(code) if code.is_failure else None
        self._answered.set()

    def _disconnected(self, client: Client, _: Any, flags: Any, code: ReasonCode, p: Any) -> None:
        del client, flags, p
        if not self._answered.is_set():
            self._refusal = str(code)
            self._answered.set()
        self._lost.set()


def _not_ended(broker: BrokerSection, unit: str, why: str) -> tuple[str, str]:
    return (
        f"{unit} 已吊销，网关不再接收其数据；但未能在 {broker} 结束它的连接：{why}；"
        "请检查 broker 后重新运行此命令",
        f"{unit} is revoked and the gateway takes nothing from it, but its session at {broker} could not "
        f"be ended: {why}; look after the broker and run this again",
    )
