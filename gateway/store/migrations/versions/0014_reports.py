"""What units send because an order asked for it: logs, and what a self-test found."""

from alembic import op

from gateway.store.schema import reports

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Makes the table; a store that is new has it already."""
    reports.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes it."""
    reports.drop(op.get_bind())
