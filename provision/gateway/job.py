"""A gateway to be made: what is wanted of it, and what it is on its machine."""

import re

from provision.bundle.bundle import Bundle
from provision.host.job import Trade, Wanted, Work
from provision.host.machine import Machine

CONFIG = "/etc/xunkong/gateway.toml"
KEPT = "/var/lib/xunkong/gateway"
XUNKONG = "/opt/xunkong/current/bin/xunkong"
GATEWAY = Trade(
    made_for="gateway",
    room="gateway",
    config=CONFIG,
    other="/etc/xunkong/device.toml",
    services=(
        "mosquitto.service",
        "xunkong-authority.service",
        "xunkong-ingest.service",
        "xunkong-forward.service",
    ),
    strangers=re.compile(r"xunkong-(device|guard|logs|patch|safe-mode|trial|update)"),
    account="xunkong-gateway.conf",
    user="xunkong-ingest",
    home="/var/lib/xunkong/update",
    folders=(
        "install -d -m 0755 /opt/xunkong/slots /var/lib/xunkong/update "
        f"&& ln -sfn {XUNKONG} /usr/local/bin/xunkong"
    ),
    owner="root",
)


class GatewayWish(Wanted, frozen=True, kw_only=True):
    """The gateway as it is wanted. `hosts`: by which names or addresses units reach it; `port`: of the units, and
    at the one above they get certificates. `platform`: where check-ins go (URL); None: nowhere yet.

    `asked`: which of `zone`, `hosts` and `port` were asked for in so many words; the others are as is usual.
    """

    hosts: tuple[str, ...]
    port: int = 8883
    platform: str | None = None
    asked: frozenset[str] = frozenset()


class GatewayJob(Work):
    """A gateway."""

    wish: GatewayWish

    def __init__(self, machine: Machine, wish: GatewayWish, bundle: Bundle) -> None:
        super().__init__(machine, GATEWAY, wish, bundle)
        self.report |= {"unit": "gw", "role": "gateway"}
        self.report["brokers"] = [f"{host}:{wish.port}" for host in wish.hosts]
