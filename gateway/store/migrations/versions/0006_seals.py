"""What is sealed in a configuration. Of those that were pushed before, it is not known."""

from alembic import op

from gateway.store.schema import seals

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    seals.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    seals.drop(op.get_bind())
