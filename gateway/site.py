"""A new gateway's folder: its configuration, a broker's, and examples for its units."""

from pathlib import Path

from gateway.config import load
from gateway.store.open import open_store
from wire.words import Fault

FILES = {
    "gateway.toml": """\
# The gateway. All times inside are UTC; [site] zone is how they are shown.

[[broker]]                 # as many as there are; units use whichever answers
host = "127.0.0.1"
port = 1883

[store]
url = "sqlite:///store.db" # or postgresql+psycopg://user@host/database

#[photos]                  # where the units' photos are put together
#path = "photos"
#keep_days = 180           # `gateway retain` removes older ones that no incident holds

#[cards]                   # cards that prove themselves: xunkong card keys new card-keys.toml
#keys = "card-keys.toml"

#[[sink]]                  # the command platform: CloudEvents over HTTP
#kind = "cloudevents"
#url = "https://platform.example/events"

[site]
zone = "Asia/Shanghai"
""",
    "mosquitto.conf": """\
# A broker for a bench: mosquitto -c mosquitto.conf
listener 1883 127.0.0.1
allow_anonymous true
max_queued_messages 10000
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
port = 1883

[journal]
path = "journal.db"

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

#[camera]
#kind = "picamera2"        # or sim, none
#folder = "photos"         # what waits for the gateway lies here
#max_photos = 2000
#max_mb = 1024
""",
}


def lay_out(folder: Path) -> list[Path]:
    """Writes a new gateway's files into `folder` and makes its store. Raises `Fault`; never overwrites."""
    paths = [folder / name for name in (*FILES, "store.db")]
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
                file.write(text)
    except OSError as exc:
        raise Fault(
            f"无法写入 {folder}：{exc.strerror}；请检查路径和权限",
            f"cannot write into {folder}: {exc.strerror}; check the path and its permissions",
        ) from exc
    open_store(load(folder / "gateway.toml").store.url).close()
    return paths
