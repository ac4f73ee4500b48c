"""Labels of runs, of their results, and of signals."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
alter table engine_run add column label text, add column result_label text;
alter table engine_signal add column label text;
"""

DOWN = """
alter table engine_signal drop column label;
alter table engine_run drop column result_label, drop column label;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
