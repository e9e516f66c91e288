"""A unit without a certificate that counts gets one: for a one-time code, or by files that somebody carries.

It comes to the broker's door for this alone, by name and a hash of the code, over TLS whose server the site's
authority made; the private key is made here and stays. What comes back proves itself by the authority's
signature, so it is no matter who brings it.
"""

import shutil
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from device.link.bounded import BoundedClient
from device.link.mqtt import Broker
from device.next_papers import NextPapers
from device.papers import AUTHORITY, NO_CHECK_TIME
from wire import codec, topics
from wire.batch import BadPayload
from wire.certificates import Authority, BadCertificate, Certificate
from wire.codes import meant, password, proof, proof_key
from wire.orders import CertGrant, CertRequest
from wire.words import Fault

CONNECT_S = 10.0
AGAIN_S = 5.0
ANSWER_S = 60.0


class Enrolment:
    """Of `unit`, whose papers lie in `folder`."""

    def __init__(self, unit: str, folder: Path) -> None:
        self._unit, self._folder = unit, folder
        self._next = NextPapers(unit, folder)

    def trust(self, authority: Path) -> None:
        """Takes the site's authority from a file that came with the unit. Raises `Fault`."""
        try:
            Authority(authority.read_bytes())
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(authority, self._folder / AUTHORITY)
        except (OSError, BadCertificate) as exc:
            raise Fault(
                f"{authority} 不能用作证书机构的证书：{exc}；请从网关的 keys/ca.crt 复制",
                f"{authority} is no certificate of an authority: {exc}; copy keys/ca.crt from the gateway",
            ) from exc

    def request(self, to: Path) -> None:
        """Writes the signing request, to be carried to the authority. Raises `Fault`."""
        try:
            to.write_text(self._next.request(), "ascii")
        except OSError as exc:
            raise Fault(
                f"无法写入 {to}：{exc.strerror}", f"cannot write {to}: {exc.strerror}"
            ) from exc

    def take(self, certificate: Path) -> Certificate:
        """Puts the certificate in use that was carried back (PEM). Raises `Fault`."""
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            read = self._authority().read(found.public_bytes(Encoding.DER), "log-in")
        except (OSError, ValueError) as exc:
            raise Fault(
                f"{certificate} 不能使用：{exc}；请重新签发",
                f"{certificate} cannot be used: {exc}; have it made anew",
            ) from exc
        self._next.lay(read)
        return read

    def by_code(self, typed: str, brokers: Sequence[Broker], port: int | None) -> Certificate:
        """Asks at each broker in turn until one answers. `port` None: the one above the units'. Raises `Fault`."""
        code = meant(typed)
        if code is None:
            raise Fault(
                "注册码应为 20 个字母和数字，如 xunkong gateway ca code 所示",
                "a code has 20 letters and digits, as xunkong gateway ca code shows it",
            )
        self._authority()
        why = "no broker"
        for broker in brokers:
            at = Broker(broker.host, port or broker.port + 1)
            try:
                text = _Asking(self._unit, at, code, self._next.request()).answer(self._tls())
            except _NoAnswer as exc:
                why = f"{at}: {exc}"
                continue
            self._next.take(text)
            return self._authority().read_text(text, "log-in")
        raise Fault(
            f"没有领到证书：{why}；请检查 broker 地址、网关是否运行、注册码是否仍有效；若单元程序正在运行，先停止它",
            f"got no certificate: {why}; check the broker's address, that the gateway runs, and that the "
            "code is still good; if the unit itself is running, stop it first",
        )

    def _authority(self) -> Authority:
        path = self._folder / AUTHORITY
        try:
            return Authority(path.read_bytes())
        except (OSError, BadCertificate) as exc:
            raise Fault(
                f"没有证书机构的证书 {path}：请从网关复制 keys/ca.crt，并用 --ca 给出",
                f"there is no certificate of the authority, {path}: copy keys/ca.crt from the gateway, "
                "and give it by --ca",
            ) from exc

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._folder / AUTHORITY))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        return context


class _NoAnswer(Exception):
    """This broker brought no certificate; the text says why."""


class _Asking:
    """One connection, made to ask."""

    def __init__(self, unit: str, broker: Broker, code: str, csr: str) -> None:
        self._broker = broker
        self._topic, self._answers = topics.csr(unit), topics.cert(unit)
        self._message = codec.encode(CertRequest(1, csr, proof(proof_key(code), csr)))
        self._over = threading.Event()
        self._cert: str | None = None
        self._why = "no answer"
        self._client = BoundedClient(
            CallbackAPIVersion.VERSION2, client_id=unit, reconnect_on_failure=False
        )
        self._client.connect_timeout = CONNECT_S
        self._client.username_pw_set(unit, password(code))
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._ask
        self._client.on_message = self._heard
        self._client.on_disconnect = self._ended

    def answer(self, tls: ssl.SSLContext) -> str:
        """The certificate (DER, base64), not checked yet. Raises `_NoAnswer`."""
        self._client.tls_set_context(tls)
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except (OSError, ValueError) as exc:
            raise _NoAnswer(str(exc)) from exc
        self._client.loop_start()
        try:
            for _ in range(int(ANSWER_S / AGAIN_S)):
                if self._over.wait(AGAIN_S):
                    break
                self._ask()
        finally:
            self._client.disconnect()
            self._client.loop_stop()
            self._client._reset_sockets()  # which wake it; paho leaves them to chance
        if self._cert is None:
            raise _NoAnswer(self._why)
        return self._cert

    # paho's thread; `_ask` is called by both

    def _connected(self, client: Client, _: Any, flags: Any, code: ReasonCode, props: Any) -> None:
        del flags, props
        if code.is_failure:
            self._why = f"{code}: the code is wrong, used, or over"
            self._over.set()
            return
        client.subscribe(self._answers, 1)

    def _ask(self, *_: Any) -> None:
        self._client.publish(self._topic, self._message, 1)

    def _heard(self, client: Client, _: Any, message: MQTTMessage) -> None:
        del client
        try:
            granted = codec.decode(bytes(message.payload), CertGrant)
        except BadPayload as exc:
            self._why = f"unreadable answer: {exc}"
            return
        self._cert, self._why = granted.cert, granted.refused or "no answer"
        self._over.set()

    def _ended(self, client: Client, _: Any, flags: Any, code: ReasonCode, props: Any) -> None:
        del client, flags, props
        if not self._over.is_set():
            self._why = str(code)
        self._over.set()
