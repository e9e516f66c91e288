"""Debian packages from the bundle: the machine's own apt takes what it lacks from a folder, and asks no network."""

from provision.host.job import Done, Work, done
from provision.host.machine import quoted
from provision.steps.carry import lacking, unpacked

APT = "/var/cache/xunkong/apt"
WAIT_S = 180
"""A fresh image's own first update may hold the lock."""


def packages(job: Work) -> Done:
    """Installs what is lacking."""
    wanted = lacking(job, job.known)
    if not wanted:
        return done(False, "齐全", "all there")
    job.machine.run(install_script(f"{unpacked(job)}/debs", wanted))
    names = " ".join(wanted)
    return done(True, names, names)


def install_script(folder: str, wanted: list[str]) -> str:
    """The shell's words that install `wanted` from `folder`, whatever an interrupted run left behind."""
    options = {
        "Dir::Etc::sourcelist": f"{APT}/sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": f"{APT}/lists",
        "APT::Sandbox::User": "root",
        "DPkg::Lock::Timeout": WAIT_S,
        "Dpkg::Options::": "--force-confold",
    }
    words = quoted(*(f"-o{name}={value}" for name, value in options.items()))
    return "\n".join(
        (
            "set -e",
            "export DEBIAN_FRONTEND=noninteractive LC_ALL=C",
            f"mkdir -p {APT}/lists/partial",
            f"echo 'deb [trusted=yes] file:{folder} ./' >{APT}/sources.list",
            "dpkg --configure -a",
            f"apt-get -qq {words} update",
            f"apt-get -qq -y {words} --no-install-recommends install {quoted(*wanted)} >/dev/null",
        )
    )
