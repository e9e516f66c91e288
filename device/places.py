"""Where a unit keeps what it has: by its configuration, or as provisioned; on its own card, or on a mounted one."""

from pathlib import Path

from msgspec import Struct

from device.config import DeviceConfig, load
from wire.words import Fault

CONFIG = "etc/xunkong/device.toml"
STATE = "var/lib/xunkong/device"


class Places(Struct, frozen=True):
    """`fault`: why these are only where provisioning puts them: the configuration cannot be read."""

    journal: Path
    identity: Path
    photos: Path
    fault: Fault | None = None


def by_config(path: Path, config: DeviceConfig, root: Path = Path("/")) -> Places:
    """As the configuration at `path` has it; `root`: where its file system is mounted."""
    return Places(
        _below(root, path.parent, config.journal.path),
        _below(root, path.parent, config.identity.folder),
        _below(root, path.parent, config.camera.folder),
    )


def usual(root: Path = Path("/"), fault: Fault | None = None) -> Places:
    """As provisioning lays them down."""
    state = root / STATE
    return Places(state / "journal.db", state / "identity", state / "photos", fault)


def on_card(root: Path) -> Places:
    """On a card that is mounted at `root`, by its own configuration where that can be read."""
    path = root / CONFIG
    try:
        return by_config(path, load(path), root)
    except Fault as exc:
        return usual(root, exc)


def _below(root: Path, folder: Path, name: str) -> Path:
    """A path that the configuration in `folder` names: an absolute one counts from the card's own root."""
    path = Path(name)
    return root / path.relative_to("/") if path.is_absolute() else folder / path
