"""A gateway's job on a machine of ten lines, or on a shell below a folder; a bundle; and a site that stands."""

import subprocess

import pytest

from provision.bundle.bundle import Bundle, write_bundle
from provision.gateway.job import GatewayJob, GatewayWish
from provision.host.machine import Answer, failed
from provision.kinds import Kind
from tests.provision.conftest import FakeMachine, facts

STANDING = """
[mosquitto]
units_port = 9000
enrol_port = 9001
[site]
zone = "Asia/Urumqi"
[[sink]]
kind = "cloudevents"
url = "https://p.example/e"
"""


def wish(**other):
    return GatewayWish(**{"zone": "Asia/Shanghai", "hosts": ("gateway.local",)} | other)


@pytest.fixture
def bundle(tmp_path, parts):
    write_bundle(tmp_path / "g.zip", Kind("bookworm", "aarch64"), "0.1.0", (), parts, "gateway")
    return Bundle(tmp_path / "g.zip", "gateway")


@pytest.fixture
def make(bundle):
    def made(dry=False, **other):
        job = GatewayJob(FakeMachine(dry), wish(**other), bundle)
        job.facts = facts()
        return job

    return made


INIT = """#!/bin/sh
[ "$2" = init ] || exit 0
mkdir -p "$3/keys" && cd "$3" && echo new >keys/ca.key
touch store.db device.example.toml unit.example.toml
"""


class Shell(FakeMachine):
    """Runs the scripts below a folder, with a gateway of four lines."""

    def __init__(self, kept, bin_folder):
        super().__init__()
        self._kept, self._bin = kept, bin_folder
        for name, text in (("xunkong", INIT), ("systemd-tmpfiles", "#!/bin/sh\n")):
            (bin_folder / name).write_text(text)
            (bin_folder / name).chmod(0o755)

    def ask(self, command, stdin=None, root=True):
        if any(part in command for part in self.says):
            return super().ask(command, stdin, root)
        for theirs, ours in (
            ("/var/lib/xunkong/gateway", self._kept),
            ("/opt/xunkong/current/bin", self._bin),
            ("/etc/xunkong", self._kept / "etc"),
        ):
            command = command.replace(theirs, str(ours))
        env = {"PATH": f"{self._bin}:/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-c", command], env=env, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode == 0, done.stdout, done.stderr)

    def run(self, command, stdin=None):
        answer = self.ask(command, stdin)
        if not answer.good:
            raise failed(command, answer.err)
        return answer.out
