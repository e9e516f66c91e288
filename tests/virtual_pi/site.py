"""A whole site in one virtual Pi: the services as they are installed, a gateway, one unit, a platform's stand-in."""

import json
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.virtual_pi.command import Failed
from tests.virtual_pi.parts import Parts
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.wheels import PROJECT

CARRIED = Path(__file__).parent / "carried"
UNIT, BADGE = "cp-01", "04a1b2c3d4e5f6"
EVENTS = "var/lib/platform/events.jsonl"
SERVICES = (
    *("mosquitto.service", "xunkong-authority.service", "xunkong-ingest.service"),
    *("xunkong-forward.service", "xunkong-device.service"),
)
OTHERS = (
    *("xunkong-backup.timer", "xunkong-retain.timer", "xunkong-broker-reload.path"),
    *("xunkong-device-reboot.path", "xunkong-device-poweroff.path"),
    *("xunkong-trial.timer", "xunkong-update.path", "xunkong-logs.path"),
)
WAIT_S, LOOK_S = 120.0, 0.2


class Site:
    """`pi` has power, and `parts`."""

    def __init__(self, pi: Pi, parts: Parts) -> None:
        self.pi, self.parts = pi, parts

    def install(self, wheels: Sequence[Path], scratch: Path) -> None:
        """Everything onto the Pi, and everything started; the unit gets its certificate by a one-time code."""
        bag = scratch / "carried"
        shutil.copytree(CARRIED, bag)
        for folder, files in (("wheels", wheels), ("debs", self.pi.root.debs.iterdir())):
            (bag / folder).mkdir()
            for path in files:
                (bag / folder / path.name).symlink_to(path)
        shutil.copytree(PROJECT / "systemd", bag / "systemd")
        shutil.copy(PROJECT / "device/update/guard.py", bag)
        self.pi.put(bag, into="/root")
        units = " ".join((*SERVICES, *OTHERS, "platform.service"))
        self.pi.run(f"sh /root/carried/install.sh {units}", most_s=900)

    def gateway(self, words: str) -> str:
        """What `xunkong gateway WORDS` printed there, as root."""
        command = f"/opt/xunkong/current/bin/xunkong gateway {words}"
        return self.pi.run(f"{command} --config /etc/xunkong/gateway.toml")

    def fleet(self, words: str) -> str:
        """What `xunkong fleet WORDS` printed there, as root."""
        command = f"/opt/xunkong/current/bin/xunkong fleet {words}"
        return self.pi.run(f"{command} --config /etc/xunkong/gateway.toml")

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit, as systemd has it."""
        return self.pi.run(f"systemctl show --value --property={name} {unit}").strip()

    def pids(self) -> dict[str, str]:
        """The main process of each service."""
        told = self.pi.run(f"systemctl show --value --property=MainPID {' '.join(SERVICES)}")
        return dict(zip(SERVICES, told.split(), strict=True))

    def all_active(self) -> None:
        """Waits for all services, timers and paths."""
        units = (*SERVICES, *OTHERS)
        active = f"systemctl is-active {' '.join(units)} | grep -cx active"
        self.until(f"test $({active}) = {len(units)}")

    def until(self, command: str, most_s: float = WAIT_S) -> None:
        """Waits there until a shell command goes well. Raises AssertionError with how it looks instead."""
        loop = f"until {{ {command}; }}; do sleep {LOOK_S}; done >/dev/null 2>&1"
        try:
            self.pi.run(f"timeout {most_s:g} sh -c {shlex.quote(loop)}", most_s=most_s + 60)
        except Failed as exc:
            raise AssertionError(f"{command}\n{self._looks()}") from exc

    def wait_for(self, look: Callable[[], Any], most_s: float = WAIT_S) -> Any:
        """What `look` gives as soon as that is something. Raises AssertionError with how it looks there."""
        until = time.monotonic() + most_s
        while not (found := look()):
            if time.monotonic() > until:
                raise AssertionError(self._looks())
            time.sleep(LOOK_S)
        return found

    def _looks(self) -> str:
        ours = "journalctl -b --no-pager -u 'xunkong*' -u mosquitto -u init.scope | tail -n 80"
        return self.pi.run(f"systemctl --failed; systemctl list-jobs; {ours}")

    def arrived(self, kind: str) -> Iterator[dict[str, Any]]:
        """The events of a kind of record that the platform has."""
        path = self.pi.tree / EVENTS
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            event = json.loads(line)["event"]
            if event["type"] == f"cn.xunkong.{kind}.v1":
                yield event

    @contextmanager
    def otherwise(self, lines: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """While it lasts, units have these lines too; then all is and runs as installed, and no start counts."""
        self._reload(
            f"mkdir -p /run/systemd/system/{unit}.d; printf '%s\\n' {shlex.join(added)} "
            f">/run/systemd/system/{unit}.d/zz-test.conf"
            for unit, added in lines.items()
        )
        try:
            yield
        finally:
            self._reload(["rm -f /run/systemd/system/*.d/zz-test.conf"])
            self.pi.run(f"systemctl start {' '.join(SERVICES)}")

    def _reload(self, commands: Iterator[str] | Sequence[str]) -> None:
        services = " ".join(SERVICES)
        after = ("systemctl daemon-reload", f"systemctl reset-failed {services}")
        self.pi.run("; ".join((*commands, *after)))
