"""Boot partitions as the images of both releases have them, and a command that writes to one."""

import hashlib
import json
import tomllib

import pytest

import xunkong
from provision.bundle.bundle import write_bundle
from provision.kinds import Kind
from tests.provision.conftest import FILES

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6h4hWvBrFqPqR3dJ2Mx0cK0n0B3qz5cC1pXoVQ1Q2b me@laptop"
AUTHORITY = "-----BEGIN CERTIFICATE-----\n"
BOOKWORM = (
    "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet "
    "init=/usr/lib/raspberrypi-sys-mods/firstboot\n"
)
TRIXIE = (
    "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes "
    "rootwait resize\n"
)
SEEDS = {
    "user-data": "#cloud-config\n# nothing\n",
    "meta-data": "dsmode: local\ninstance_id: rpios-image\n",
    "network-config": "# nothing\n",
}


class Card:
    """A mounted partition, and the laptop's folder beside it."""

    def __init__(self, folder, os):
        self.os, self.laptop, self.path = os, folder, folder / f"bootfs-{os}"
        self.path.mkdir()
        files = {"config.txt": "[all]\n", "kernel8.img": "k"}
        files |= {"cmdline.txt": BOOKWORM} if os == "bookworm" else {"cmdline.txt": TRIXIE, **SEEDS}
        for name, text in files.items():
            (self.path / name).write_text(text)

    def there(self):
        """Every file, by its name."""
        files = (path for path in self.path.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.path)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def read(self, name):
        return (self.path / name).read_text("utf-8")

    def toml(self, name):
        return tomllib.loads(self.read(name))

    def json(self, name):
        return json.loads(self.read(name))


@pytest.fixture(params=["bookworm", "trixie"])
def card(tmp_path, request):
    return Card(tmp_path, request.param)


@pytest.fixture
def bundles(tmp_path, parts):
    """A folder with one for each release."""
    folder = tmp_path / "bundles"
    tool = tmp_path / "pyinfra.whl"
    tool.write_bytes(b"tool")
    for os in ("bookworm", "trixie"):
        files = parts | {"tools/pyinfra-3.10-py3-none-any.whl": tool}
        write_bundle(folder / f"{os}.zip", Kind(os, "aarch64"), "0.1.0", ("chrony",), files)
    assert set(FILES) <= set(files)
    return folder


@pytest.fixture
def write(tmp_path, bundles, capsys):
    """Runs the command for a card; its exit code and what was said."""
    (tmp_path / "key.pub").write_text(f"{KEY}\n")
    (tmp_path / "ca.crt").write_text(AUTHORITY)

    def run(card, *more, key=True):
        words = ["--lang", "en", "provision", "sd", str(card.path), "--unit", "cp-01"]
        words += [
            "--role",
            "checkpoint",
            "--bundle",
            str(bundles),
            "--ca",
            str(tmp_path / "ca.crt"),
        ]
        words += ["--code", "7K2M-1111", "--broker", "gw.example"]
        words += ["--ssh-key", str(tmp_path / "key.pub")] if key else []
        code = xunkong.main([*words, *map(str, more)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run
