"""The Debian packages that a fresh image lacks, resolved for its release by an apt with a world of its own.

apt works here for a machine on which nothing is installed, in folders below one of ours, with the laptop's own
sources turned to the other release (`sources.py`); its signatures are checked as ever. What a fresh image has in
any case is left out. apt on the unit then takes what that very unit lacks. See apt.conf(5).
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from provision.bundle.sources import Source
from provision.bundle.tool import run
from provision.kinds import Kind
from wire.words import Words

IMAGE = ("apt", "systemd-sysv", "dbus", "openssh-server", "sudo")
"""What every image has beside the packages of priority `required`. It has python3 too, but maybe an older build of it,
and python3-venv needs the very same build as itself: so that is carried."""

INDEX = "Packages"
INSTALLS = re.compile(r"^Inst (\S+) (?:\[(?P<old>\S+)\] )?\((\S+) ")
REMEDY = Words(
    "请检查网络与 /etc/apt 中的软件源",
    "check the network, and the sources in /etc/apt",
)


class Apt:
    """An apt whose world is `folder`, for machines of `kind`; `status`: what is installed there, as dpkg keeps it."""

    def __init__(
        self, folder: Path, kind: Kind, sources: Sequence[Source], status: str = ""
    ) -> None:
        self._folder = folder
        for name in ("state/lists/partial", "cache/archives/partial", "none"):
            (folder / name).mkdir(parents=True)
        (folder / "status").write_text(status, "utf-8")
        lines = [source.line(kind.debian_arch) for source in sources]
        (folder / "sources.list").write_text("\n".join(lines) + "\n", "utf-8")
        settings = {
            "APT::Architecture": kind.debian_arch,
            "APT::Architectures": kind.debian_arch,
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "Acquire::Languages": "none",
            "Dir::State": str(folder / "state"),
            "Dir::State::status": str(folder / "status"),
            "Dir::Cache": str(folder / "cache"),
            "Dir::Etc::sourcelist": str(folder / "sources.list"),
            "Dir::Etc::sourceparts": str(folder / "none"),
            "Dir::Etc::preferences": str(folder / "none/preferences"),
            "Dir::Etc::preferencesparts": str(folder / "none"),
        }
        self._options = [f"-o{name}={value}" for name, value in settings.items() if value]

    def update(self) -> None:
        """Reads what there is. Raises `Fault`; a source that cannot be reached is one."""
        self._run("apt-get", "-q", "-oAPT::Update::Error-Mode=any", "update")

    def lacking(self, packages: Sequence[str]) -> list[str]:
        """What an image lacks of `packages` and what they need, each as `name=version`."""
        image = [*required(self._run("apt-cache", "dumpavail")), *IMAGE]
        there = set(self._installs(image))
        return [one for one in self._installs([*image, *packages]) if one not in there]

    def newer(self) -> list[str]:
        """What there is above what is installed, and what that needs anew, each as `name=version`."""
        said = self._run(
            *("apt-get", "-q", "-s", "--with-new-pkgs", "--no-install-recommends", "upgrade")
        )
        return upgrades(said)

    def download(self, packages: Sequence[str], to: Path) -> list[Path]:
        """Fetches them, checked by apt against the signed lists; the files."""
        to.mkdir(parents=True)
        if packages:
            self._run("apt-get", "-q", "download", *packages, cwd=to)
        return sorted(path.rename(to / _plain(path.name)) for path in to.glob("*.deb"))

    def _installs(self, packages: Sequence[str]) -> list[str]:
        said = self._run("apt-get", "-q", "-s", "--no-install-recommends", "install", *packages)
        return installs(said)

    def _run(self, program: str, *words: str, cwd: Path | None = None) -> str:
        env = {**os.environ, "LC_ALL": "C"}
        return run([program, *self._options, *words], REMEDY, cwd or self._folder, env)


def _plain(name: str) -> str:
    """A file's name without apt's `%3a`, which an apt that reads it as an address takes for a colon."""
    return name.replace("%3a", "-")


def required(available: str) -> list[str]:
    """The packages of priority `required` in the output of `apt-cache dumpavail`."""
    found = {
        stanza.partition("\n")[0].removeprefix("Package: ")
        for stanza in available.split("\n\n")
        if "\nPriority: required\n" in f"{stanza}\n"
    }
    return sorted(found)


def installs(simulated: str) -> list[str]:
    """What `apt-get -s install` would unpack that was not there, each as `name=version`."""
    found = (INSTALLS.match(line) for line in simulated.splitlines())
    return [f"{one[1]}={one[3]}" for one in found if one and not one["old"]]


def upgrades(simulated: str) -> list[str]:
    """What `apt-get -s upgrade` would unpack, each as `name=version`. The same version again, which apt takes for
    another where it does not know all of what is installed, is none."""
    found = (INSTALLS.match(line) for line in simulated.splitlines())
    return [f"{one[1]}={one[3]}" for one in found if one and one["old"] != one[3]]


def write_index(debs: Iterable[Path], to: Path) -> Path:
    """The list of `debs`, by which an apt takes them from their folder (deb822, as in a `Packages` file)."""
    stanzas = []
    for path in debs:
        fields = run(["dpkg-deb", "-f", str(path)], REMEDY).rstrip("\n")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        size = path.stat().st_size
        stanzas.append(f"{fields}\nFilename: ./{path.name}\nSize: {size}\nSHA256: {sha256}\n")
    to.write_text("\n".join(stanzas), "utf-8")
    return to
