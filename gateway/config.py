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


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A broker; the gateway listens at all of them, since a unit uses whichever answers.

    `tls` false: a test's broker, in clear.
    """

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
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


class CardsSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`keys`: the site's key file (`xunkong card keys new`), relative to the file; None: cards have none.

    `sealed_picc`: whether the site's cards hide UID and counter in their SUN messages.
    """

    keys: PathText | None = None
    sealed_picc: bool = True


class IngestSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`worker`: this process's own name among those that share the work."""

    worker: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "main"


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's whole configuration."""

    broker: Annotated[list[BrokerSection], Meta(min_length=1, max_length=16)]
    store: StoreSection
    sink: Annotated[list[SinkSection], Meta(max_length=16)] = []
    site: SiteSection = SiteSection()
    ingest: IngestSection = IngestSection()
    keys: KeysSection = KeysSection()
    photos: PhotosSection = PhotosSection()
    cards: CardsSection = CardsSection()
    duty: Annotated[list[DutyKind], Meta(max_length=200)] = []

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
    store = StoreSection(_absolute(path, config.store.url))
    folder = str(path.resolve().parent / config.photos.path)
    photos = structs.replace(config.photos, path=folder)
    duty_table(config.duty)
    keys = config.cards.keys
    cards = structs.replace(config.cards, keys=keys and str(path.resolve().parent / keys))
    own = KeysSection(str(path.resolve().parent / config.keys.folder))
    return structs.replace(config, store=store, photos=photos, cards=cards, keys=own)


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
