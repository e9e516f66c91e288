"""`device.toml` read into frozen types: what the unit is called, which parts it has and where."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from device.link.mqtt import Broker
from device.room import MIB, Limits
from wire.limits import UnitName
from wire.live import Role
from wire.toml import read_toml
from wire.topics import GATEWAY
from wire.words import Fault

PathText = Annotated[str, Meta(min_length=1, max_length=4096)]
Port = Annotated[int, Meta(ge=1, le=65535)]


class UnitSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Which unit this is. `reboot`: what starts the machine anew when that is ordered."""

    id: UnitName
    role: Role
    reboot: Annotated[tuple[PathText, ...], Meta(min_length=1, max_length=16)] = (
        "systemctl",
        "reboot",
    )


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """One broker's address; several are tried in order. `tls` false: a test's broker, in clear."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Port = 8883
    tls: bool = True


class IdentitySection(Struct, frozen=True, forbid_unknown_fields=True):
    """`folder`: the unit's key and certificate, and the site's authority (see `device.papers`)."""

    folder: PathText = "identity"


class JournalSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the journal lies: a file on a medium that keeps what is fsynced.

    `max_mb`: MiB that it may take, its write-ahead log with it; `min_free_mb`: that it leaves free on its disk.
    """

    path: PathText
    max_mb: Annotated[int, Meta(ge=16, le=1_000_000)] = 1_024
    min_free_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 200

    def limits(self) -> Limits:
        """Both, in bytes."""
        return Limits(self.max_mb * MIB, self.min_free_mb * MIB)


class GpsSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The receiver's serial port, and its baud rate."""

    port: PathText
    baud: Literal[4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600] = 9600


class NfcSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The PN532's serial port."""

    port: PathText


class PanelSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Buttons, lights, buzzer. For `sim`: `trace`, a file that each pin's edge is written to, and
    `fingers`, a pipe that presses its buttons (see `hardware.panel.twin`)."""

    kind: Literal["gpio", "sim", "none"]
    trace: PathText | None = None
    fingers: PathText | None = None


class PowerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A vehicle's ignition wire: off for `hold_s`, the unit takes its leave of the gateway, for at most
    `farewell_s`, and runs `off`."""

    hold_s: Annotated[float, Meta(ge=0.5, le=3600)] = 10.0
    farewell_s: Annotated[float, Meta(ge=0, le=600)] = 15.0
    off: Annotated[tuple[PathText, ...], Meta(min_length=1, max_length=16)] = (
        "systemctl",
        "poweroff",
    )


class CameraSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The camera, and where its photos lie: at most `max_photos` of `max_mb` MiB in all.

    `keep_free_mb`: MiB of the medium that are not for photos, so that records have room whatever else fills
    it. `link_pct`: what photos may take of the link, in percent, while no record waits; a check-in that comes
    meanwhile waits for so much of a second at most.
    `width`, `height` in pixels; `camera_num` as libcamera counts. `control`: for `sim`, the file by which
    the simulated camera is told to fail.
    """

    kind: Literal["picamera2", "sim", "none"]
    folder: PathText = "photos"
    max_photos: Annotated[int, Meta(ge=1, le=1_000_000)] = 2_000
    max_mb: Annotated[int, Meta(ge=16, le=1_000_000)] = 1_024
    keep_free_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 256
    link_pct: Annotated[int, Meta(ge=1, le=100)] = 50
    width: Annotated[int, Meta(ge=64, le=9_152, multiple_of=32)] = 2_304
    height: Annotated[int, Meta(ge=64, le=6_944, multiple_of=2)] = 1_296
    quality: Annotated[int, Meta(ge=10, le=100)] = 85
    camera_num: Annotated[int, Meta(ge=0, le=7)] = 0
    control: PathText = "camera.control"


class ClockSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The system's own clock. Both are off unless they are asked for.

    `set_system`: at the start, a system time before the newest one ever kept is set to that (the process
    needs CAP_SYS_TIME). `chrony_socket`: chronyd's `refclock SOCK` path, which gets the receiver's time.
    """

    set_system: bool = False
    chrony_socket: PathText | None = None


class ModemSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The cellular modem, asked by ModemManager's `command`. `cap_mb`: the SIM's plan a month in 10^6 bytes,
    of which less is sent as it nears; it begins on `month_day`."""

    command: PathText = "mmcli"
    cap_mb: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None
    month_day: Annotated[int, Meta(ge=1, le=31)] = 1


class HealthSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`sd_write_mb_day`: MiB that may be written to the card a day; 2000 wear a 32 GB card out in five years
    or so, at a thousand erasures and tenfold amplification. `zone`: where days and months begin (IANA name)."""

    sd_write_mb_day: Annotated[int, Meta(ge=1, le=10_000_000)] = 2_000
    zone: Annotated[str, Meta(min_length=1, max_length=64)] = "Asia/Shanghai"


class UpdateSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Updates of the software. `keep`: where the slots' state and the updater's `inbox` are; `patches`: where the
    operating system's patches are told of.

    `link_pct`: what a release may take of the link, in percent, while no record waits. `quiet_s`: without a tap,
    a button or an order, before the software is changed. `trial_s`: within which a new software must reach the
    gateway, with every part that worked before, or the unit goes back.
    """

    keep: PathText = "/var/lib/xunkong/update"
    patches: PathText = "/var/lib/xunkong/patches"
    link_pct: Annotated[int, Meta(ge=1, le=100)] = 25
    quiet_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    trial_s: Annotated[int, Meta(ge=10, le=86_400)] = 600


class ReportSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`keep`: the folder where the helper that reads this machine's logs finds what is wanted of it."""

    keep: PathText = "/var/lib/xunkong/report"


class DeviceConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit's whole configuration. A part left out (None) is absent."""

    unit: UnitSection
    broker: Annotated[list[BrokerSection], Meta(min_length=1, max_length=16)]
    journal: JournalSection
    identity: IdentitySection = IdentitySection()
    gps: GpsSection | None = None
    nfc: NfcSection | None = None
    panel: PanelSection = PanelSection("none")
    power: PowerSection | None = None
    camera: CameraSection = CameraSection("none")
    clock: ClockSection = ClockSection()
    modem: ModemSection | None = None
    health: HealthSection = HealthSection()
    update: UpdateSection | None = None
    report: ReportSection = ReportSection()

    def brokers(self) -> list[Broker]:
        """The brokers as the link takes them."""
        return [Broker(b.host, b.port, b.tls) for b in self.broker]


def load(path: Path) -> DeviceConfig:
    """Reads `path`. Raises `Fault`, naming file, section, key and limit; relative paths are the file's."""
    config = read_toml(path, DeviceConfig)
    if config.unit.id == GATEWAY:
        raise Fault(
            f"{path}: [unit] id 不能是 {GATEWAY!r}，这是网关自己的名字；请换一个",
            f"{path}: [unit] id must not be {GATEWAY!r}, the gateway's own name; choose another",
        )
    _check_zone(path, config.health.zone)
    return config


def _check_zone(path: Path, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise Fault(
            f"{path}：[health] zone {zone!r} 不是已知时区；例如 Asia/Shanghai",
            f"{path}: [health] zone {zone!r} is no known time zone; for example Asia/Shanghai",
        ) from exc


def journal_path(path: Path, config: DeviceConfig) -> Path:
    """Where the journal lies; a relative path is taken from the configuration's folder."""
    return path.parent / config.journal.path


def identity_folder(path: Path, config: DeviceConfig) -> Path:
    """Where the unit's papers lie; a relative path is taken from the configuration's folder."""
    return path.parent / config.identity.folder
