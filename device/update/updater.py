"""The updater: sees to the unit's wish, verifies by itself what it is given, and changes slots and state.

It is started when there is a wish, and trusts nothing of it: a release counts by its signature alone, an order is
only what it is reported under. Cut anywhere, the wish is still there, and is seen to anew.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from device.core.wish import Wish
from device.update import guard
from device.update.guard import Content, Place, Said, State
from device.update.inbox import Inbox
from device.update.install import Refused, check, install
from wire.release import Head, public_key
from wire.words import Fault

log = logging.getLogger("xunkong.updater")


class Updater:
    """`version`: of the software that runs; `here`: its machine; `key`: the file of the release key's public half.

    `fill` puts a checked release into a slot.
    """

    def __init__(
        self,
        place: Place,
        inbox: Inbox,
        key: Path,
        version: str,
        here: str,
        fill: Callable[[BinaryIO, Head, Path], None] = install,
    ) -> None:
        self._place, self._inbox, self._key = place, inbox, key
        self._version, self._here, self._fill = version, here, fill
        self._table: dict[str, Callable[[State, Wish], State]] = {
            "install": self._install,
            "switch": _switch,
            "pass": lambda state, wish: guard.passed(state),
            "back": lambda state, wish: guard.back(state, wish.why or "the unit says so"),
        }

    def serve(self) -> None:
        """Sees to the wish that is there, if any. Raises OSError where state or slots cannot be written: the unit
        wishes again in a while, and systemd does not start this over and over."""
        wish = self._inbox.taken()
        try:
            if wish is not None and wish.do in self._table:
                self._place.write(self._seen_to(self._place.read(), wish))
        except OSError:
            self._inbox.done()
            raise
        self._inbox.done()

    def _seen_to(self, state: State, wish: Wish) -> State:
        try:
            return self._table[wish.do](state, wish)
        except (Fault, ValueError) as exc:
            log.warning("%s: %s", wish.do, exc)
            if wish.do == "install":
                self._inbox.clear()
            return replace(self._place.read(), said=Said(wish.order, "refused", str(exc)))

    def _install(self, state: State, wish: Wish) -> State:
        """The slot counts as empty from before the first change to it until all of it is on the medium."""
        release = wish.release
        if release is None:
            raise Refused("没有说明哪个发行", "no release was named")
        content = Content(release.version, release.sha256)
        if state.slots.get(state.idle) != content:
            with self._inbox.opened(release.sha256) as file:
                head = check(file, release, public_key(self._key), self._version, self._here)
                state = guard.emptied(state)
                self._place.write(state)
                log.info("release %s into slot %s", release.version, state.idle)
                self._fill(file, head, self._place.slot(state.idle))
        state = replace(guard.filled(state, content), said=Said(wish.order, "installed"))
        self._place.write(state)
        self._inbox.clear()
        return state


def _switch(state: State, wish: Wish) -> State:
    """One order is tried once: a wish that a power cut brought back tries nothing anew."""
    over = state.said is not None and state.said.outcome in ("passed", "back")
    if state.order == wish.order and (state.trial or over):
        return state
    return guard.tried(state, wish.order, wish.within_ms)
