"""Photos that were announced, found by their hash. No unit announced any before this version."""

from alembic import op

from gateway.store.schema import photos

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    photos.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    photos.drop(op.get_bind())
