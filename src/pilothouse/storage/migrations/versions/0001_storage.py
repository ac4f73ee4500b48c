"""Tables of storage."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of storage."""
    op.execute("select 1")


def downgrade() -> None:
    """Drop the tables of storage."""
    op.execute("select 1")
