"""The gateway as the laptop has it: by the site's own commands on its folder, or not at all (a one-time code).

Where the folder is at hand certificates are issued by `xunkong gateway ca issue`, and the unit's first sign of
life is looked up there; else a code lets the unit in, and its own journal says that the gateway acknowledged.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Protocol

from msgspec import Struct

from wire.words import Fault, Words

LINES = 5


class Broker(Struct, frozen=True):
    """Where units reach a broker."""

    host: str
    port: int = 8883


class Site(Protocol):
    """What provisioning needs of a site."""

    def authority(self) -> bytes:
        """The authority's certificate (PEM). Raises `Fault`."""
        ...

    def brokers(self) -> list[Broker]:
        """Where units go; empty where it does not know. Raises `Fault`."""
        ...

    def issue(self, unit: str, request: str) -> bytes | None:
        """A certificate for a signing request, both PEM; None: by code only. Raises `Fault`."""
        ...

    def counts(self, unit: str, kid: str) -> bool:
        """Whether a certificate that `unit` holds, of the key `kid`, is in force here. Raises `Fault`."""
        ...

    def taken(self, unit: str) -> bool:
        """Whether some box holds a certificate of `unit` that is in force. Raises `Fault`."""
        ...

    def retire(self, unit: str) -> None:
        """Puts out whatever was made for `unit` so far. Raises `Fault`."""
        ...

    def new_code(self, unit: str, valid_h: float) -> str:
        """A one-time code that lets `unit` in, for so many hours. Raises `Fault`."""
        ...

    def code(self) -> str | None:
        """The one-time code that lets the unit in."""
        ...

    def release_key(self) -> bytes | None:
        """Whose signature makes a release count (PEM); None where none is at hand. Raises `Fault`."""
        ...

    def heard(self, unit: str) -> dict[str, Any] | None:
        """The unit as the gateway sees it; None: it cannot be asked. Raises `Fault`."""
        ...


class SiteFolder:
    """The gateway whose `gateway.toml` can be read here."""

    def __init__(
        self, config: PurePath, xunkong: Sequence[str] = (sys.executable, "-m", "xunkong")
    ) -> None:
        self._config, self._xunkong = config, xunkong

    def authority(self) -> bytes:
        keys = self._table(self._config).get("keys", {}).get("folder", "keys")
        path = self._config.parent / keys / "ca.crt"
        return checked_authority(path, self._read(path))

    def brokers(self) -> list[Broker]:
        example = self._config.parent / "device.example.toml"
        site = self._table(self._config)  # where there is no gateway, that is what to say
        if self._read(example) is None:
            return []
        port = site.get("mosquitto", {}).get("units_port")  # the example's are of its first day
        found = self._table(example).get("broker", [])
        return [Broker(one["host"], port or one.get("port", 8883)) for one in found]

    def issue(self, unit: str, request: str) -> bytes | None:
        with tempfile.TemporaryDirectory(prefix="xunkong-csr-") as folder:
            csr, out = Path(folder, "unit.csr"), Path(folder, "unit.crt")
            csr.write_text(request, "ascii")
            self._rows("ca", "issue", "--unit", unit, "--csr", str(csr), "--out", str(out))
            return out.read_bytes()

    def counts(self, unit: str, kid: str) -> bool:
        return kid in self._in_force(unit)

    def taken(self, unit: str) -> bool:
        return bool(self._in_force(unit))

    def retire(self, unit: str) -> None:
        self._rows("ca", "revoke", "--unit", unit, "--why", "replaced by another box")

    def new_code(self, unit: str, valid_h: float) -> str:
        rows = self._rows("ca", "code", "--unit", unit, "--valid-h", f"{valid_h:g}")
        return str(rows[0]["code"])

    def _in_force(self, unit: str) -> set[str]:
        listed = self._rows("ca", "list", "--unit", unit)
        return {row["kid"] for row in listed if row["revoked_ms"] is None}

    def code(self) -> str | None:
        return None

    def release_key(self) -> bytes | None:
        named = self._table(self._config).get("releases", {}).get("key", "release.pub")
        return self._read(self._config.parent / named)

    def heard(self, unit: str) -> dict[str, Any] | None:
        rows = [row for row in self._rows("units") if row["unit"] == unit]
        return rows[0] if rows else {"online": False}

    def _table(self, path: PurePath) -> dict[str, Any]:
        content = self._read(path)
        if content is None:
            raise _unreadable(path, "no such file")
        try:
            return tomllib.loads(content.decode("utf-8"))
        except ValueError as exc:
            raise _unreadable(path, exc) from exc

    def _rows(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._say(*words).splitlines()]

    def _command(self, *words: str) -> list[str]:
        command = [*self._xunkong, "--lang", "en", "gateway", *words]
        return [*command, "--config", str(self._config), "--json"]

    def _read(self, path: PurePath) -> bytes | None:
        """None where there is no such file."""
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _unreadable(path, exc.strerror) from exc

    def _say(self, *words: str) -> str:
        """What a command of the gateway printed."""
        done = subprocess.run(self._command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join(done.stderr.strip().splitlines()[-LINES:])
            raise Fault(f"网关命令失败：{tail}", f"a command of the gateway failed: {tail}")
        return done.stdout


def _unreadable(path: PurePath, why: object) -> Fault:
    return Fault(
        f"无法读取 {path}：{why}；请给出网关的 gateway.toml",
        f"cannot read {path}: {why}; give the gateway's gateway.toml",
    )


class SiteByCode:
    """A gateway that the laptop does not reach: `authority` (PEM file) came from it, and a `code`."""

    def __init__(self, authority: Path, code: str | None) -> None:
        self._authority, self._code = authority, code

    def authority(self) -> bytes:
        return read_authority(self._authority)

    def brokers(self) -> list[Broker]:
        return []

    def issue(self, unit: str, request: str) -> bytes | None:
        del unit, request
        return None

    def counts(self, unit: str, kid: str) -> bool:
        del unit, kid
        return True

    def taken(self, unit: str) -> bool:
        del unit
        return False

    def retire(self, unit: str) -> None:
        raise Fault(
            f"--replace 需要 --gateway；或在网关上运行 xunkong gateway ca revoke --unit {unit}，再发注册码",
            f"--replace needs --gateway; or run xunkong gateway ca revoke --unit {unit} there, then give a code",
        )

    def new_code(self, unit: str, valid_h: float) -> str:
        raise Fault(
            f"请用 --code 给出注册码：在网关上运行 xunkong gateway ca code --unit {unit} --valid-h {valid_h:g}",
            f"give the code by --code: xunkong gateway ca code --unit {unit} --valid-h {valid_h:g} there",
        )

    def code(self) -> str | None:
        return self._code

    def release_key(self) -> bytes | None:
        return None

    def heard(self, unit: str) -> dict[str, Any] | None:
        del unit
        return None


def read_authority(path: Path) -> bytes:
    """The authority's certificate. Raises `Fault`."""
    try:
        return checked_authority(path, path.read_bytes())
    except OSError as exc:
        raise _no_authority(path, exc.strerror or "?") from exc


def checked_authority(path: PurePath, text: bytes | None) -> bytes:
    """`text`, which lay at `path` (None: nothing did), if it is a certificate. Raises `Fault`."""
    if text is None or b"-----BEGIN CERTIFICATE-----" not in text:
        raise _no_authority(path, "no such file" if text is None else "no PEM")
    return text


def _no_authority(path: PurePath, why: str) -> Fault:
    words = Words(
        f"没有证书机构的证书 {path}（{why}）；请从网关复制 keys/ca.crt，用 --ca 给出",
        f"there is no certificate of the authority, {path} ({why}); copy keys/ca.crt, give it by --ca",
    )
    return Fault(*words)
