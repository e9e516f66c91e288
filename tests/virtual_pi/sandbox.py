"""What each service may do, as a table, and what it can do, as a probe in its place finds out."""

import json
from pathlib import Path
from typing import Any

from tests.virtual_pi.site import SERVICES, Site

PROBE = Path(__file__).parent / "probe.py"
KEPT, CONFIGURED = "/var/lib/xunkong/gateway", "/etc/xunkong/gateway.toml"
UNIT_KEPT, INBOX = "/var/lib/xunkong/device", "/var/lib/xunkong/update/inbox"
SIGNS = (f"{KEPT}/keys/signing.key", f"{KEPT}/keys/gateway.key")
STORE = (f"{KEPT}/store", f"{KEPT}/store/store.db")
BROKER = (f"{KEPT}/broker", f"{KEPT}/broker/passwords", f"{KEPT}/keys/broker.key")
MAY_USE = {
    "mosquitto.service": {*BROKER},
    "xunkong-authority.service": {
        *(CONFIGURED, *SIGNS, *STORE, *BROKER, f"{KEPT}/keys", f"{KEPT}/keys/ca.key")
    },
    "xunkong-ingest.service": {CONFIGURED, *SIGNS, *STORE, f"{KEPT}/photos"},
    "xunkong-forward.service": {CONFIGURED, *SIGNS, *STORE},
    "xunkong-device.service": {
        *("/dev/ttyAMA0", "/dev/ttyAMA3", "/dev/ttyS9", "/etc/xunkong/device.toml", INBOX),
        *(UNIT_KEPT, f"{UNIT_KEPT}/unit.key", "/run/xunkong-device"),
    },
}
NOBODY_USES = {
    *("/etc", "/etc/shadow", "/etc/xunkong", "/usr", "/root", "/var/lib", "/dev/fuse9"),
    *("/opt/xunkong", "/opt/xunkong/slots/a", "/var/lib/xunkong/update", f"{KEPT}/backup"),
}
NODES = "mknod -m 666 /dev/fuse9 c 10 229; mknod -m 666 /dev/ttyS9 c 4 64"
"""A device that is nobody's business, and a serial port that is the unit's; both with rights for everybody."""

USERS = {unit: unit.removesuffix(".service") for unit in SERVICES}
HAVE_NETWORK = set(SERVICES) - {"xunkong-authority.service"}
"""The others hear this machine alone."""


def probed(site: Site) -> dict[str, dict[str, Any]]:
    """What the probe said when it ran once in the place of each service's program."""
    site.pi.put(PROBE, into="/opt")
    paths = " ".join(sorted(NOBODY_USES.union(*MAY_USE.values())))
    instead = {
        unit: (
            *("[Service]", "Type=oneshot", "WatchdogSec=0", "Restart=no", "ExecReload="),
            *(
                "ExecStart=",
                f"ExecStart=/usr/bin/python3 -I /opt/probe.py {site.pi.address} {paths}",
            ),
            f"StandardOutput=truncate:/run/{unit}.json",
        )
        for unit in SERVICES
    }
    units = " ".join(SERVICES)
    with site.otherwise(instead):
        site.pi.run(f"{NODES}; systemctl stop {units}; systemctl start {units}")
        return {unit: json.loads(site.pi.run(f"cat /run/{unit}.json")) for unit in SERVICES}
