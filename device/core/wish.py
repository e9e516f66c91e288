"""What the unit asks of the updater, which is another process with other rights (`device.update.updater`)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from wire.limits import Name, Text
from wire.release import Named

Do = Literal["install", "switch", "pass", "back", "patch"]


class Wish(Struct, frozen=True, omit_defaults=True):
    """`install` the release into the idle slot; `switch` to it, on trial for `within_ms`; the trial was
    passed (`pass`) or not (`back`, and `why`). `patch`: put the release's patches in, which is another one's work
    (`device.patching`). `order`: by which order."""

    do: Do
    order: Name
    release: Named | None = None
    why: Text | None = None
    within_ms: Annotated[int, Meta(ge=10_000, le=86_400_000)] = 600_000
