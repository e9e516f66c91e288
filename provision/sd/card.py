"""What lies in the folder `xunkong` on a card's boot partition, for the machine's first power-up."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from provision.host.facts import MODEL
from provision.host.site import Broker
from provision.network.wanted import Modem
from wire.words import Fault

FOLDER = "xunkong"
UNIT, AUTHORITY, BUNDLE = "unit.json", "ca.crt", "bundle.zip"
SCRIPTS = ("start.sh", "run.sh", "first-boot-xunkong.service")
SERVICE = SCRIPTS[-1]
"""Its name does not begin as those of our services do: their sandbox (`xunkong-.service.d`) is not for it."""

ON_PI = "/boot/firmware"
HERE = Path(__file__).with_name("on_card")


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """The unit to be made, as `provision host` takes it from its options. `code`: lets it in, once.

    `release_key`: PEM, whose signature makes a release count; None: none is at hand.
    """

    unit: str
    role: str
    zone: str
    brokers: tuple[Broker, ...]
    code: str
    parts: dict[str, Any] = field(default_factory=dict)
    modem: Modem | None = None
    keys_only: bool = False
    model_file: str = MODEL
    release_key: str | None = None


def card_text(card: Card) -> bytes:
    """As it is written."""
    return msgspec.json.format(msgspec.json.encode(card)) + b"\n"


def read_card(path: Path) -> Card:
    """Raises `Fault`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError) as exc:
        raise Fault(
            f"无法读取 {path}：{exc}；请用 xunkong provision sd 重新写卡",
            f"cannot read {path}: {exc}; write the card again by xunkong provision sd",
        ) from exc


def script(name: str) -> bytes:
    """A file that is the same on every card."""
    return (HERE / name).read_bytes()
