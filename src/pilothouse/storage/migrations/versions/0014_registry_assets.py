"""Assets: versions of agents, heads, adapters, prompts and routes, with their cards and tags."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UP = """
create table registry_asset (
    kind text not null,
    name text not null,
    version integer not null check (version > 0),
    hash text not null,
    body jsonb not null,
    card jsonb not null,
    label jsonb,
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (kind, name, version),
    unique (kind, name, hash)
);
create table registry_tag (
    kind text not null,
    name text not null,
    tag text not null,
    version integer not null,
    set_by text not null,
    set_at timestamptz not null default clock_timestamp(),
    primary key (kind, name, tag),
    foreign key (kind, name, version) references registry_asset (kind, name, version)
);
"""

DOWN = """
drop table registry_tag, registry_asset;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
