"""The site itself: authority, keys, store and configuration, made once on the machine, and never made again.

The authority's key is born there and stays there. While a site is being made a file says so; only what was left
unfinished is thrown away by the next run.
"""

from typing import Any

from provision.gateway.job import CONFIG, KEPT, XUNKONG, GatewayJob, GatewayWish
from provision.host.job import Done, done
from provision.host.laid import Laid
from provision.host.machine import quoted
from provision.steps.settings import to_toml
from wire.words import Fault

UNFINISHED = f"{KEPT}/unfinished"
UNTRIED = f"{KEPT}/untried"
RELEASE_KEY = "/etc/xunkong/release.pub"
AUTHORITY = f"{KEPT}/keys/ca.key"
STANDS = f"test -e {AUTHORITY} && test -e {CONFIG} && test ! -e {UNFINISHED}"
STORE = f"{KEPT}/store/store.db"
MAY_BE_MADE = f"test -e {UNFINISHED} || {{ test ! -e {AUTHORITY} && test ! -e {CONFIG} && test ! -e {STORE}; }}"
STARTED = f"{KEPT}/started"
"""For which software and services they were started last."""
BROKER = (
    f"{XUNKONG} gateway broker config --config {CONFIG} >/dev/null "
    "&& systemd-tmpfiles --create /etc/tmpfiles.d/xunkong-gateway.conf"
)
"""The broker's files as this software writes them, and everything to whom it belongs."""
FINISH = f"{BROKER} && sync && rm -f {UNFINISHED}"
HEAD = "it is yours from now on, no later run changes it; see xunkong gateway init"


def site(job: GatewayJob) -> Done:
    """Makes it, unless it stands. Raises `Fault`."""
    changed = _release_key(job)
    if job.machine.ask(STANDS).good:
        return done(changed, f"已有，保持不变：{CONFIG}", f"there, left as it is: {CONFIG}")
    if not job.machine.ask(MAY_BE_MADE).good:
        raise Fault(
            f"{AUTHORITY}、{CONFIG} 与 {STORE} 不齐全：请放回缺少的，或把剩下的移走",
            f"of {AUTHORITY}, {CONFIG} and {STORE} some are there and some are not: put back what is missing, or "
            "move away what is left",
        )
    job.machine.run(making(job.wish))
    job.machine.lay([Laid(CONFIG, gateway_toml(job.wish).encode(), "640")])
    job.machine.run(FINISH)
    return done(
        True,
        f"已建立；请把 {KEPT}/keys/ca.key 的副本放入保险柜",
        f"made; put a copy of {KEPT}/keys/ca.key into a safe",
    )


def _release_key(job: GatewayJob) -> bool:
    key = job.wish.release_key
    return key is not None and job.machine.lay([Laid(RELEASE_KEY, key)])


def making(wish: GatewayWish) -> str:
    """The shell's words: a site in a folder of its own, moved to where it is kept. Not for one that stands."""
    hosts = [word for host in wish.hosts for word in ("--host", host)]
    new, keys = f"{KEPT}/new", f"{KEPT}/keys"
    return "\n".join(
        (
            f"{{ {MAY_BE_MADE}; }} || {{ echo 'somebody made it meanwhile' >&2; exit 1; }}",
            "set -e",
            f"touch {UNFINISHED} {UNTRIED}",
            f"rm -rf {new} {STORE}* {STARTED}",
            f"{XUNKONG} gateway init {new} --port {wish.port} {quoted(*hosts)}",
            f"mv {new}/store.db* {KEPT}/store/",
            f"mv -f {new}/keys/* {keys}/",
            f"cp {new}/device.example.toml {new}/unit.example.toml /etc/xunkong/",
            f"rm -rf {new}",
        )
    )


def gateway_toml(wish: GatewayWish) -> str:
    """The file's text."""
    table: dict[str, Any] = {
        "broker": [{"host": "127.0.0.1", "port": wish.port + 2}],
        "mosquitto": {
            "folder": f"{KEPT}/broker",
            "units_port": wish.port,
            "enrol_port": wish.port + 1,
            "gateway_port": wish.port + 2,
        },
        "keys": {"folder": f"{KEPT}/keys"},
        "authority": {"reload": ["touch", "/run/xunkong-gateway/reload-broker"]},
        "store": {"url": f"sqlite:///{KEPT}/store/store.db"},
        "photos": {"path": f"{KEPT}/photos"},
        "releases": {"folder": f"{KEPT}/releases", "key": RELEASE_KEY},
        "site": {"zone": wish.zone},
    }
    if wish.platform:
        table["sink"] = [{"kind": "cloudevents", "url": wish.platform}]
    return to_toml(table, HEAD)
