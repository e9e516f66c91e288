"""The one card at a technician's reader, and what goes wrong with either in words for people."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from msgspec import Struct

from device.remedy import SILENT_READER
from hardware.cards.apdu import Exchange
from hardware.cards.ev2 import NotGenuine
from hardware.errors import CardGone, CardRefused, HardwareError, PartSilent, PortError
from hardware.pn532.driver import Pn532
from wire.words import Fault


class Held(Struct, frozen=True):
    """A card at the reader: UID in hex, SAK, and how to send it a command."""

    uid: str
    sak: int
    exchange: Exchange


@contextmanager
def held(port: str, wait_s: float, ask: Callable[[], None]) -> Iterator[Held]:
    """The one card at the reader on `port`; waits up to `wait_s` for it, after it has called `ask`.

    Raises `Fault`: no reader, no card, more than one, and whatever the card does not do within.
    """
    try:
        chip = Pn532(port)
        try:
            chip.start()
            yield _one(chip, time.monotonic() + wait_s, ask)
        finally:
            chip.close()
    except HardwareError as exc:
        raise _fault(exc) from exc


def _one(chip: Pn532, end_s: float, ask: Callable[[], None]) -> Held:
    asked = False
    while True:
        found = chip.targets()
        if len(found) > 1:
            raise Fault(
                "读卡器上有多张卡；请只放一张",
                "there is more than one card at the reader; leave one",
            )
        if found:
            return Held(found[0].uid, found[0].sak, partial(chip.exchange, found[0].number))
        if time.monotonic() >= end_s:
            raise Fault(
                "读卡器上没有卡；请放上卡后再运行",
                "there is no card at the reader; put one there and run this again",
            )
        if not asked:
            ask()
        asked = True


def _fault(exc: HardwareError) -> Fault:
    if isinstance(exc, CardGone):
        return Fault(
            f"卡离开了读卡器（{exc}）；请把卡放稳，再运行同一命令：会从中断处继续",
            f"the card left the reader ({exc}); lay it down and run the same command again: it goes "
            "on where it ended",
        )
    if isinstance(exc, CardRefused | NotGenuine):
        return Fault(f"卡不接受：{exc}", f"the card will not: {exc}")
    if isinstance(exc, PortError):
        return Fault(
            f"读卡器端口不可用：{exc}；本单元的服务若在使用，请先停止",
            f"the reader's port: {exc}; if the unit's service has it, stop that first",
        )
    if isinstance(exc, PartSilent):
        return Fault(
            f"读卡器没有应答（{exc}）；{SILENT_READER.zh}",
            f"the reader is silent ({exc}); {SILENT_READER.en}",
        )
    return Fault(f"读卡器：{exc}", f"the reader: {exc}")
