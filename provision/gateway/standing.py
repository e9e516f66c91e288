"""A site that stands: what its own files say of it, and what a later command line asks beside them.

Its files are its owner's: no run changes them, so a run that asks for something else is refused before it begins.
"""

import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from cryptography import x509
from msgspec import Struct

from provision.gateway.job import CONFIG, KEPT, GatewayJob, GatewayWish
from provision.host.machine import quoted
from wire.words import Fault

BROKER_CRT = f"{KEPT}/keys/broker.crt"
SQLITE = "sqlite:///"
RENEW = f"sudo xunkong gateway ca renew broker --keep-key --host NAME --config {CONFIG}"


class Standing(Struct, frozen=True):
    """What the site is by its own files. `port`: of the units, `enrol_port`: where they get certificates.

    `hosts`: the names and addresses in its broker's certificate; `platforms`: where check-ins go (URLs); `store`: its
    file; None: no SQLite.
    """

    zone: str
    port: int
    enrol_port: int
    platforms: tuple[str, ...]
    hosts: tuple[str, ...]
    store: str | None


def standing(job: GatewayJob) -> Standing | None:
    """The site on the machine; None: no configuration there. Raises `Fault` for a damaged file."""
    answer = job.machine.ask(f"cat {CONFIG}")
    if not answer.good or not answer.out:
        return None
    try:
        return _read(tomllib.loads(answer.out), _names(job.machine.ask(f"cat {BROKER_CRT}").out))
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise Fault(f"{CONFIG} 有误：{exc}；请改正", f"{CONFIG}: {exc}; mend it") from exc


def _read(table: dict[str, Any], hosts: tuple[str, ...]) -> Standing:
    broker = table.get("mosquitto", {})
    return Standing(
        zone=str(table.get("site", {}).get("zone", "Asia/Shanghai")),
        port=int(broker.get("units_port", 8883)),
        enrol_port=int(broker.get("enrol_port", 8884)),
        platforms=tuple(str(sink["url"]) for sink in table.get("sink", []) if "url" in sink),
        hosts=hosts,
        store=_file(str(table.get("store", {}).get("url", ""))),
    )


def _file(url: str) -> str | None:
    path = url.removeprefix(SQLITE).partition("?")[0]
    return str(PurePosixPath(CONFIG).parent / path) if url.startswith(SQLITE) and path else None


def _names(pem: str) -> tuple[str, ...]:
    """Of a certificate; none where there is none."""
    if not pem:
        return ()
    held = x509.load_pem_x509_certificate(pem.encode())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in names)


def check_store(job: GatewayJob, there: Standing) -> None:
    """Raises `Fault` where its records are gone: the services would go on with none, and say nothing of it."""
    if there.store and not job.machine.ask(f"test -e {quoted(there.store)}").good:
        raise Fault(
            f"{CONFIG} 所指的 {there.store} 不存在，而站点的密钥还在：请从备份放回（xunkong gateway restore），"
            "或改正 [store] url",
            f"{there.store}, which {CONFIG} names, is not there, though the site's keys are: put it back from a "
            "backup (xunkong gateway restore), or mend [store] url",
        )


def check_asked(wish: GatewayWish, there: Standing) -> None:
    """Raises `Fault` where the command line asks in so many words for what the site isn't, all at once."""
    if asked := list(_otherwise(wish, there)):
        raise Fault(
            f"此站点已建成，以后不再由命令行改动：{'；'.join(zh for zh, _ in asked)}。"
            "请按括号内所示在网关上修改，或去掉该选项，再次运行",
            f"this site stands, and no later run changes it: {'; '.join(en for _, en in asked)}. "
            "Change it on the gateway as said in brackets, or leave the option out; then run again",
        )


def _otherwise(wish: GatewayWish, there: Standing) -> Iterator[tuple[str, str]]:
    """Each difference, in Chinese and English."""
    if "port" in wish.asked and wish.port != there.port:
        key = f"{CONFIG}: [mosquitto] units_port, enrol_port"
        yield (
            f"--port {wish.port}，而站点为 {there.port}（{key}）",
            f"--port {wish.port}, but it has {there.port} ({key})",
        )
    if "zone" in wish.asked and wish.zone != there.zone:
        key = f"{CONFIG}: [site] zone"
        yield (
            f"--zone {wish.zone}，而站点为 {there.zone}（{key}）",
            f"--zone {wish.zone}, but it has {there.zone} ({key})",
        )
    if wish.platform and wish.platform not in there.platforms:
        has = " ".join(there.platforms)
        key = f"{CONFIG}: [[sink]] url"
        yield (
            f"--platform {wish.platform}，而站点为 {has or '无'}（{key}）",
            f"--platform {wish.platform}, but it has {has or 'none'} ({key})",
        )
    missing = [host for host in wish.hosts if host not in there.hosts]
    if "hosts" in wish.asked and there.hosts and missing:
        yield (
            f"--host {' '.join(missing)}，而 broker 证书中只有 {' '.join(there.hosts)}（{RENEW}）",
            f"--host {' '.join(missing)}, but its broker's certificate has {' '.join(there.hosts)} alone ({RENEW})",
        )
