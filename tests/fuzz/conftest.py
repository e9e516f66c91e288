"""A store for what is tried upon ingest."""

import pytest

from gateway.store.open import open_store


@pytest.fixture
def store(tmp_path):
    """A store on a real SQLite file."""
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()
