"""A virtual Pi: a Debian root of its own, booted with systemd and sshd in its own network namespace."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.virtual_pi.command import Failed, run
from tests.virtual_pi.place import Place, end_group, groups, make_groups
from tests.virtual_pi.root import Root

BOOT_S = 300.0
LOOK_S = 0.1
ENTER = 'for group in $GROUPS; do echo $$ >"$group"; done; exec "$@"'

UNIFIED = "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"
"""Control groups as a Pi has them, whatever this machine's are."""
BPF = ("--system-call-filter=bpf", "--capability=CAP_BPF,CAP_NET_ADMIN")
"""With which systemd holds services to their devices there."""


class Pi:
    """Made by `Yard.pi`. It has no way to any network but this machine, and ssh lets root in by the yard's key.

    On bookworm a service with ProtectProc= sees this machine's boot id, the same after each boot.
    A cable that is pulled (`unplug`) and a power cut leave everything on its "card" as it was.
    """

    def __init__(
        self, name: str, root: Root, place: Place, binds: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.name, self.root, self.place, self.binds = name, root, place, tuple(binds)
        self.address, self.tree = place.address, place.tree
        self.known_hosts = place.folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """A card, a network, and its name on both."""
        folder, place = self.place.folder, self.place
        for name in ("upper", "work", "tree"):
            (folder / name).mkdir(parents=True)
        layers = f"lowerdir={self.root.tree},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run("mount", "-t", "overlay", "-o", layers, place.netns, self.tree)
        run("ssh-keygen", "-A", "-f", self.tree)
        host_key = (self.tree / "etc/ssh/ssh_host_ed25519_key.pub").read_text("utf-8")
        self.known_hosts.write_text(f"{self.address} {host_key}", "utf-8")
        self.let_in("root")
        run("ip", "netns", "add", place.netns)
        inner = ("peer", "name", "eth0", "netns", place.netns)
        run("ip", "link", "add", place.link, "type", "veth", *inner)
        run("ip", "-n", place.netns, "address", "add", f"{self.address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            run("ip", "-n", place.netns, "link", "set", link, "up")
        run("ip", "link", "set", place.link, "master", place.bridge, "up")

    def let_in(self, user: str) -> None:
        """`user` may log in by the yard's key. Without power only."""
        home = self.tree / ("root" if user == "root" else f"home/{user}")
        keys = home / ".ssh" / "authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text(self.place.key.with_suffix(".pub").read_text("utf-8"), "utf-8")

    def power_on(self) -> "Pi":
        """Boots, until systemd says that the boot has ended. Raises TimeoutError with the end of the console."""
        self.spark()
        self.wait_for_boot()
        return self

    def spark(self) -> None:
        """Begins to boot."""
        bind = [f"--bind={ours}:{theirs}" for ours, theirs in self.binds]
        place = self.place
        command = [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
            *(f"--directory={self.tree}", f"--machine={self.name}", "--resolv-conf=off"),
            *(f"--network-namespace-path=/run/netns/{place.netns}", "--console=read-only"),
            *BPF,
            *("--timezone=off", "--link-journal=no", *bind),
        ]
        entered = " ".join(str(path) for path in make_groups(place.netns))
        with place.console.open("ab") as console:
            self._process = subprocess.Popen(
                ["env", f"GROUPS={entered}", UNIFIED, "sh", "-c", ENTER, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def wait_for_boot(self, most_s: float = BOOT_S) -> str:
        """systemd's word on how the boot went: running or degraded."""
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            with suppress(Failed, subprocess.TimeoutExpired):
                return self.run("systemctl is-system-running --wait || true").strip()
            time.sleep(LOOK_S)
        raise TimeoutError(f"{self.name} did not boot; its console ended with:\n{self.shown()}")

    def asked_for_reboot(self) -> bool:
        """Whether it ended in order to start anew; systemd-nspawn then ends with 133."""
        return self._process is not None and self._process.poll() == 133

    def shown(self) -> str:
        """The end of its console."""
        return self.place.console.read_text("utf-8", "replace")[-4000:]

    def run(self, command: str, user: str = "root", most_s: float = 120.0) -> str:
        """What a shell command printed there. Raises Failed (code 255: no connection), TimeoutExpired."""
        return run("ssh", *self.ssh_options, f"{user}@{self.address}", command, most_s=most_s)

    def tries(self, command: str) -> bool:
        """Whether a shell command went well there."""
        try:
            self.run(command)
        except Failed:
            return False
        return True

    def put(self, *ours: Path, into: str) -> None:
        """Copies files and folders into a folder there."""
        run("scp", "-q", "-r", *self.ssh_options, *ours, f"root@{self.address}:{into}/")

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """For ssh and scp: nothing of the person's own is used, and nothing is asked."""
        said = (
            *("BatchMode=yes", "ConnectTimeout=10", "StrictHostKeyChecking=yes", "LogLevel=ERROR"),
            *("IdentitiesOnly=yes", f"IdentityFile={self.place.key}"),
            *("ServerAliveInterval=5", f"UserKnownHostsFile={self.known_hosts}"),
        )
        return ("-F", "none", *(word for option in said for word in ("-o", option)))

    def unplug(self) -> None:
        """Pulls the network cable."""
        run("ip", "link", "set", self.place.link, "down")

    def plug(self) -> None:
        """Puts it back."""
        run("ip", "link", "set", self.place.link, "up")

    def shut_down(self, most_s: float = 90.0) -> None:
        """As by its button: systemd ends everything in good order. Raises TimeoutExpired."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(most_s)
            self._gone()

    def power_cut(self) -> None:
        """All at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._gone()

    def _gone(self) -> None:
        self._process = None
        for group in groups(self.place.netns):
            end_group(group)
