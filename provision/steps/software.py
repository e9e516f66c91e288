"""The software into the slot that is not in use, from the bundle's wheels alone; then it is the one that counts.

Which slot counts is kept as updates keep it (`device/update/guard.py`, which provisioning lays beside the slots): a
slot is marked empty before it is written, and named only when it is whole and was tried.
"""

from provision.host.job import Done, Trade, Work, done
from provision.host.laid import Laid
from provision.host.machine import alone, quoted
from provision.steps.carry import tidy, unpacked
from provision.steps.versions import software_is_due
from wire.words import Fault

ROOT, KEEP = "/opt/xunkong", "/var/lib/xunkong/update"
GUARD = f"{ROOT}/guard.py"
PATCHING = "/usr/local/lib/xunkong"
STAMP = "bundle"
CHOOSE = f"""
import sys
from pathlib import Path
sys.path.insert(0, "{ROOT}")
import guard
place = guard.Place(Path("{ROOT}"), Path("{KEEP}"))
state = place.read()
if state.trial:
    sys.exit("trial")
if not place.works(state.good):
    print(state.good)
else:
    place.write(guard.emptied(state))
    print(state.idle)
"""
NAME = f"""
import sys
from pathlib import Path
sys.path.insert(0, "{ROOT}")
import guard
place = guard.Place(Path("{ROOT}"), Path("{KEEP}"))
slot, version = sys.argv[1:]
slots = {{**place.read().slots, slot: guard.Content(version)}}
place.write(guard.State(slot, slots))
"""


def software(job: Work) -> Done:
    """Installs it where the machine has another, or none; a newer one that an update brought stays."""
    manifest, facts, machine = job.bundle.manifest, job.known, job.machine
    changed = machine.lay(guards(job))
    if not software_is_due(facts, manifest.version, manifest.software):
        tidy(job)
        job.report["version"] = facts.version
        return done(changed, f"版本 {facts.version}", f"version {facts.version}")
    slot = _choose(job)
    wheels = [f"{unpacked(job)}/{name}" for name in job.bundle.names("wheels")]
    machine.run(install_script(slot, wheels, manifest.software, job.trade))
    machine.run(f"{_by(job.trade.owner)} {quoted(slot, manifest.version)}", NAME)
    tidy(job)
    version = manifest.version
    return done(True, f"版本 {version}，槽 {slot}", f"version {version}, slot {slot}")


def guards(job: Work) -> list[Laid]:
    """What lies outside the slots: the guard, and what runs as root, which nobody else may write."""
    root = [
        Laid(f"{PATCHING}{name.removeprefix('guard/root')}", job.bundle.read(name))
        for name in job.bundle.names("guard/root")
    ]
    return [Laid(GUARD, job.bundle.read("guard/guard.py")), *root]


def _choose(job: Work) -> str:
    if job.machine.dry:
        return "a"
    answer = job.machine.ask(alone(_by(job.trade.owner)), CHOOSE)
    if answer.good:
        return answer.out.strip()
    if answer.err.strip().endswith("trial"):
        raise Fault(
            "单元正在试用一次更新；等它结束（最多十分钟）再运行",
            "an update is on trial there; run again when that has ended, in ten minutes at most",
        )
    raise Fault(f"无法选择槽：{answer.err}", f"no slot could be chosen: {answer.err}")


def _by(owner: str) -> str:
    """Python of the system's own, as who owns the slots; it leaves nothing beside the guard."""
    return f"cd / && runuser -u {owner} -- python3 -I -B -"


def install_script(slot: str, wheels: list[str], stamp: str, trade: Trade) -> str:
    """The shell's words: a venv in `slot`, tried, and on the medium.

    It sees the system's packages, since camera (picamera2) and pins (lgpio) come from Raspberry Pi OS; of all
    else it has its own. pip runs from its wheel.
    """
    home, pip = f"{ROOT}/slots/{slot}", next(path for path in wheels if "/pip-" in path)
    install = "install --quiet --no-index --no-deps --ignore-installed --disable-pip-version-check"
    return "\n".join(
        (
            "set -e",
            f"rm -rf {home} && mkdir -p {ROOT}/slots",
            f"python3 -m venv --system-site-packages --without-pip {home}",
            f"PIP_ROOT_USER_ACTION=ignore python3 {quoted(pip)}/pip --python {home}/bin/python "
            f"{install} {quoted(*wheels)}",
            f"{home}/bin/xunkong {trade.room} --help >/dev/null",
            f"echo {stamp} >{home}/{STAMP}",
            f"chown -R {trade.owner}: {home}",
            "sync",
        )
    )
