"""Roll-outs of releases over the fleet."""

from alembic import op

from gateway.store.schema import rollout_units, rollouts

revision = "0011"
down_revision = "0010"

TABLES = (rollouts, rollout_units)


def upgrade() -> None:
    """Makes the tables; a store that is new has them already."""
    for table in TABLES:
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Removes them."""
    for table in TABLES:
        table.drop(op.get_bind())
