"""What the card's service runs at the machine's first boots: the same steps as over SSH, on this machine itself.

It is run again until the unit is on duty. A unit that runs and whose self-test found a fault is left to run: its
report says what is wrong, and nobody is there to mend it.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from provision.bundle.bundle import Bundle
from provision.host.job import Job, Wish
from provision.host.machine import Machine
from provision.host.report import write_report
from provision.host.run import run_steps
from provision.host.show import Show
from provision.host.site import SiteByCode
from provision.host.steps import STEPS
from provision.network.wanted import Network
from provision.sd.card import AUTHORITY, BUNDLE, SCRIPTS, SERVICE, UNIT, Card, read_card
from provision.sd.partition import MADE
from wire.words import Language

UNIT_FILE = Path("/etc/systemd/system") / SERVICE
RUNS_ALREADY = ("selftest",)
"""Steps whose failure leaves a unit on duty, as far as it can be."""


def make_unit(folder: Path, as_json: bool, language: Language) -> int:
    """0 when nothing is left to be tried, else 1. Raises `Fault`."""
    card = read_card(folder / UNIT)
    show = Show(len(STEPS), as_json, language)
    with Machine(None) as machine:
        site = SiteByCode(folder / AUTHORITY, card.code)
        job = Job(machine, _wish(card, folder), Bundle(folder / BUNDLE), site)
        job.report["host"] = "first boot"
        job.say = show.percent
        good = run_steps(job, show.begins, show.ended, STEPS)
        files = write_report(job.report, folder)
        show.result(job.report, files)
        if not (good or _runs(job.report)):
            return 1
        _settle(machine, folder)
    return 0


def _wish(card: Card, folder: Path) -> Wish:
    return Wish(
        unit=card.unit,
        role=card.role,
        zone=card.zone,
        brokers=card.brokers,
        parts=card.parts,
        model_file=card.model_file,
        boot_folder=str(folder.parent),
        keys_only=card.keys_only,
        release_key=card.release_key.encode() if card.release_key else None,
        network=Network(modem=card.modem) if card.modem else None,
    )


def _runs(report: dict[str, Any]) -> bool:
    return report["steps"][-1]["step"] in RUNS_ALREADY


def _settle(machine: Machine, folder: Path) -> None:
    """The code, and all that was needed once, leave the card; the report stays."""
    machine.run(f"systemctl disable {SERVICE}")
    for name in (UNIT, AUTHORITY, BUNDLE, MADE, *SCRIPTS):
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    UNIT_FILE.unlink(missing_ok=True)
