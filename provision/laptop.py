"""What only a laptop has installed: pyinfra and paramiko, of which units and gateways know nothing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wire.words import Fault


@contextmanager
def laptop_only() -> Iterator[None]:
    """Imports within it that are missing are told as what to install. Raises `Fault`."""
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it raises is told in our words
    try:
        yield
    except ModuleNotFoundError as exc:
        raise Fault(
            f"缺少 {exc.name}；请在电脑上安装：pip install 'xunkong[provision]'",
            f"{exc.name} is missing; on the laptop: pip install 'xunkong[provision]'",
        ) from exc
