"""Outputs of journal entries that are stored compressed."""

import zlib

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

UP = """
-- The output as raw deflate, where that is shorter; then ``output`` is null.
alter table engine_entry add column packed bytea, add check (packed is null or output is null);
"""

DOWN = """
alter table engine_entry drop column packed;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back; what was compressed is text again."""
    bind = op.get_bind()
    for run, key, packed in bind.execute(
        sa.text("select run, key, packed from engine_entry where packed is not null")
    ).all():
        bind.execute(
            sa.text(
                "update engine_entry set packed = null, output = :output where run = :run and key = :key"
            ),
            {"run": run, "key": key, "output": zlib.decompress(bytes(packed), -15).decode()},
        )
    op.execute(DOWN)
