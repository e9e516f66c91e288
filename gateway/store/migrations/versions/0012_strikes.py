"""Units that were put out, whatever certificates of theirs are seen later."""

from alembic import op

from gateway.store.schema import strikes

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    strikes.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    strikes.drop(op.get_bind())
