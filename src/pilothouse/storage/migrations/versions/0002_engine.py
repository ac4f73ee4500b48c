"""Tables of engine."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of engine."""
    op.execute("select 1")


def downgrade() -> None:
    """Drop the tables of engine."""
    op.execute("select 1")
