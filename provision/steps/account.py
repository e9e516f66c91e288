"""The user that the unit runs as, and its folders, by systemd's own files."""

from provision.host.job import STATE, USER, Done, Job, done
from provision.host.laid import Laid

PLACES = {
    "systemd/sysusers.d/xunkong-device.conf": "/etc/sysusers.d/xunkong-device.conf",
    "systemd/tmpfiles.d/xunkong-device.conf": "/etc/tmpfiles.d/xunkong-device.conf",
}
MAKE = (
    "systemd-sysusers /etc/sysusers.d/xunkong-device.conf "
    "&& systemd-tmpfiles --create /etc/tmpfiles.d/xunkong-device.conf "
    f"&& install -d -o {USER} -g {USER} -m 0700 {STATE}"
)


def account(job: Job) -> Done:
    """Makes them."""
    files = [Laid(to, job.bundle.read(name)) for name, to in PLACES.items()]
    changed = job.machine.applied("account", files, MAKE)
    if not job.machine.ask(f"id {USER} && test -d {STATE}").good:
        job.machine.run(MAKE)
        changed = True
    return done(changed, USER, USER)
