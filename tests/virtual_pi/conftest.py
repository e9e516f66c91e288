"""Virtual Pis: a yard for each test file, and roots that are made once on a machine."""

from collections.abc import Iterator

import pytest

from tests.virtual_pi.command import missing
from tests.virtual_pi.yard import Yard


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    """Where a file's Pis are; they and all that belongs to them are removed after it."""
    if (why := missing()) is not None:
        pytest.skip(why)
    with Yard() as made:
        yield made
