"""Photos as files found by their hash, whichever unit they are of; what was removed, and what is held."""

import sqlalchemy as sa
from alembic import op

from gateway.store.schema import photo_files, photo_holds, photos

revision = "0007"
down_revision = "0005"

TABLES = (photo_files, photo_holds)
COLUMNS = (
    sa.Column("wanted", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("lost", sa.Text),
)


def upgrade() -> None:
    """Makes tables, columns and indexes; a store that is new has them already."""
    bind = op.get_bind()
    for table in TABLES:
        table.create(bind, checkfirst=True)
    there = {column["name"] for column in sa.inspect(bind).get_columns("photos")}
    for column in COLUMNS:
        if column.name not in there:
            op.add_column("photos", column)
    for index in photos.indexes:
        index.create(bind, checkfirst=True)


def downgrade() -> None:
    """Removes them."""
    for index in photos.indexes:
        index.drop(op.get_bind())
    for column in COLUMNS:
        op.drop_column("photos", column.name)
    for table in TABLES:
        table.drop(op.get_bind())
