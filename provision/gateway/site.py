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

UNFINISHED = f"{KEPT}/unfinished"
UNTRIED = f"{KEPT}/untried"
RELEASE_KEY = "/etc/xunkong/release.pub"
STANDS = f"test -e {KEPT}/keys/ca.key && test -e {CONFIG} && test ! -e {UNFINISHED}"
HALF = f"test ! -e {KEPT}/keys/ca.key || test -e {UNFINISHED}"
HEAD = "it is yours from now on, no later run changes it; see xunkong gateway init"


def site(job: GatewayJob) -> Done:
    """Makes it, unless it stands. Raises `Fault`."""
    changed = _release_key(job)
    if job.machine.ask(STANDS).good:
        return done(changed, f"已有，保持不变：{CONFIG}", f"there, left as it is: {CONFIG}")
    job.machine.run(making(job.wish))
    job.machine.lay([Laid(CONFIG, gateway_toml(job.wish).encode(), "640")])
    job.machine.run(finishing())
    return done(
        True,
        f"已建立；请把 {KEPT}/keys/ca.key 的副本放入保险柜",
        f"made; put a copy of {KEPT}/keys/ca.key into a safe",
    )


def _release_key(job: GatewayJob) -> bool:
    key = job.wish.release_key
    return key is not None and job.machine.lay([Laid(RELEASE_KEY, key)])


def making(wish: GatewayWish) -> str:
    """The shell's words: a site in a folder of its own, moved to where it is kept. A whole one is never touched."""
    hosts = [word for host in wish.hosts for word in ("--host", host)]
    new, keys = f"{KEPT}/new", f"{KEPT}/keys"
    return "\n".join(
        (
            f"{{ {HALF}; }} || {{ echo '{keys}/ca.key is there, {CONFIG} is not: put it back' >&2; exit 1; }}",
            "set -e",
            f"touch {UNFINISHED} {UNTRIED}",
            f"rm -rf {new} {KEPT}/store/store.db*",
            f"{XUNKONG} gateway init {new} --port {wish.port} {quoted(*hosts)}",
            f"mv {new}/store.db* {KEPT}/store/",
            f"mv -f {new}/keys/* {keys}/",
            f"cp {new}/device.example.toml {new}/unit.example.toml /etc/xunkong/",
            f"rm -rf {new}",
        )
    )


def finishing() -> str:
    """The shell's words: the broker's files, everything to whom it belongs, and on the medium."""
    return "\n".join(
        (
            "set -e",
            f"{XUNKONG} gateway broker config --config {CONFIG} >/dev/null",
            "systemd-tmpfiles --create /etc/tmpfiles.d/xunkong-gateway.conf",
            f"sync && rm -f {UNFINISHED}",
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
