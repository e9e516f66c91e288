"""The desk of a release on its way to the unit: asked for a piece at a time, gone on with where the file ends.

Only while no record waits, and within a share of the link: how long a piece was on its way beyond a round trip
is what it took; the next is asked for when the rest of that share is over, and is as large as a second allows.
Pieces are not believed: the whole is verified by the updater, and by nobody before.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from device.core import effects as ef
from device.core import events as ev
from device.core.desk import Desk, Handler
from device.core.economy import Economy
from device.core.effects import Effect
from device.core.moment import Now
from device.core.picture import Picture
from device.link.delivery import Delivery
from wire import topics
from wire.limits import MAX_CHUNK_BYTES
from wire.release import Named

FIRST_BYTES, LEAST_BYTES = 4 * 1024, 1024
FAST_MS, SLOW_MS = 250, 1_000
RESEND_MS, RESEND_MAX_MS = 4_000, 60_000
AWAY_MS = 600_000
"""After so long it is asked again whether the gateway has the release by now."""

ALARM = "update"


class _Asked(Struct, frozen=True):
    offset: int
    count: int
    at_ms: int


class Fetch(Desk):
    """One release at a time. `share` (0 to 1): what it may take of the link."""

    def __init__(
        self,
        unit: str,
        picture: Picture,
        delivery: Delivery,
        economy: Economy,
        token: Callable[[], int],
        share: float,
    ) -> None:
        self._unit, self._picture, self._delivery = unit, picture, delivery
        self._economy, self._token, self._share = economy, token, share
        self._named: Named | None = None
        self._held: int | None = None
        self._asked: _Asked | None = None
        self._tries, self._bytes, self._hold_until_ms = 0, FIRST_BYTES, 0

    def begin(self, named: Named) -> list[Effect]:
        """This release is wanted, and no other."""
        self._named, self._held, self._asked = named, None, None
        self._tries, self._hold_until_ms = 0, 0
        return [ef.LookForRelease(named.sha256)]

    def end(self) -> None:
        """It is whole, or not wanted any more."""
        self._named = None
        self._picture.alarm(ALARM, None)

    @property
    def whole(self) -> bool:
        """Whether as many bytes are here as the order names."""
        named, held = self._named, self._held
        return named is not None and held is not None and held >= named.size

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Heard: self._heard,
            ev.ReleaseHeld: self._kept,
            ev.LinkUp: self._link_changed,
            ev.LinkDown: self._link_changed,
        }

    def due(self, now: Now) -> list[Effect]:
        named, held = self._named, self._held
        self._give_up_waiting(now.up_ms)
        if named is None or held is None or self.whole or self._asked:
            return []
        if now.up_ms < self._hold_until_ms or not self._economy.photos(urgent=False):
            return []
        if self._delivery.spare() <= 0:
            return []
        count = min(self._bytes, named.size - held)
        self._asked = _Asked(held, count, now.up_ms)
        topic = topics.ask_release(self._unit, named.sha256, held)
        return [ef.Publish(topic, str(count).encode(), 1, False, self._token())]

    def _give_up_waiting(self, up_ms: int) -> None:
        asked = self._asked
        if asked and up_ms - asked.at_ms > min(RESEND_MAX_MS, RESEND_MS * 2**self._tries):
            self._tries = min(self._tries + 1, 8)
            self._asked, self._bytes = None, max(LEAST_BYTES, self._bytes // 2)

    def _link_changed(self, event: ev.LinkUp | ev.LinkDown, now: Now) -> list[Effect]:
        del event, now
        self._asked, self._tries, self._bytes = None, 0, FIRST_BYTES
        return []

    def _heard(self, heard: ev.Heard, now: Now) -> list[Effect]:
        named, asked = self._named, self._asked
        if named is None or asked is None:
            return []
        if heard.topic != topics.release(self._unit, named.sha256, asked.offset):
            return []
        if not heard.payload:
            self._asked, self._hold_until_ms = None, now.up_ms + AWAY_MS
            line = f"the gateway does not have release {named.version} ({named.sha256[:8]})"
            self._picture.alarm(ALARM, f"{line}; xunkong release publish")
            return []
        self._picture.alarm(ALARM, None)
        self._bore(asked, now.up_ms)
        return [ef.KeepPiece(named.sha256, asked.offset, heard.payload[: asked.count])]

    def _bore(self, asked: _Asked, up_ms: int) -> None:
        """How long the link is left alone now, and how much is asked for next."""
        took_ms = max(0, up_ms - asked.at_ms - self._delivery.trip_ms())
        self._hold_until_ms = up_ms + int(took_ms * (1 / self._share - 1))
        self._tries = 0
        if took_ms > SLOW_MS:
            self._bytes = max(LEAST_BYTES, asked.count * SLOW_MS // took_ms)
        elif took_ms < FAST_MS and asked.count == self._bytes:
            self._bytes = min(MAX_CHUNK_BYTES, self._bytes * 2)

    def _kept(self, kept: ev.ReleaseHeld, now: Now) -> list[Effect]:
        if self._named and kept.sha256 == self._named.sha256:
            self._held, self._asked = kept.size, None
        if kept.why is not None:
            self._hold_until_ms = now.up_ms + RESEND_MAX_MS
            self._picture.alarm(ALARM, f"the release cannot be kept: {kept.why}")
        return []
