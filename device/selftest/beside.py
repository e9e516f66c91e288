"""A self-test beside the unit that runs: what can be tried without taking a port, a lock or the connection from it.

Parts are judged by their last word to the running unit; that the order came at all has proven the link.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from device.config import DeviceConfig, journal_path
from device.core.parts import HEALTHY
from device.selftest.camera import try_photos
from device.selftest.finding import Finding
from device.selftest.machine import try_clock, try_medium, try_modem, try_temperature
from wire.words import Words


def beside(path: Path, config: DeviceConfig, parts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """`parts`: each part's name and its last word."""
    yield try_medium(journal_path(path, config).parent)
    yield try_clock()
    yield try_temperature(path.parent)
    yield from try_photos(path, config)
    words = dict(parts)
    for name in (*_configured(config), *(one for one in words if one not in _configured(config))):
        yield _judged(name, words.get(name))
    yield from try_modem(config)
    yield Finding("link", "ok", Words("已连接网关", "connected to the gateway"))


def _configured(config: DeviceConfig) -> tuple[str, ...]:
    there = {"nfc": config.nfc, "gps": config.gps}
    return tuple(name for name, section in there.items() if section is not None)


def _judged(name: str, word: str | None) -> Finding:
    if word is None:
        return Finding(name, "untried", Words("尚未说话", "has not said anything yet"))
    if word in HEALTHY:
        return Finding(name, "ok", Words(word, word))
    here = Words(
        "到现场停止单元后运行 xunkong device selftest，看怎么办",
        "at the box, with the unit stopped, xunkong device selftest tells what to do",
    )
    return Finding(name, "fault", Words(word, word), here)
