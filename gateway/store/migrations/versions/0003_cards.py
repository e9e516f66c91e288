"""Public keys of units, and the SUN messages that were used. Messages kept before are not looked through."""

from alembic import op

from gateway.store.schema import sun_cases, suns, unit_keys

revision = "0003"
down_revision = "0002"

TABLES = (unit_keys, suns, sun_cases)


def upgrade() -> None:
    """Makes the tables; a store that is new has them already."""
    for table in TABLES:
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes them."""
    for table in TABLES:
        table.drop(op.get_bind())
