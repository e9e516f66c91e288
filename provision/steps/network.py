"""Wi-Fi and cellular modem as profiles of NetworkManager's, which takes them up when the machine needs them.

The link that we came over stays: profiles of ours stand behind others, and where another program has the network
NetworkManager is kept to Wi-Fi and modem before it is installed, so that it takes over nothing.
"""

from provision.host.job import Done, Job, done
from provision.host.laid import Laid
from provision.network.keyfile import profiles
from provision.network.wanted import Network
from provision.steps.boot import regulated
from wire.words import Words

MANAGER = "NetworkManager"
KEPT = "/etc/NetworkManager/conf.d/xunkong.conf"
KEPT_TEXT = b"""\
# Written by xunkong provision: another program has the other links.
[keyfile]
unmanaged-devices=*,except:type:wifi,except:type:gsm
"""
APPLY = f"if systemctl -q is-active {MANAGER}.service; then {{radio}}nmcli connection reload; fi"
RADIO_ON = "nmcli radio wifi on && "


def network(job: Job) -> Done:
    """Lays the profiles down, before the packages come that use them."""
    wanted = job.wish.network
    if wanted is None:
        return done(False, "以太网，无需设置", "Ethernet: nothing to be done")
    files = [Laid(path, content, "600") for path, content in profiles(wanted)]
    if MANAGER not in job.known.network:
        files.append(Laid(KEPT, KEPT_TEXT))
    apply = APPLY.format(radio=RADIO_ON if wanted.wifi else "")
    changed = job.machine.applied("network", files, apply)
    changed |= wanted.wifi is not None and regulated(job, wanted.wifi.country)
    shown = _shown(wanted)
    return done(changed, *shown)


def _shown(wanted: Network) -> Words:
    """Names alone."""
    parts = [f"Wi-Fi {wanted.wifi.ssid}"] if wanted.wifi else []
    parts += [f"APN {wanted.modem.apn}"] if wanted.modem else []
    text = ", ".join(parts)
    return Words(f"{text}；有别的连接时排在其后", f"{text}; used after any link that stood before")
