"""Tables of traces: who sent spans under which rights, and the spans; read by rights, forgotten by age."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = """
create table traces_source (
    id integer generated always as identity primary key,
    hash bytea not null unique check (octet_length(hash) = 32),
    -- The account whose key brought the spans; empty for our own.
    account text not null,
    workflow text not null,
    service text not null,
    readers text[] not null,
    resource jsonb not null
);

-- No foreign key: a check a row would cost more than the row.
create table traces_span (
    began bigint not null,
    took bigint not null check (took >= 0),
    id bigint not null,
    parent bigint,
    trace uuid not null,
    run uuid,
    stored timestamptz not null default clock_timestamp(),
    source integer not null,
    kind smallint not null check (kind between 0 and 5),
    status smallint not null check (status between 0 and 2),
    integrity smallint,
    name text not null,
    message text not null,
    attributes jsonb not null,
    more jsonb,
    primary key (trace, id, source)
) partition by list (source);
-- Written here, with COPY, which row security refuses; read through the table above, which has it.
create table traces_span_rows partition of traces_span default;
create index traces_span_began on traces_span (began);
create index traces_span_run on traces_span (run, began) where run is not null;
create index traces_span_error on traces_span (began) where status = 2;
create index traces_span_model on traces_span (began) where attributes ? 'gen_ai.operation.name';
create index traces_span_stored on traces_span using brin (stored);

-- How far an exporter has come.
create table traces_cursor (
    name text primary key check (name <> ''),
    stored timestamptz not null,
    trace uuid not null,
    id bigint not null
);

-- As for decisions and audit: below the queries, what a reader's ACL ids do not cover is not there.
create policy traces_source_readers on traces_source
    using ((select storage_acls()) is null or readers <@ (select storage_acls()));
create policy traces_span_readers on traces_span
    using ((select storage_acls()) is null or source in (
        select id from traces_source where readers <@ (select storage_acls())));
alter table traces_source enable row level security, force row level security;
alter table traces_span enable row level security, force row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'pilothouse_reader') then
        grant select on traces_source, traces_span to pilothouse_reader;
    end if;
end $$;
"""

DOWN = """
drop table traces_cursor, traces_span, traces_source;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
