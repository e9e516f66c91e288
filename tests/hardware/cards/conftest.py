"""NXP's published numbers."""

import json

import pytest


@pytest.fixture
def published(shared_data):
    """Looks a published example up: `published("ev2_first", "AN12196-T14")`."""
    table = json.loads(
        (shared_data / "nfc" / "ntag424_desfire_vectors_dev.json").read_text("utf-8")
    )

    def find(group, name):
        return next(row for row in table[group] if row["id"] == name)

    return find
