"""Orders that were given to units."""

from alembic import op

from gateway.store.schema import answers_index, orders

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    orders.create(op.get_bind(), checkfirst=True)
    answers_index.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    answers_index.drop(op.get_bind())
    orders.drop(op.get_bind())
