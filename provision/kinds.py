"""Which machines a bundle is made for: processor and Debian release, and what both mean to pip and apt."""

from typing import Literal, get_args

from msgspec import Struct

from wire.words import Fault

MadeFor = Literal["unit", "gateway"]
"""What a machine is made into."""
MADE_FOR: tuple[MadeFor, ...] = get_args(MadeFor)

ARCHES = {"aarch64": "arm64", "x86_64": "amd64"}
"""Debian's name of each processor, by the kernel's."""


class Release(Struct, frozen=True):
    """A Debian release, on which Raspberry Pi OS of the same name rests. `glibc`: minor version of its 2.x."""

    python: str
    glibc: int
    packages: tuple[str, ...]
    """Debian packages that either needs, and a fresh image lacks."""
    wheels: tuple[str, ...] = ()
    """What pip brings beside the project, where it has a wheel for an aarch64; pins otherwise need Raspberry Pi OS's
    own python3-lgpio."""


RELEASES = {
    "bookworm": Release("3.11", 36, ("chrony", "openssl", "python3-venv"), ("lgpio>=0.2.2",)),
    "trixie": Release("3.13", 41, ("chrony", "openssl", "python3-venv")),
}
OLDEST_GLIBC = 17
BROKER = ("mosquitto", "nftables")
"""What a gateway needs beside."""
NETWORK = {
    "wifi": ("network-manager", "wpasupplicant", "wireless-regdb"),
    "modem": ("network-manager", "modemmanager"),
}
"""What a network needs where one is asked for; carried along always, as images differ in what they have."""


class Kind(Struct, frozen=True):
    """One kind of machine."""

    os: str
    arch: str

    @property
    def release(self) -> Release:
        """What its Debian release brings."""
        return RELEASES[self.os]

    @property
    def debian_arch(self) -> str:
        """As dpkg names the processor."""
        return ARCHES[self.arch]

    @property
    def python(self) -> str:
        """The Python of its release, as `3.11`."""
        return self.release.python

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags that run on it, best first (PEP 600)."""
        minors = range(self.release.glibc, OLDEST_GLIBC - 1, -1)
        tags = (f"manylinux_2_{minor}_{self.arch}" for minor in minors)
        return (*tags, f"manylinux2014_{self.arch}", f"linux_{self.arch}")

    def how_to_bundle(self, made_for: MadeFor) -> str:
        """The command that makes a bundle for it."""
        made = f"--for {made_for} --arch {self.arch} --os {self.os}"
        return f"xunkong provision bundle {made} --to {made_for}-{self.os}.zip"

    def __str__(self) -> str:
        return f"{self.os} {self.arch}"


def kind_of(os: str, arch: str) -> Kind:
    """Raises `Fault` for a machine that no bundle is made for."""
    if os not in RELEASES or arch not in ARCHES:
        raise Fault(
            f"不支持 {os} {arch}；应为 {'、'.join(RELEASES)} 与 {'、'.join(ARCHES)}",
            f"{os} {arch} is not supported; give one of {', '.join(RELEASES)} and of {', '.join(ARCHES)}",
        )
    return Kind(os, arch)
