"""What a release changes on a unit: its software, or the operating system; and a roll-out of it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TABLES = ("releases", "rollouts")


def upgrade() -> None:
    """Adds the columns; a store that is new has them already. What was there before is software."""
    for table in TABLES:
        there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        if "kind" not in there:
            kind = sa.Column("kind", sa.String(16), nullable=False, server_default="software")
            op.add_column(table, kind)


def downgrade() -> None:
    """Removes them."""
    for table in TABLES:
        op.drop_column(table, "kind")
