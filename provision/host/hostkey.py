"""A machine's host key: asked about once, at the first contact; known from then on, and refused when it changes."""

import base64
import hashlib
import socket
from collections.abc import Callable
from pathlib import Path

from paramiko import HostKeys, PKey, SSHException, Transport

from wire.words import Fault, Words

CONNECT_S = 10.0


def fingerprint(key: PKey) -> str:
    """As `ssh-keygen -l` shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def check_host_key(
    host: str,
    port: int,
    known_hosts: Path,
    agreed: Callable[[Words, str], bool],
    option: str = "--host-key",
) -> None:
    """Makes the host known, if it is not and `agreed` says yes to the question and fingerprint. Raises `Fault`,
    which names the `option` that gives the fingerprint.

    A host that is known is not looked at here: the connection itself refuses one whose key is another.
    """
    path = known_hosts.expanduser()
    name = host if port == 22 else f"[{host}]:{port}"
    if _known(path, name):
        return
    key = _shown(host, port)
    shown = fingerprint(key)
    question = Words(
        f"首次连接 {name}，其主机密钥为 {key.get_name()} {shown}。信任吗？",
        f"first contact with {name}; its host key is {key.get_name()} {shown}. Trust it?",
    )
    if not agreed(question, shown):
        raise Fault(
            f"{name} 的主机密钥未被信任；核对指纹后再次运行，或用 {option} {shown} 给出",
            f"the host key of {name} was not trusted; compare it and run again, or give {option} {shown}",
        )
    _remember(path, name, key)


def _known(path: Path, name: str) -> bool:
    try:
        return HostKeys(str(path)).lookup(name) is not None
    except FileNotFoundError:
        return False
    except (OSError, SSHException) as exc:
        raise Fault(f"无法读取 {path}：{exc}", f"cannot read {path}: {exc}") from exc


def _shown(host: str, port: int) -> PKey:
    try:
        with socket.create_connection((host, port), CONNECT_S) as line:
            transport = Transport(line)
            try:
                transport.start_client(timeout=CONNECT_S)
                return transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, EOFError, SSHException) as exc:
        raise Fault(
            f"连接不上 {host} 端口 {port}：{exc}；请检查地址、网络，以及 SSH 是否已启用",
            f"cannot reach {host} port {port}: {exc}; check address and network, and that SSH is on",
        ) from exc


def _remember(path: Path, name: str, key: PKey) -> None:
    line = f"{name} {key.get_name()} {key.get_base64()}\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(line)
    except OSError as exc:
        raise Fault(
            f"无法写入 {path}：{exc.strerror}", f"cannot write {path}: {exc.strerror}"
        ) from exc
