"""A unit's first step: what the machine is, and whether it may have the name, before anything is done to it."""

import tomllib

from provision.host.job import CONFIG, IDENTITY, Done, Job
from provision.steps.papers import CSR, another_has_it, held, kid_asked
from provision.steps.shared import facts
from wire.words import Fault


def look(job: Job) -> Done:
    """Raises `Fault` for a machine that cannot become the unit, and for a name that is another's."""
    ended = facts(job)
    _check_name(job)
    if not held(job):
        another_has_it(job, _kid_begun(job))
    return ended


def _check_name(job: Job) -> None:
    """Raises `Fault` for a machine that is another unit, in force: its address may be a slip of the pen."""
    if job.wish.rename or not job.machine.ask(f"test -e {IDENTITY}/unit.pem").good:
        return
    try:
        there = tomllib.loads(job.machine.ask(f"cat {CONFIG}").out).get("unit", {}).get("id")
    except (ValueError, AttributeError):
        return  # what cannot be read is written anew
    if there not in (None, job.wish.unit):
        raise Fault(
            f"此机器现为单元 {there}，未做改动；地址对吗？若确要改名为 {job.wish.unit}，请加 --rename",
            f"this machine is the unit {there}, nothing of it was changed; is the address right? If it is to become "
            f"{job.wish.unit}, add --rename",
        )


def _kid_begun(job: Job) -> str | None:
    """The key that a run which broke off asked a certificate for; None: no such run."""
    request = job.machine.ask(f"cat {CSR}")
    return kid_asked(f"{request.out}\n") if request.good and request.out else None
