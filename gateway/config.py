"""`gateway.toml` read into frozen types: brokers, store, command platforms."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, structs

from wire.duties import DutyKind, duty_table
from wire.toml import read_toml
from wire.words import Fault

HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
HeaderValue = Annotated[str, Meta(pattern=r"^[ -~]*\Z", max_length=4096)]
"""Printable ASCII: what HTTP carries without doubt, and no line feed."""

PathText = Annotated[str, Meta(min_length=1, max_length=4096)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Days = Annotated[int, Meta(ge=1, le=3650)]
Address = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]{1,253}\Z")]
"""A name or an address, as a broker's configuration takes it: nothing that could begin a line of its own."""


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A broker; the gateway listens at all of them, since a unit uses whichever answers.

    `port`: the gateway's own listener; at the units' one, clients of one name put each other out.
    `tls` false: a test's broker, in clear.
    """

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Port = 8885
    tls: bool = True

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class StoreSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A SQLAlchemy URL: `sqlite:///store.db` (relative to the file) or `postgresql+psycopg://…`."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]


class SinkSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A command platform. `name` tells sinks apart, and keeps each one's place; it must not change."""

    kind: Literal["cloudevents"]
    url: Annotated[str, Meta(pattern=r"^https?://", max_length=2000)]
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = "platform"
    headers: dict[HeaderName, HeaderValue] = {}
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10.0


class SiteSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`zone`: in which times are shown (IANA name); inside all is UTC."""

    zone: Annotated[str, Meta(min_length=1, max_length=64)] = "Asia/Shanghai"


class KeysSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`folder`: the gateway's keys and the site's authority (see `gateway.keys`), relative to the file."""

    folder: PathText = "keys"


class PhotosSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`path`: the folder of the units' photos, relative to the file; workers that share the store share it.

    `keep_days`: how long after it was whole here a photo stays; one that is held (`photos hold`) stays longer.
    """

    path: PathText = "photos"
    keep_days: Annotated[float, Meta(ge=1, le=36_500)] = 180.0


class ReleasesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`folder`: releases that units may fetch. `key`: the public half of the release key (`release keys`).

    Both are relative to the file. `kib_s`: KiB a second that all units together get of them.
    """

    folder: PathText = "releases"
    key: PathText = "release.pub"
    kib_s: Annotated[int, Meta(ge=1, le=10_000_000)] = 2048


KeepDays = Annotated[float, Meta(ge=1, le=36_500)] | None


class RetentionSection(Struct, frozen=True, forbid_unknown_fields=True):
    """How many days after their receipt things stay, that every platform has (photos: `[photos] keep_days`).

    Absent: for ever. `gateway retain` carries it out; the gateway's own log stays.
    """

    event_days: KeepDays = None
    track_days: KeepDays = None
    quarantine_days: KeepDays = None


class CardsSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`keys`: the site's key file (`xunkong card keys new`), relative to the file; None: cards have none.

    `sealed_picc`: whether the site's cards hide UID and counter in their SUN messages. `keep_days`: how long a
    used counter is known by its record; a replay of an older one is told as a counter that runs back.
    """

    keys: PathText | None = None
    sealed_picc: bool = True
    keep_days: Annotated[float, Meta(ge=1, le=36_500)] = 365.0


class IngestSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`worker`: this process's own name among those that share the work."""

    worker: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "main"


class AuthoritySection(Struct, frozen=True, forbid_unknown_fields=True):
    """How long certificates last, in days: a unit's, and those of brokers and gateway.

    `reload`: a command that makes the broker read its files anew (arguments, no shell); where there is none,
    the mosquitto whose configuration was written here is told by its process id.
    """

    unit_days: Days = 730
    server_days: Days = 730
    reload: Annotated[list[PathText], Meta(max_length=32)] = []


class MosquittoSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What `xunkong gateway broker config` writes, into `folder`, relative to the file.

    Units log in at `units_port`; for a one-time code they get a certificate at `enrol_port`; the gateway's
    own processes use `gateway_port` of `gateway_address`. `address` None: all addresses of the machine.
    """

    folder: PathText = "broker"
    address: Address | None = None
    units_port: Port = 8883
    enrol_port: Port = 8884
    gateway_port: Port = 8885
    gateway_address: Address = "127.0.0.1"
    max_units: Annotated[int, Meta(ge=1, le=1_000_000)] = 2000
    memory_mb: Annotated[int, Meta(ge=16, le=1_048_576)] = 512


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's whole configuration."""

    broker: Annotated[list[BrokerSection], Meta(min_length=1, max_length=16)]
    store: StoreSection
    sink: Annotated[list[SinkSection], Meta(max_length=16)] = []
    site: SiteSection = SiteSection()
    ingest: IngestSection = IngestSection()
    keys: KeysSection = KeysSection()
    photos: PhotosSection = PhotosSection()
    retention: RetentionSection = RetentionSection()
    cards: CardsSection = CardsSection()
    duty: Annotated[list[DutyKind], Meta(max_length=200)] = []
    authority: AuthoritySection = AuthoritySection()
    mosquitto: MosquittoSection = MosquittoSection()
    releases: ReleasesSection = ReleasesSection()

    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.site.zone)


def load(path: Path) -> GatewayConfig:
    """Reads `path`. Raises `Fault`, naming file, section, key and limit."""
    config = read_toml(path, GatewayConfig)
    _check_zone(path, config.site.zone)
    names = [sink.name for sink in config.sink]
    if len(set(names)) < len(names):
        raise Fault(
            f"{path}：[[sink]] name 重复；请给每个平台不同的 name",
            f"{path}: [[sink]] name occurs twice; give each platform a name of its own",
        )
    folder = path.resolve().parent
    store = StoreSection(_absolute(path, config.store.url))
    photos = structs.replace(config.photos, path=str(folder / config.photos.path))
    duty_table(config.duty)
    keys = config.cards.keys
    cards = structs.replace(config.cards, keys=keys and str(folder / keys))
    own = KeysSection(str(folder / config.keys.folder))
    broker = structs.replace(config.mosquitto, folder=str(folder / config.mosquitto.folder))
    held = config.releases
    releases = structs.replace(held, folder=str(folder / held.folder), key=str(folder / held.key))
    return structs.replace(
        config,
        store=store,
        photos=photos,
        cards=cards,
        keys=own,
        mosquitto=broker,
        releases=releases,
    )


def _check_zone(path: Path, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise Fault(
            f"{path}：[site] zone {zone!r} 不是已知时区；例如 Asia/Shanghai",
            f"{path}: [site] zone {zone!r} is no known time zone; for example Asia/Shanghai",
        ) from exc


def _absolute(path: Path, url: str) -> str:
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith(prefix + "/"):
        return url
    return f"{prefix}/{(path.resolve().parent / url.removeprefix(prefix)).as_posix().lstrip('/')}"
