"""Daily roots of all logs' heads; chain values where the record that has them is not here."""

import sqlalchemy as sa
from alembic import op

from gateway.store.schema import root_heads, roots

revision = "0008"
down_revision = "0007"

TABLES = (roots, root_heads)
COLUMNS = ("batch_prev", "prev")


def upgrade() -> None:
    """Makes tables and columns; a store that is new has them already."""
    bind = op.get_bind()
    for table in TABLES:
        table.create(bind, checkfirst=True)
    there = {column["name"] for column in sa.inspect(bind).get_columns("records")}
    for name in COLUMNS:
        if name not in there:
            op.add_column("records", sa.Column(name, sa.LargeBinary))


def downgrade() -> None:
    """Removes them."""
    for name in COLUMNS:
        op.drop_column("records", name)
    for table in TABLES:
        table.drop(op.get_bind())
