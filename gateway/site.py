"""A new gateway's folder: its configuration, its keys, a broker's configuration, and examples for its units."""

import re
from collections.abc import Sequence
from pathlib import Path

from gateway.config import GatewayConfig, load
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.folder import KeyFolder
from gateway.fleet.roll import check_clock
from gateway.fleet.site_keys import make_site
from gateway.store.open import open_store
from wire.hosts import check_hosts
from wire.words import Fault

UNITS_PORT, MAX_PORT = 8883, 65_535
DEFAULT_HOSTS = ("gateway.local",)
UNITS_BROKER = '[[broker]]\nhost = "{}"\nport = {}\n'
FILES = {
    "gateway.toml": """\
# The gateway. All times inside are UTC; [site] zone is how they are shown.

[[broker]]                 # as many as there are; units use whichever answers
host = "127.0.0.1"
port = 8885                # the gateway's own listener, see [mosquitto]
#tls = false               # a bench's broker, in clear

[mosquitto]                # what `xunkong gateway broker config` makes of it lies in broker/
units_port = 8883
enrol_port = 8884
gateway_port = 8885
#max_units = 2000

#[keys]                    # the site's authority and the gateway's own keys: keep a copy in a safe
#folder = "keys"

#[authority]               # how long certificates last
#unit_days = 730

[store]
url = "sqlite:///store.db" # or postgresql+psycopg://user@host/database

#[retention]               # xunkong gateway retain, daily from a timer; absent: for ever
#event_days = 1100
#track_days = 400
#quarantine_days = 90

#[photos]                  # where the units' photos are put together
#path = "photos"
#keep_days = 180           # `gateway retain` removes older ones that no incident holds

#[releases]                # of the units' software: xunkong release publish
#key = "release.pub"       # whose signature counts; its private half is kept elsewhere
#kib_s = 2048              # what all units together get of them

#[cards]                   # cards that prove themselves: xunkong card keys new card-keys.toml
#keys = "card-keys.toml"

#[[sink]]                  # the command platform: CloudEvents over HTTP
#kind = "cloudevents"
#url = "https://platform.example/events"

[site]
zone = "Asia/Shanghai"
""",
    "unit.example.toml": """\
# What the city wants of one unit:
#   xunkong gateway config push --config gateway.toml --unit cp-01 unit.example.toml

checkpoint = "east-gate"   # the place at which a checkpoint unit stands
repeat_s = 10              # the same badge again within this is one check-in
keep_days = 7
#least_proof = "sun"       # what a card must prove here: uid, sun, ev2
photo_on = ["checkin", "order", "sos"]  # what a unit with a camera takes photos of

[[place]]
id = "east-gate"
name = "东门"
lat = 27.2418              # WGS-84
lon = 111.4725
radius_m = 50

[[badge]]
uid = "04a1b2c3d4e5f6"
person = "p-10233"
role = "officer"
valid_from = 2026-01-01T00:00:00+08:00
#card = "ntag424"          # proves itself; see `xunkong card` and `gateway unit-key`
#duress = true             # accepted like any other, and a silent alarm
#welfare_s = 1800          # alone: to be heard of every 30 minutes

#[[duty]]                  # a tag that stands for a duty, tapped after a badge
#uid = "04d0000000001a"
#duty = "mediation"

[sampling]                 # a vehicle's positions
moving_s = 1
rest_s = 60
""",
    "device.example.toml": """\
# One unit: xunkong device run --config device.toml

[unit]
id = "cp-01"
role = "checkpoint"        # or vehicle

[[broker]]
host = "gateway.local"
port = 8883

#[identity]                # its certificate: xunkong device enrol --code -
#folder = "identity"

[journal]
path = "journal.db"
#max_mb = 1024             # positions are thinned, oldest first, before it is exceeded; events go last
#min_free_mb = 200         # of its disk, for others

[nfc]
port = "/dev/ttyAMA3"

#[gps]
#port = "/dev/ttyAMA0"
#baud = 9600

[panel]
kind = "gpio"              # or sim, none

#[power]                   # a vehicle's ignition wire: off for hold_s, the unit powers off
#hold_s = 10

#[clock]
#set_system = true         # bring the system's time to the newest ever kept, after a power cut

#[update]                  # takes releases of its software; needs the slots that provisioning makes
#link_pct = 25
#quiet_s = 60              # without a tap, a button, an order, before it changes over
#trial_s = 600

#[camera]
#kind = "picamera2"        # or sim, none
#folder = "photos"         # what waits for the gateway lies here
#max_photos = 2000
#max_mb = 1024
#keep_free_mb = 256        # of the card, for records
#link_pct = 50             # what photos may take of the link while nothing else waits
""",
}


def lay_out(folder: Path, hosts: Sequence[str] = (), port: int = UNITS_PORT) -> list[Path]:
    """Makes a new gateway's files and keys in `folder`, and its store. Raises `Fault`; never overwrites.

    `hosts`: by which names or addresses units reach its broker. `port`: of the units; of the two above it
    units get certificates at the first, and the gateway uses the second.
    """
    check_clock(now_ms())
    paths = [folder / name for name in (*FILES, "store.db", "keys", "broker")]
    check_hosts(hosts)
    if not 1 <= port <= MAX_PORT - 2:
        raise Fault(
            f"--port {port}：应在 1 到 {MAX_PORT - 2} 之间",
            f"--port {port}: give 1 to {MAX_PORT - 2}",
        )
    there = [path for path in paths if path.exists()]
    if there:
        raise Fault(
            f"{there[0]} 已存在，未做任何改动；请换一个目录",
            f"{there[0]} is there already, nothing was changed; choose another folder",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(_filled(text, hosts, port))
    except OSError as exc:
        raise Fault(
            f"无法写入 {folder}：{exc.strerror}；请检查路径和权限",
            f"cannot write into {folder}: {exc.strerror}; check the path and its permissions",
        ) from exc
    _make_keys(load(folder / "gateway.toml"), hosts)
    return paths


def _filled(text: str, hosts: Sequence[str], port: int) -> str:
    """The examples' ports and the broker's name, as this site has them."""
    ports = {str(UNITS_PORT + number): str(port + number) for number in range(3)}
    text = re.sub("(?<=port = )" + "|(?<=port = )".join(ports), lambda at: ports[at[0]], text)
    return text.replace(
        UNITS_BROKER.format(DEFAULT_HOSTS[0], port),
        "\n".join(UNITS_BROKER.format(host, port) for host in hosts or DEFAULT_HOSTS),
    )


def _make_keys(config: GatewayConfig, hosts: Sequence[str]) -> None:
    store, at_ms = open_store(config.store.url), now_ms()
    try:
        keys = KeyFolder(Path(config.keys.folder))
        make_site(keys, store, hosts or DEFAULT_HOSTS, config.authority.server_days, at_ms)
        BrokerFolder(config).write(store, at_ms)
    finally:
        store.close()
