"""What a sink is: one call that hands over events, and five things that can come of it."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Event(Struct, frozen=True):
    """One CloudEvent as JSON bytes; `id` is its identity, `source` whose it is."""

    id: str
    source: str
    body: bytes


class Delivered(Struct, frozen=True):
    """The platform has all of them."""


class TryLater(Struct, frozen=True):
    """It could not take them now; `after_s` is what it asked for, 0 if nothing."""

    why: str
    after_s: float = 0.0


class Refused(Struct, frozen=True):
    """It will not take them as they are; fewer at a time, or other ones, may be taken."""

    why: str


class Stopped(Struct, frozen=True):
    """It will not take anything from us until a person has mended something."""

    why: str


Outcome = Delivered | TryLater | Refused | Stopped


class Sink(Protocol):
    """A command platform."""

    def deliver(self, events: Sequence[Event]) -> Outcome:
        """Hands over `events` in order, in one request. Never raises for what the platform does."""
        ...
