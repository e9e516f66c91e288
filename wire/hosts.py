"""By which names and addresses a machine is reached."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from wire.words import Fault

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
"""RFC 1123. Its last part is no number: what ends in one is meant as an address."""


def is_host(text: str) -> bool:
    """Whether `text` is a host's name or an IP address; one with a zone (`fe80::1%eth0`) says nothing elsewhere."""
    if _NAME.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def check_hosts(hosts: Iterable[str]) -> None:
    """Raises `Fault` for what is neither a host's name nor an address, as an option `--host`."""
    for host in hosts:
        if not is_host(host):
            raise Fault(
                f"--host {host!r} 既不是主机名也不是 IP 地址；例如 gw.example.cn 或 10.0.0.7",
                f"--host {host!r} is neither a host's name nor an address; for example gw.example.cn "
                "or 10.0.0.7",
            )
