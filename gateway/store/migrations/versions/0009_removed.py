"""Which records the site's policy removed, with the chain values that join what is left."""

from alembic import op

from gateway.store.schema import removed

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    removed.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    removed.drop(op.get_bind())
