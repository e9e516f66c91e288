"""The unit's services from the bundle, and systemd's own bounds: journal, watchdog. They start with the machine."""

import re

from pyinfra.operations import systemd

from provision.host.job import Done, Job, done
from provision.host.laid import Laid

GATEWAYS = re.compile(r"gateway|mosquitto|broker|ingest|forward|authority|backup|retain|console")
PLACES = {
    "systemd/system/": "/etc/systemd/system/",
    "systemd/journald.conf.d/": "/etc/systemd/journald.conf.d/",
    "systemd/system.conf.d/": "/etc/systemd/system.conf.d/",
}
UNIT = "xunkong-device.service"
APPLY = "systemctl daemon-reexec && systemctl restart systemd-journald.service"


def services(job: Job) -> Done:
    """Lays them down and has them start with the machine; the unit's own is started later."""
    changed = job.machine.applied("services", service_files(job), APPLY)
    for name in installed_units(job):
        running = None if name == UNIT else True
        changed |= job.machine.do(systemd.service, service=name, running=running, enabled=True)
    return done(changed, UNIT, UNIT)


def service_files(job: Job) -> list[Laid]:
    """All that a unit's machine has below /etc/systemd."""
    return [
        Laid(place + name.removeprefix(start), job.bundle.read(name))
        for start, place in PLACES.items()
        for name in job.bundle.names(start.rstrip("/"))
        if not GATEWAYS.search(name)
    ]


def installed_units(job: Job) -> list[str]:
    """Those that start with the machine."""
    return [
        one.path.rpartition("/")[2]
        for one in service_files(job)
        if b"\n[Install]\n" in one.content and "@" not in one.path
    ]
