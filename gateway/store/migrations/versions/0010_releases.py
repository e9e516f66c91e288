"""Releases of the units' software."""

from alembic import op

from gateway.store.schema import releases

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    releases.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    releases.drop(op.get_bind())
