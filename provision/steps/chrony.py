"""chrony: the machine's clock from the receiver, where there is one, and from the gateway, where it serves time."""

from provision.host.job import USER, Done, Job, done
from provision.host.laid import Laid
from provision.steps.settings import CHRONY_SOCKET

CONF = "/etc/chrony/conf.d/xunkong.conf"
DROP_IN = "/etc/systemd/system/chrony.service.d/xunkong.conf"
GPS = f"refclock SOCK {CHRONY_SOCKET} refid GPS offset 0.15 delay 0.3 poll 3\n"
SOCKET = f"""\
# chronyd makes its socket anew at each start, for root alone; the unit writes the receiver's time to it.
[Service]
ExecStartPost=-/bin/sh -c 'chgrp {USER} {CHRONY_SOCKET} && chmod g+w {CHRONY_SOCKET}'
"""
APPLY = "systemctl daemon-reload && systemctl enable -q chrony.service && systemctl restart chrony.service"


def chrony(job: Job) -> Done:
    """Configures it, and starts it anew where that changed."""
    files = [Laid(CONF, chrony_conf(job).encode()), Laid(DROP_IN, SOCKET.encode())]
    changed = job.machine.applied("chrony", files, APPLY)
    hosts = " ".join(one.host for one in job.wish.brokers)
    return done(changed, hosts, hosts)


def chrony_conf(job: Job) -> str:
    """Its sources. A clock that is wrong at the start is set at once, whatever the difference."""
    servers = "".join(f"server {one.host} iburst\n" for one in job.wish.brokers)
    return f"# Written by xunkong provision.\nmakestep 1 -1\n{GPS}{servers}"
