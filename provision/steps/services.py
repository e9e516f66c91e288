"""The services from the bundle, and systemd's own bounds: journal, watchdog. They start with the machine."""

from pyinfra.operations import systemd

from provision.host.job import Done, Work, done
from provision.host.laid import Laid

PLACES = {
    "systemd/system/": "/etc/systemd/system/",
    "systemd/journald.conf.d/": "/etc/systemd/journald.conf.d/",
    "systemd/system.conf.d/": "/etc/systemd/system.conf.d/",
}
APPLY = "systemctl daemon-reexec && systemctl restart systemd-journald.service"


def services(job: Work) -> Done:
    """Lays them down and has them start with the machine; the main ones are started later."""
    changed = job.machine.applied("services", service_files(job), APPLY)
    for name in installed_units(job):
        running = None if name in job.trade.services else True
        changed |= job.machine.do(systemd.service, service=name, running=running, enabled=True)
    names = " ".join(job.trade.services)
    return done(changed, names, names)


def service_files(job: Work) -> list[Laid]:
    """All that its machine has below /etc/systemd."""
    return [
        Laid(place + name.removeprefix(start), job.bundle.read(name))
        for start, place in PLACES.items()
        for name in job.bundle.names(start.rstrip("/"))
        if not job.trade.strangers.search(name)
    ]


def installed_units(job: Work) -> list[str]:
    """Those that start with the machine."""
    return [
        one.path.rpartition("/")[2]
        for one in service_files(job)
        if b"\n[Install]\n" in one.content and "@" not in one.path
    ]
