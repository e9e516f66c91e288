"""One machine over SSH, by pyinfra: asked, changed where it is not as wanted, and given files.

On a dry run nothing is changed: what would be is counted. One thread; a broken connection is a `Lost`.
"""

import logging
import shlex
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gevent.hub import Hub
from msgspec import Struct
from paramiko import SFTPClient, SSHClient, SSHException
from pyinfra.api.config import Config
from pyinfra.api.exceptions import NestedOperationError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.sshuserclient.client import get_host_keys
from pyinfra.context import ctx_host, ctx_state

from provision.host.laid import Laid, lay
from wire.words import Fault

CONNECT_S = 10
DEAD_MS = 30_000
"""A line that takes nothing for so long is given up, so that a run ends and can be begun again."""

ALIVE_S = 5
DUE = "/run/xunkong-due"
"""What is still to be done after files were laid; a start of the machine does it too, and forgets it."""

Hub.NOT_ERROR += (KeyboardInterrupt,)
"""It ends the command, as it should, and gevent shows no traceback of its own."""
LOCK, WAIT_S = "/run/xunkong-provision.lock", 600
BLOCK = 256 * 1024
LINES = 6


class Lost(Fault):
    """The connection broke. What was done stays done; running again goes on from there."""


class Login(Struct, frozen=True):
    """How to get in. `password`: for sudo, and without a `key` to log in. Neither: the agent's keys, and ~/.ssh."""

    host: str
    port: int = 22
    user: str = "pi"
    key: Path | None = None
    password: str | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")

    def data(self) -> dict[str, Any]:
        """As pyinfra's SSH connector takes it."""
        found: dict[str, Any] = {
            "ssh_hostname": self.host,
            "ssh_port": self.port,
            "ssh_user": self.user,
            "ssh_known_hosts_file": str(self.known_hosts.expanduser()),
            "ssh_strict_host_key_checking": "yes",
        }
        if self.key:
            found["ssh_key"] = str(self.key.expanduser())
        elif self.password:
            found |= {"ssh_password": self.password, "ssh_allow_agent": False}
            found["ssh_look_for_keys"] = False
        return found


class Answer(Struct, frozen=True):
    """What a command said. `good`: its exit code was 0."""

    good: bool
    out: str
    err: str


class Machine:
    """Connected until closed. `login` None: this machine itself, without SSH."""

    def __init__(self, login: Login | None, dry: bool = False) -> None:
        self.dry = dry
        self._login = login
        self._name = login.host if login else "@local"
        self._sudo = login is not None and login.user != "root"
        data = login.data() if login else {}
        inventory = Inventory(([(self._name, data)], {}))  # type: ignore[no-untyped-call]
        self._state = State(inventory, Config(CONNECT_TIMEOUT=CONNECT_S))  # type: ignore[no-untyped-call]
        self._state.check_for_changes = dry
        self._state.is_executing = not dry
        self._host = next(iter(self._state.inventory))
        self._said = _Said()
        self._would_be_due: set[str] = set()
        self.connect()

    @property
    def by_key(self) -> bool:
        """Whether it is a key that lets us in."""
        return self._login is None or self._login.key is not None or self._login.password is None

    def connect(self) -> None:
        """Connects, or does so again. Raises `Fault`."""
        getattr(
            get_host_keys, "cache", {}
        ).clear()  # else hosts that came to be known since are not
        try:
            self._host.connect(show_errors=False, raise_exceptions=True)
        except PyinfraError as exc:  # a key file that is not there is one, too
            raise Fault(
                f"无法登录 {self._name}：{exc}；请检查网络、用户、密钥或密码",
                f"cannot log in at {self._name}: {exc}; check network, user, key or password",
            ) from exc
        self._state.activate_host(self._host)
        self._watch()
        self._check_sudo()

    def _check_sudo(self) -> None:
        """Raises `Fault` where sudo wants a password that nobody gave. Its own words are kept from pyinfra, which would
        ask for one on the terminal."""
        if not self._sudo or (self._login and self._login.password):
            return
        if not self.ask("sudo -n true >/dev/null 2>&1", root=False).good:
            user = self._login.user if self._login else ""
            raise Fault(
                f"{self._name} 上 {user} 的 sudo 需要密码，或没有 sudo；请加 --ask-password，或用 --user root",
                f"at {self._name} sudo of {user} wants a password, or there is none: add --ask-password or --user root",
            )

    def connect_again(self) -> None:
        """After the machine was started anew. Raises `Fault` while it does not answer."""
        self._disconnect()
        self.connect()

    def _watch(self) -> None:
        client = self._client()
        transport = client.get_transport() if client else None
        if transport is None:
            return
        transport.set_keepalive(ALIVE_S)
        if isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_MS)

    def _client(self) -> SSHClient | None:
        return getattr(self._host.connector, "client", None)

    def ask(self, command: str, stdin: str | None = None, root: bool = True) -> Answer:
        """Runs `command`, which changes nothing, on a dry run too. Raises `Lost`."""
        words: dict[str, Any] = self._rights() if root else {}
        if stdin is not None:
            words["_stdin"] = stdin
        try:
            good, said = self._host.run_shell_command(command, _shell_executable="sh", **words)
        except (OSError, EOFError, SSHException) as exc:
            raise self._lost(str(exc)) from exc
        if not good and not self._alive():  # paramiko gives no more than a code of -1
            raise self._lost(said.stderr)
        return Answer(good, said.stdout, said.stderr)

    def run(self, command: str, stdin: str | None = None) -> str:
        """Runs `command`, which changes something and must succeed; its output. Raises `Fault`, `Lost`.

        One at a time on that machine: what a broken connection left running there is waited for.
        """
        if self.dry:
            return ""
        answer = self.ask(alone(command), stdin)
        if not answer.good:
            raise failed(command, answer.err or answer.out)
        return answer.out

    def do(self, operation: Callable[..., Any], **words: Any) -> bool:
        """Makes what pyinfra's `operation` describes so; whether something was changed. Raises `Fault`, `Lost`."""
        self._said.lines.clear()
        try:
            with ctx_state.use(self._state), ctx_host.use(self._host):
                done = operation(**words, **self._rights())
                return bool(done.will_change if self.dry else done.did_change())
        except (PyinfraError, NestedOperationError, OSError, EOFError, SSHException) as exc:
            said = "\n".join(self._said.lines[-LINES:]) or str(exc)
            if not self._alive():
                raise self._lost(said) from exc
            raise failed(operation.__name__, said) from exc

    def lay(self, wanted: Sequence[Laid], due: str | None = None) -> bool:
        """Has each file as wanted; whether one was not. `due`: see `laid.lay`."""
        changed = self.do(lay, wanted=tuple(wanted), due=due)
        if changed and due and self.dry:
            self._would_be_due.add(due)
        return changed

    def is_due(self, due: str) -> bool:
        """Whether it is still to be done, or would be by now on a dry run."""
        return due in self._would_be_due or self.ask(f"test -e {due}").good

    def applied(self, name: str, wanted: Sequence[Laid], then: str) -> bool:
        """Has each file as wanted, and runs `then` where one was not, or an earlier run broke off before it."""
        due = f"{DUE}/{name}"
        changed = self.is_due(due)
        changed |= self.lay(wanted, due)
        if changed:
            self.run(f"{then} && rm -f {due}")
        return changed

    def upload(self, path: Path, to: str, say: Callable[[int], None]) -> None:
        """Copies `path` to `to`, below the home; goes on where an earlier copy broke off. `say`: percent.

        Raises `Lost`. What came is not checked here.
        """
        if self.dry:
            return
        if self._client() is None:
            shutil.copyfile(path, to)
            return
        try:
            with self._sftp() as sftp, path.open("rb") as file:
                _copy(sftp, file, path.stat().st_size, to, say)
        except (OSError, EOFError, SSHException) as exc:
            raise self._lost(str(exc)) from exc

    def _sftp(self) -> SFTPClient:
        client = self._client()
        assert client is not None
        return client.open_sftp()

    def _rights(self) -> dict[str, Any]:
        if not self._sudo:
            return {}
        password = self._login and self._login.password
        return {"_sudo": True, **({"_sudo_password": password} if password else {})}

    def _alive(self) -> bool:
        client = self._client()
        if client is None:
            return True
        transport = client.get_transport()
        return transport is not None and transport.is_active()

    def _lost(self, why: str) -> Lost:
        why = why or "EOF"
        return Lost(
            f"与 {self._name} 的连接中断：{why}；已完成的保持不变，请再次运行同一命令",
            f"the connection to {self._name} broke: {why}; what was done stays, run the same command again",
        )

    def close(self) -> None:
        """Ends the connection, broken or not."""
        self._disconnect()
        self._said.close()

    def _disconnect(self) -> None:
        with suppress(PyinfraError, OSError, EOFError, SSHException):
            self._host.disconnect()
        client = self._client()
        if client is not None:
            client.close()
        self._host.connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def alone(command: str) -> str:
    """`command`, once no other such one runs on the machine."""
    return f"flock -o -w {WAIT_S} {LOCK} sh -c {shlex.quote(command)}"


def failed(what: str, said: str) -> Fault:
    """That `what` did not do, and what it said last."""
    tail = "\n".join(said.strip().splitlines()[-LINES:])
    return Fault(f"执行失败（{what:.60}）：{tail}", f"failed ({what:.60}): {tail}")


def quoted(*words: object) -> str:
    """The words as the shell takes them."""
    return shlex.join(map(str, words))


def _copy(sftp: SFTPClient, file: Any, size: int, to: str, say: Callable[[int], None]) -> None:
    try:
        there = sftp.stat(to).st_size or 0
    except FileNotFoundError:
        there = 0
    there = there if there <= size else 0
    file.seek(there)
    with sftp.open(to, "ab" if there else "wb") as out:
        out.set_pipelined(True)
        while block := file.read(BLOCK):
            out.write(block)
            there += len(block)
            say(100 * there // max(size, 1))


class _Said(logging.Handler):
    """What pyinfra logs of failures, kept for our own words, and shown nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._logger = logging.getLogger("pyinfra")
        self._logger.addHandler(self)
        self._logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the line."""
        self.lines += record.getMessage().splitlines()

    def close(self) -> None:
        """Hears no more."""
        self._logger.removeHandler(self)
        super().close()
