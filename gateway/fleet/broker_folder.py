"""The broker's folder beside the gateway's: its files written, its passwords kept up, and the broker told."""

import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

from gateway.config import GatewayConfig
from gateway.fleet.broker_files import ACLS, CONF, PASSWORDS, PID, configuration
from gateway.fleet.codes import passwords
from gateway.fleet.folder import PRIVATE, PUBLIC, replace_file
from gateway.store.open import Store
from wire.words import Fault

RELOAD_S = 30
COMM = "mosquitto"


class BrokerFolder:
    """What mosquitto reads. `account`: as whom it runs; None for whom it is by default."""

    def __init__(self, config: GatewayConfig, account: str | None = None) -> None:
        self._section = config.mosquitto
        self._keys = Path(config.keys.folder)
        self._reload = config.authority.reload
        self._account = account or default_account()
        self.path = Path(config.mosquitto.folder)

    @property
    def conf(self) -> Path:
        """What `mosquitto -c` is to be given."""
        return self.path / CONF

    def write(self, store: Store, now_ms: int) -> list[Path]:
        """Writes all files; returns them. Raises `Fault`."""
        text = configuration(self._section, self._keys, self._account)
        uid = self._owner()
        files = [replace_file(self.conf, text.encode(), PUBLIC, uid)]
        files += [replace_file(self.path / n, t.encode(), PUBLIC, uid) for n, t in ACLS.items()]
        secret = passwords(store, now_ms).encode()
        files.append(replace_file(self.path / PASSWORDS, secret, PRIVATE, uid))
        if uid is not None:
            self._hand_over([self.path, self._keys / "broker.key"], uid)
        return files

    def keep_passwords(self, store: Store, now_ms: int) -> bool:
        """Brings the password file up to date; whether it changed. A folder that was never written stays so."""
        path, text = self.path / PASSWORDS, passwords(store, now_ms).encode()
        if not path.exists() or path.read_bytes() == text:
            return False
        replace_file(path, text, PRIVATE)
        return True

    def reload(self) -> bool:
        """Has the broker read its files anew; False where none of ours runs. Raises `Fault` when it fails."""
        if self._reload:
            _run(self._reload)
            return True
        pid = self._pid()
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as exc:
            raise _not_reloaded(f"SIGHUP {pid}: {exc.strerror}") from exc
        return True

    def _pid(self) -> int | None:
        """Which process is our mosquitto: a number in a file may be anybody's by now."""
        try:
            pid = int((self.path / PID).read_text("ascii"))
            comm = Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
        return pid if comm == COMM else None

    def _owner(self) -> int | None:
        """What mosquitto reads again after it gave up root's rights must be its own; None: it is already."""
        if os.geteuid() != 0 or self._account == "root":
            return None
        try:
            return pwd.getpwnam(self._account).pw_uid
        except KeyError as exc:
            raise self._not_given(f"no user {self._account}") from exc

    def _hand_over(self, paths: list[Path], uid: int) -> None:
        try:
            for path in paths:
                os.chown(path, uid, -1, follow_symlinks=False)
        except OSError as exc:
            raise self._not_given(str(exc)) from exc

    def _not_given(self, why: str) -> Fault:
        return Fault(
            f"无法把 {self.path} 交给用户 {self._account}：{why}；请用 --account 指定 mosquitto 的用户",
            f"cannot give {self.path} to user {self._account}: {why}; name mosquitto's user by --account",
        )


def default_account() -> str:
    """Debian's `mosquitto` for root, where it exists; else the user at work."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("mosquitto").pw_name
    except KeyError:
        return "root"


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=RELOAD_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise _not_reloaded(f"{command[0]}: {exc}") from exc


def _not_reloaded(why: str) -> Fault:
    return Fault(
        f"无法让 broker 重新读取文件（{why}）；请手动执行 systemctl reload mosquitto，或设置 [authority] reload",
        f"the broker could not be told to read its files anew ({why}); run systemctl reload mosquitto, "
        "or set [authority] reload",
    )


def now_ms() -> int:
    """UTC, as the store counts it."""
    return time.time_ns() // 1_000_000
