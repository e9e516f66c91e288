"""The site's certificates, units' signing requests, and one-time codes."""

from alembic import op

from gateway.store.schema import certificates, codes, requests

revision = "0005"
down_revision = "0004"

TABLES = (certificates, requests, codes)


def upgrade() -> None:
    """Makes the tables; a store that is new has them already."""
    for table in TABLES:
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes them."""
    for table in TABLES:
        table.drop(op.get_bind())
