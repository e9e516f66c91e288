"""A unit's first step: what the machine is, and whether it may have the name, before anything is done to it."""

import tomllib

from provision.host.job import CONFIG, IDENTITY, Done, Job
from provision.steps.papers import another_has_it, held, kids_there
from provision.steps.settings import check_settings
from provision.steps.shared import facts
from wire.words import Fault


def look(job: Job) -> Done:
    """Raises `Fault` for a machine that cannot become the unit, and for a name that is another's."""
    ended = facts(job)
    name = _name(job)
    if name not in (None, job.wish.unit) and not job.wish.rename:
        raise Fault(
            f"此机器现为单元 {name}，未做改动；地址对吗？若确要改名为 {job.wish.unit}，请用 provision host … --rename",
            f"this machine is the unit {name}, nothing of it was changed; is the address right? If it is to become "
            f"{job.wish.unit}: provision host … --rename",
        )
    if job.wish.parts:
        check_settings(job)
    if name != job.wish.unit or not held(job):
        another_has_it(job, *kids_there(job))
    return ended


def _name(job: Job) -> str | None:
    """The unit that the machine is in force; None: it is none, or nobody can read which."""
    if not job.machine.ask(f"test -e {IDENTITY}/unit.pem").good:
        return None
    try:
        there = tomllib.loads(job.machine.ask(f"cat {CONFIG}").out).get("unit", {}).get("id")
    except (ValueError, AttributeError):
        return None  # what cannot be read is written anew
    return there if isinstance(there, str) else None
