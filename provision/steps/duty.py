"""On duty: the services run, and the gateway has heard of a unit."""

import json
import time
from typing import Any

from pyinfra.operations import systemd

from provision.host.job import CONFIG, XUNKONG, Done, Job, Work, done
from provision.steps.papers import AS_UNIT
from wire.words import Fault

MOST_S = 60.0
PAUSE_S = 0.5
STAT = f"{AS_UNIT} {XUNKONG} device journal stat --config {CONFIG} --json"


def running(job: Work) -> Done:
    """Has the services run; a start that fails says why."""
    changed, names = False, " ".join(job.trade.services)
    for name in job.trade.services:
        if job.machine.ask(f"systemctl is-failed -q {name}").good:
            job.machine.run(f"systemctl reset-failed {name}")  # else it may not be started yet
        changed |= job.machine.do(systemd.service, service=name, running=True, enabled=True)
        if not job.machine.dry and not job.machine.ask(f"systemctl is-active -q {name}").good:
            log = job.machine.ask(f"journalctl -q -n 5 -o cat -u {name}").out
            raise Fault(f"{name} 没有运行：\n{log}", f"{name} does not run:\n{log}")
    return done(changed, names, names)


def heartbeat(job: Job) -> Done:
    """Waits until the gateway has heard of the unit, after its last start."""
    if job.machine.dry:
        return done(False, "演练中不等待", "not waited for on a dry run")
    until_s = time.monotonic() + MOST_S
    while time.monotonic() < until_s:
        seen = job.site.heard(job.wish.unit)
        if seen is None:
            if _acknowledged(job):
                return done(False, "网关已确认其记录", "the gateway acknowledged its records")
        elif seen.get("online") and _fresh(job, seen):
            job.report["seen"] = seen
            return done(False, "网关已看到它在线", "the gateway sees it on line")
        time.sleep(PAUSE_S)
    raise Fault(
        f"{MOST_S:.0f} 秒内网关没有听到它",
        f"the gateway did not hear of it within {MOST_S:.0f} s",
    )


def _fresh(job: Job, seen: dict[str, Any]) -> bool:
    """Whether it was heard of since we started it; a picture of before is worth nothing."""
    age_s = seen.get("heard_age_s")
    return job.started_s is None or (age_s is not None and age_s < time.monotonic() - job.started_s)


def _acknowledged(job: Job) -> bool:
    answer = job.machine.ask(STAT)
    logs = json.loads(answer.out)["logs"] if answer.good else []
    return any(one["stream"] == "event" and one["acknowledged"] > 0 for one in logs)
