"""Tables of audit: entries and the links that chain them are append-only; pending is the sequencer's list."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
create table audit_entry (
    id uuid primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null check (kind <> ''),
    actor text not null check (actor <> ''),
    run text,
    proposal uuid,
    approval uuid,
    effect text,
    refs text[] not null default '{}',
    body jsonb not null default '{}' check (octet_length(body::text) <= 8192)
);
create index audit_entry_proposal on audit_entry (proposal) where proposal is not null;
create index audit_entry_effect on audit_entry (effect) where effect is not null;
create index audit_entry_run on audit_entry (run) where run is not null;

create table audit_link (
    position bigint primary key,
    entry uuid not null unique references audit_entry (id),
    prev text not null check (prev ~ '^[0-9a-f]{64}$'),
    hash text not null check (hash ~ '^[0-9a-f]{64}$')
);

create table audit_pending (entry uuid primary key);

create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op;
end $$;
create trigger audit_entry_append_only before update or delete on audit_entry
    for each row execute function audit_refuse();
create trigger audit_entry_no_truncate before truncate on audit_entry
    for each statement execute function audit_refuse();
create trigger audit_link_append_only before update or delete on audit_link
    for each row execute function audit_refuse();
create trigger audit_link_no_truncate before truncate on audit_link
    for each statement execute function audit_refuse();
"""

DOWN = """
drop table audit_pending, audit_link, audit_entry;
drop function audit_refuse();
"""


def upgrade() -> None:
    """Create the tables of audit."""
    op.execute(UP)


def downgrade() -> None:
    """Drop the tables of audit."""
    op.execute(DOWN)
