"""Tries a running broker as an attacker would, one attempt a line: each must be turned away.

What a broker forbids it need not refuse: mosquitto takes a forbidden publish and passes it on to nobody. So
each attempt is followed by something permitted on the same way, and only what overtakes nobody counts as seen.
"""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from gateway.config import BrokerSection, GatewayConfig
from gateway.fleet.broker_files import MAX_PACKET_BYTES
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.certificates import Issuer, certify, new_issuer
from gateway.fleet.folder import KeyFolder, tls_context
from gateway.fleet.roll import Asked, issue, strike_out_one
from gateway.fleet.visitor import ANSWER_S, TurnedAway, Visitor
from gateway.store.open import Store
from wire import topics
from wire.words import Fault, Words

ONE, OTHER = "broker-check-1", "broker-check-2"
"""Two units that exist for the time of the check only."""

MARK = b"broker check"


class Attempt(Struct, frozen=True):
    """What was tried, whether the broker held, and what was seen."""

    what: Words
    held: bool
    seen: str


class _Papers(Struct, frozen=True):
    """Contexts by who shows what."""

    none: ssl.SSLContext
    one: ssl.SSLContext
    other: ssl.SSLContext
    over: ssl.SSLContext
    stranger: ssl.SSLContext
    signing: ssl.SSLContext
    server: ssl.SSLContext
    old: ssl.SSLContext


def attempts(config: GatewayConfig, store: Store) -> Iterator[Attempt]:
    """Tries the first broker of the configuration. Raises `Fault` where nothing can be tried.

    It makes certificates that are good for a day at most, takes them into the roll, and revokes them there at its end:
    the authority, which is at work meanwhile, puts out at once whoever bears a revoked one.
    """
    broker, folder = config.broker[0], KeyFolder(Path(config.keys.folder))
    issued: list[x509.Certificate] = []
    with TemporaryDirectory(prefix="xunkong-check-") as made:
        try:
            papers = _papers(Path(made), folder, store, issued)
            yield from _Door(broker, config, papers, folder.login).attempts()
        except TurnedAway as exc:
            raise Fault(
                f"broker {broker.host} 不接受有效证书：{exc}；请检查它是否以生成的配置运行",
                f"broker {broker.host} does not take valid certificates: {exc}; see that it runs with the "
                "configuration that was made for it",
            ) from exc
        finally:
            with store.changing() as connection:
                for certificate in issued:
                    strike_out_one(connection, certificate, "broker check", now_ms())


class _Door:
    def __init__(
        self,
        broker: BrokerSection,
        config: GatewayConfig,
        papers: _Papers,
        login: Callable[[], ssl.SSLContext],
    ) -> None:
        self._host, self._gateway_port = broker.host, broker.port
        self._port, self._enrol = config.mosquitto.units_port, config.mosquitto.enrol_port
        self._papers, self._login = papers, login

    def attempts(self) -> Iterator[Attempt]:
        """Raises `TurnedAway` where what is permitted is not: a broker that turns everybody away proves nothing."""
        papers = self._papers
        with self._gateway(), self._unit(ONE, papers.one):
            pass
        shut = (
            ("明文 TCP", "plain TCP", None),
            ("不出示证书", "no certificate", papers.none),
            ("其他 CA 的证书", "a certificate of an unknown authority", papers.stranger),
            ("过期证书", "a certificate that is over", papers.over),
            ("用签名证书登录", "the signing certificate, to log in", papers.signing),
            ("用服务器证书登录", "the server's certificate, to log in", papers.server),
        )
        for zh, en, tls in shut:
            yield self._shut(Words(zh, en), tls)
        yield self._old_tls()
        yield self._no_code()
        yield self._writes()
        yield self._wills()
        yield self._reads(topics.all_down(OTHER))
        yield self._reads("#")
        yield self._takes_over()
        yield self._oversize()

    def _gateway(self) -> AbstractContextManager[Visitor]:
        return Visitor("gw-broker-check", self._login()).inside(self._host, self._gateway_port)

    def _unit(self, name: str, tls: ssl.SSLContext) -> AbstractContextManager[Visitor]:
        return Visitor(name, tls).inside(self._host, self._port)

    def _shut(self, what: Words, tls: ssl.SSLContext | None) -> Attempt:
        return self._turned_away(what, Visitor(ONE, tls), self._port)

    def _turned_away(self, what: Words, visitor: Visitor, port: int) -> Attempt:
        try:
            with visitor.inside(self._host, port):
                return Attempt(what, False, "let in")
        except TurnedAway as exc:
            return Attempt(what, True, str(exc))

    def _old_tls(self) -> Attempt:
        what = Words("TLS 1.1", "TLS 1.1")
        try:
            with (
                socket.create_connection((self._host, self._port), ANSWER_S) as plain,
                self._papers.old.wrap_socket(plain, server_hostname=self._host) as wrapped,
            ):
                return Attempt(what, False, f"let in with {wrapped.version()}")
        except OSError as exc:
            return Attempt(what, True, str(exc))

    def _no_code(self) -> Attempt:
        visitor = Visitor(ONE, self._papers.none)
        visitor.client.username_pw_set(ONE, "0" * 64)
        what = Words("注册端口：错误的注册码", "where certificates are given: a wrong code")
        return self._turned_away(what, visitor, self._enrol)

    def _writes(self) -> Attempt:
        what = Words("写入其他单元的主题", "to write on another unit's topic")
        with self._gateway() as gateway, self._unit(ONE, self._papers.one) as one:
            gateway.listen(topics.ALL_UP)
            one.say(_up(OTHER), MARK)
            return self._only_own(what, gateway, one)

    def _wills(self) -> Attempt:
        what = Words("在其他单元的主题上留遗嘱", "a last will on another unit's topic")
        visitor = Visitor(ONE, self._papers.one)
        visitor.client.will_set(_up(OTHER), MARK, 1)
        with self._gateway() as gateway:
            gateway.listen(topics.ALL_UP)
            try:
                with visitor.inside(self._host, self._port), self._unit(ONE, self._papers.one):
                    visitor.gone.wait(ANSWER_S)
            except TurnedAway as exc:
                return Attempt(what, True, str(exc))
            with self._unit(ONE, self._papers.one) as one:
                return self._only_own(what, gateway, one)

    def _only_own(self, what: Words, gateway: Visitor, one: Visitor) -> Attempt:
        """Whether what `one` says after the attempt comes, and of the attempt nothing."""
        one.say(_up(ONE), MARK)
        if not gateway.heard(_up(ONE), MARK):
            return Attempt(what, False, "what is permitted does not come through either")
        broken = (_up(OTHER), MARK) in gateway.came
        return Attempt(what, not broken, "passed on" if broken else "passed on to nobody")

    def _reads(self, asked: str) -> Attempt:
        what = Words(f"订阅 {asked}", f"to subscribe to {asked}")
        with self._gateway() as gateway, self._unit(ONE, self._papers.one) as one:
            one.listen(topics.all_down(ONE))
            one.listen(asked)
            gateway.say(_down(OTHER), MARK)
            gateway.say(_down(ONE), MARK)
            if not one.heard(_down(ONE), MARK):
                return Attempt(what, False, "what is permitted does not come through either")
            broken = (_down(OTHER), MARK) in one.came
        return Attempt(
            what, not broken, "delivered" if broken else "granted, and nothing delivered"
        )

    def _takes_over(self) -> Attempt:
        what = Words("冒用其他单元的客户端标识", "another unit's client id, to end its session")
        with self._unit(OTHER, self._papers.other) as other, self._unit(OTHER, self._papers.one):
            held = other.say(_up(OTHER), MARK) and not other.gone.is_set()
        return Attempt(what, held, "its session goes on" if held else "its session was ended")

    def _oversize(self) -> Attempt:
        what = Words(
            f"超过 {MAX_PACKET_BYTES} 字节的消息", f"more than {MAX_PACKET_BYTES} bytes at once"
        )
        with self._gateway() as gateway, self._unit(ONE, self._papers.one) as one:
            gateway.listen(topics.ALL_UP)
            one.client.publish(_up(ONE), bytes(MAX_PACKET_BYTES), 1)
            ended = one.gone.wait(ANSWER_S)
            passed = any(len(payload) == MAX_PACKET_BYTES for _, payload in gateway.came)
        held = ended and not passed
        return Attempt(what, held, "connection ended" if held else "taken")


def _up(unit: str) -> str:
    return f"{topics.ROOT}/{unit}/up/check"


def _down(unit: str) -> str:
    return f"{topics.ROOT}/{unit}/down/check"


def _papers(made: Path, folder: KeyFolder, store: Store, issued: list[x509.Certificate]) -> _Papers:
    """What the site's authority made of them is in `issued`."""
    own, strange = folder.issuer(), new_issuer("Xunkong stranger", now_ms())
    trusted = folder.path / "ca.crt"

    def shown(issuer: Issuer, name: str, days: int) -> ssl.SSLContext:
        at_ms, key = now_ms(), Ed25519PrivateKey.generate()
        asked = Asked(name, key.public_key(), "log-in", days)
        if issuer is own:
            with store.changing() as connection:
                certificate = issue(connection, own, asked, at_ms)
            issued.append(certificate)
        else:
            certificate = certify(issuer, name, asked.public, asked.purpose, at_ms, days)
        papers = KeyFolder(made)
        papers.put_key("shown", key)
        papers.put_certificate("shown", certificate)
        return tls_context(trusted, made / "shown.crt", made / "shown.key")

    return _Papers(
        none=tls_context(trusted, None, None),
        one=shown(own, ONE, 1),
        other=shown(own, OTHER, 1),
        over=shown(own, ONE, -1),
        stranger=shown(strange, ONE, 1),
        signing=tls_context(trusted, folder.path / "signing.crt", folder.path / "signing.key"),
        server=tls_context(trusted, folder.path / "broker.crt", folder.path / "broker.key"),
        old=_old(tls_context(trusted, folder.path / "gateway.crt", folder.path / "gateway.key")),
    )


def _old(context: ssl.SSLContext) -> ssl.SSLContext:
    """Speaks nothing newer than TLS 1.1, and does not shrink back from it itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context
