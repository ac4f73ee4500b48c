"""Spans and what was said of them."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = """
select 1;
"""

DOWN = """
select 1;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
