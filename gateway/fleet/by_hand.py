"""What the commands about certificates share: the site's keys, a unit's name, and what the broker was told."""

from pathlib import Path

from gateway.config import GatewayConfig
from gateway.fleet.folder import KeyFolder
from wire import topics
from wire.words import Fault


def key_folder(config: GatewayConfig) -> KeyFolder:
    """The site's keys."""
    return KeyFolder(Path(config.keys.folder))


def check_unit(unit: str) -> None:
    """Raises `Fault` for what cannot be a unit's name."""
    if not topics.is_unit(unit):
        raise Fault(f"{unit!r} 不是单元名", f"{unit!r} is no unit's name")


def told_of(told: bool) -> str:
    """Whether a broker on this machine has read its files again, for people."""
    return "reloaded" if told else "not running here"
