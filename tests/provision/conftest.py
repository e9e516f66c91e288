"""A machine of ten lines, a site, a bundle, and a job of them."""

import base64
import socket
import threading

import pytest
from paramiko import ECDSAKey, ServerInterface, Transport

from provision.bundle.bundle import Bundle, write_bundle
from provision.host.facts import Facts
from provision.host.job import Job, Wish
from provision.host.machine import Answer, failed
from provision.host.site import Broker
from provision.kinds import Kind
from wire.words import Fault

KIND = Kind("bookworm", "aarch64")
FRAGMENT = "# comment\n[all]\nenable_uart=1\ndtoverlay=uart3\n"
FILES = {
    "wheels/pip-26.0-py3-none-any.whl": b"pip",
    "wheels/xunkong-0.1.0-py3-none-any.whl": b"own",
    "debs/Packages": b"Package: chrony\n",
    "guard/guard.py": b"guard = 1\n",
    "guard/root/__main__.py": b"patch = 1\n",
    "guard/root/device/patching/place.py": b"place = 1\n",
    "boot/config.pi4.txt": FRAGMENT.encode(),
    "boot/cmdline.remove.txt": b"console=serial0,115200\n",
    "systemd/sysusers.d/xunkong-device.conf": b"u xunkong-device -\n",
    "systemd/tmpfiles.d/xunkong-device.conf": b"d /etc/xunkong\n",
    "systemd/system/xunkong-device.service": b"[Service]\n\n[Install]\nWantedBy=multi-user.target\n",
    "systemd/system/xunkong-trial.timer": b"[Timer]\n\n[Install]\nWantedBy=timers.target\n",
    "systemd/system/xunkong-guard.service": b"[Service]\n",
    "systemd/system/xunkong-ingest.service": b"[Service]\n\n[Install]\nWantedBy=multi-user.target\n",
    "systemd/system/mosquitto.service.d/xunkong.conf": b"[Service]\n",
    "systemd/journald.conf.d/xunkong.conf": b"[Journal]\n",
}


class FakeMachine:
    """`says`: answers by a part of the command; `files`: what lies there; `ran`, `done`: what was called for."""

    def __init__(self, dry=False):
        self.dry, self.by_key = dry, True
        self.says, self.files, self.due = {}, {}, set()
        self.ran, self.done, self.uploaded = [], [], []
        self.differs = set()

    def ask(self, command, stdin=None, root=True):
        del stdin, root
        for part, answer in self.says.items():
            if part in command:
                answer = answer() if callable(answer) else answer
                return Answer(True, answer, "") if isinstance(answer, str) else answer
        for path, content in self.files.items():
            if command == f"base64 -w0 {path}":
                return Answer(True, base64.b64encode(content).decode(), "")
            if command == f"test -e {path}":
                return Answer(True, "", "")
        return Answer(command.removeprefix("test -e ") in self.due, "", "")

    def run(self, command, stdin=None):
        del stdin
        if self.dry:
            return ""
        self.ran.append(command)
        for part, answer in self.says.items():
            if part in command:
                if isinstance(answer, Answer) and not answer.good:
                    raise failed(command, answer.err)
                return answer if isinstance(answer, str) else answer.out
        return ""

    def do(self, operation, **words):
        self.done.append((operation.__name__, words))
        return words.get("service") in self.differs

    def lay(self, wanted, due=None):
        differ = [one for one in wanted if self.files.get(one.path) != one.content]
        if not self.dry:
            self.files |= {one.path: one.content for one in differ}
            self.due |= {due} if due and differ else set()
        return bool(differ)

    def is_due(self, due):
        return due in self.due

    def applied(self, name, wanted, then):
        changed = self.lay(wanted) or name in self.due
        if changed:
            self.run(then)
            self.due.discard(name)
        return changed

    def upload(self, path, to, say):
        say(100)
        self.uploaded.append((path, to))

    def connect_again(self):
        """Nothing is to be done."""


class FakeSite:
    """A gateway in ten lines. `seen`: what it says of the unit, one look after another."""

    def __init__(self):
        self.issued, self.kids, self.given_code = [], {"k1"}, None
        self.retired, self.others = [], False
        self.seen = [{"online": True, "heard_age_s": 0.1}]
        self.key = None

    def authority(self):
        return b"-----BEGIN CERTIFICATE-----\n"

    def brokers(self):
        return [Broker("gw.example", 8883)]

    def issue(self, unit, request):
        self.issued.append((unit, request))
        return b"certificate"

    def counts(self, unit, kid):
        del unit
        return kid in self.kids

    def taken(self, unit):
        del unit
        return self.others

    def retire(self, unit):
        self.retired.append(unit)

    def code(self):
        return self.given_code

    def release_key(self):
        return self.key

    def heard(self, unit):
        del unit
        return self.seen.pop(0) if len(self.seen) > 1 else self.seen[0]


def facts(**other):
    known = {
        "os": "bookworm",
        "arch": "aarch64",
        "model": "Raspberry Pi 4 Model B Rev 1.4",
        "board": "pi4",
        "serial": "1000",
        "python": "3.11",
        "free_mb": 9000,
        "behind_s": 0.0,
        "steered": False,
        "boot_id": "boot-1",
        "slot": None,
        "software": None,
        "version": None,
        "packages": ("adduser",),
        "reboot_due": False,
        "readers": (),
        "network": ("NetworkManager",),
    }
    return Facts(**known | other)


def facts_said():
    """What a machine answers to the question for its facts."""
    told = {"os": "bookworm", "arch": "arm64", "model": "", "serial": "1", "python": "3.11"}
    told |= {
        "free_mb": "9000",
        "now": "0",
        "steered": "yes",
        "boot": "b",
        "slot": "",
        "software": "",
    }
    told |= {"version": "", "packages": "", "reboot": "", "network": "", "readers": ""}
    return "\n".join(f"{name}={value}" for name, value in told.items())


def wish(**other):
    known = {"unit": "cp-1", "role": "checkpoint", "zone": "Asia/Shanghai"}
    return Wish(**known | {"brokers": (Broker("gw.example", 8883),)} | other)


def faulty(call, *words):
    """What is said, in English, of what cannot be."""
    with pytest.raises(Fault) as caught:
        call(*words)
    assert caught.value.words.zh
    return str(caught.value)


@pytest.fixture
def parts(tmp_path):
    """The files of a bundle, on disk."""
    paths = {}
    for number, (name, content) in enumerate(FILES.items()):
        paths[name] = tmp_path / f"part{number}"
        paths[name].write_bytes(content)
    return paths


@pytest.fixture
def bundle(tmp_path, parts):
    write_bundle(tmp_path / "bundle.zip", KIND, "0.1.0", ("chrony",), parts)
    return Bundle(tmp_path / "bundle.zip")


@pytest.fixture
def make_job(bundle):
    """A job on a fake machine whose facts were asked."""

    def make(dry=False, known=None, **wanted):
        job = Job(FakeMachine(dry), wish(**wanted), bundle, FakeSite())
        job.facts = known or facts()
        return job

    return make


@pytest.fixture
def ssh_server():
    """An SSH server as far as its host key; gives (port, key)."""
    key = ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", 0))
    opened = []

    def serve():
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            transport = Transport(line)
            opened.append(transport)
            transport.add_server_key(key)
            transport.start_server(event=threading.Event(), server=ServerInterface())

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], key
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
    for transport in opened:
        transport.close()
        transport.join(10)
