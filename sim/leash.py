"""A command that ends with the process that starts it, however that ends."""

from collections.abc import Sequence

LEASH = ("setpriv", "--pdeathsig", "TERM", "--")
"""Of util-linux, which every Debian has; it becomes the command, under its own number."""


def leashed(command: Sequence[str]) -> list[str]:
    """`command`, sent SIGTERM by the kernel when the thread that started it is gone (prctl(2)).

    So start it on a thread that lasts as long as it is needed.
    """
    return [*LEASH, *command]
