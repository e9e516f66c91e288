"""Safe mode: a unit that could not start, again and again, says so at its panel until it is tried anew.

It opens the panel alone: whatever keeps the unit from starting must not keep this from showing it. No tap is
taken, since nothing could be recorded; the gateway sees the unit as off-line.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from device.config import load
from device.core import events as ev
from device.inbox import Inbox
from device.parts import Display, NoPanel, open_panel
from wire.service import Service
from wire.words import Fault, Words

LOOK_S = 0.25
SIGNAL = "part_broken"

log = logging.getLogger("xunkong.device")


def safe_mode(config: Path, for_s: float, stop: threading.Event, service: Service) -> None:
    """Shows it for `for_s`, or until `stop`. A configuration or panel that cannot be opened is done without."""
    log.error(
        "SAFE MODE: no tap is taken; tried again in %.0f s; see journalctl -u xunkong-device", for_s
    )
    words = Words(
        "安全模式：不接受打卡，将自动重试；原因见 journalctl -u xunkong-device",
        "safe mode: takes no tap, tried again by itself; why: journalctl -u xunkong-device",
    )
    until_s = time.monotonic() + for_s
    show(config, words, lambda: stop.is_set() or time.monotonic() >= until_s, service)


def show(config: Path, words: Words, over: Callable[[], bool], service: Service) -> None:
    """Shows at the panel that no tap is taken, and `words` to systemd, until it is `over`."""
    inbox = Inbox()
    panel = _panel(config, inbox)
    service.ready(words)
    try:
        panel.trouble(True)
        panel.signal(SIGNAL)
        _answer_buttons(panel, inbox, over, service)
    finally:
        service.stopping()
        panel.close()


def _answer_buttons(
    panel: Display, inbox: Inbox, over: Callable[[], bool], service: Service
) -> None:
    """Whoever presses a button hears what is the matter."""
    while not over():
        service.alive()
        event = inbox.take(LOOK_S)
        if isinstance(event, ev.ButtonMoved) and event.pressed:
            panel.signal(SIGNAL)


def _panel(config: Path, inbox: Inbox) -> Display:
    try:
        section = load(config).panel
        return open_panel(section, False, config.parent, inbox.put)
    except Fault as exc:
        log.error("%s", exc)
        return NoPanel()
