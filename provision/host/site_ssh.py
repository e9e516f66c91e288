"""The gateway over SSH: the site's own commands, run there as root; its keys stay there.

A connection for each command, so that none has to outlive the new start of a unit.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote, urlsplit

from provision.host.machine import Login, Machine, failed, quoted
from provision.host.site import SiteFolder
from wire.words import Fault

SCHEME = "ssh://"
CONFIG, XUNKONG = "/etc/xunkong/gateway.toml", "/opt/xunkong/current/bin/xunkong"
ISSUE = (
    'd=$(mktemp -d) && trap \'rm -rf "$d"\' EXIT && cat >"$d/csr" '
    '&& "$@" --csr "$d/csr" --out "$d/crt" >&2 && cat "$d/crt"'
)


class SiteOverSsh(SiteFolder):
    """`enter` connects; `config`: where gateway.toml lies there; `xunkong`: the command there."""

    def __init__(
        self,
        enter: Callable[[], Machine],
        config: str = CONFIG,
        xunkong: Sequence[str] = (XUNKONG,),
    ) -> None:
        super().__init__(PurePosixPath(config), xunkong)
        self._enter = enter

    def issue(self, unit: str, request: str) -> bytes | None:
        command = self._command("ca", "issue", "--unit", unit)
        said = self._ask(quoted("sh", "-c", ISSUE, "sh", *command), request)
        return f"{said}\n".encode("ascii")

    def _read(self, path: PurePath) -> bytes | None:
        there = quoted(path)
        return b64decode(self._ask(f"test ! -e {there} || base64 -w0 {there}")) or None

    def _say(self, *words: str) -> str:
        return self._ask(quoted(*self._command(*words)))

    def _ask(self, command: str, stdin: str | None = None) -> str:
        with self._enter() as machine:
            answer = machine.ask(command, stdin)
        if answer.good:
            return answer.out
        why = failed(command, answer.err or answer.out).words
        raise Fault(
            f"网关（SSH）：{why.zh}；请确认该机器是网关，登录用户为 root 或可免密 sudo",
            f"the gateway, over SSH: {why.en}; see that it is the gateway, and that the user there is root, or "
            "one whose sudo asks no password",
        )


def gateway_login(url: str, key: Path | None, known_hosts: Path) -> tuple[Login, str]:
    """How to get in, and where gateway.toml lies there. Raises `Fault`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 22
    except ValueError as exc:
        raise _no_url(url) from exc
    odd = parts.query or parts.fragment or parts.password is not None
    if parts.scheme != "ssh" or not host or odd:
        raise _no_url(url)
    user = unquote(parts.username or "root")
    config = unquote(parts.path).rstrip("/") or CONFIG
    return Login(host, port, user, key, None, known_hosts), config


def _no_url(url: str) -> Fault:
    return Fault(
        f"--gateway {url!r} 应为 ssh://用户@地址[:端口][/gateway.toml 的路径]，不含密码",
        f"--gateway {url!r} should be ssh://user@host[:port][/path of gateway.toml], without a password",
    )
