"""Row security: what a reader's ACL ids do not cover is not there, as a second wall below the queries."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UP = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'pilothouse_reader') then
        create role pilothouse_reader nologin;
    end if;
exception
    -- Another database of this cluster is being migrated too.
    when duplicate_object or unique_violation then null;
    -- Without the role, forced row security holds for an owner who is no superuser.
    when insufficient_privilege then raise notice 'role pilothouse_reader is missing: %', sqlerrm;
end $$;
do $$
begin
    if exists (select from pg_roles where rolname = 'pilothouse_reader')
        and not pg_has_role(current_user, 'pilothouse_reader', 'MEMBER') then
        execute format('grant pilothouse_reader to %I', current_user);
    end if;
exception
    when insufficient_privilege then raise notice 'role pilothouse_reader is not ours: %', sqlerrm;
end $$;

-- What the transaction may read; null in ordinary work of the system, which reads everything.
create function storage_acls() returns text[] language sql stable as $$
    select case
        when coalesce(current_setting('pilothouse.acls', true), '') <> ''
            then current_setting('pilothouse.acls', true)::text[]
        when current_user = 'pilothouse_reader' then '{}'::text[]
    end
$$;
create function storage_readers(label jsonb) returns text[] language sql immutable as $$
    select array(select jsonb_array_elements_text(
        case jsonb_typeof(label -> 'readers') when 'array' then label -> 'readers' else '[]'::jsonb end
    ))
$$;

-- (select ...) is evaluated once for the statement, not for each row.
create policy decisions_item_readers on decisions_item
    using ((select storage_acls()) is null or readers <@ (select storage_acls()));
create policy decisions_proposal_readers on decisions_proposal
    using ((select storage_acls()) is null
        or exists (select from decisions_item i where i.proposal = decisions_proposal.id));
create policy decisions_approval_readers on decisions_approval
    using ((select storage_acls()) is null
        or exists (select from decisions_item i where i.proposal = decisions_approval.proposal));
create policy audit_entry_readers on audit_entry
    using ((select storage_acls()) is null or label is null
        or storage_readers(label) <@ (select storage_acls()));

alter table decisions_item enable row level security, force row level security;
alter table decisions_proposal enable row level security, force row level security;
alter table decisions_approval enable row level security, force row level security;
alter table audit_entry enable row level security, force row level security;

do $$
begin
    if exists (select from pg_roles where rolname = 'pilothouse_reader') then
        grant select on decisions_item, decisions_proposal, decisions_approval, audit_entry
            to pilothouse_reader;
    end if;
end $$;
"""

DOWN = """
do $$
begin
    if exists (select from pg_roles where rolname = 'pilothouse_reader') then
        revoke all on decisions_item, decisions_proposal, decisions_approval, audit_entry
            from pilothouse_reader;
    end if;
end $$;
alter table decisions_item disable row level security, no force row level security;
alter table decisions_proposal disable row level security, no force row level security;
alter table decisions_approval disable row level security, no force row level security;
alter table audit_entry disable row level security, no force row level security;
drop policy decisions_item_readers on decisions_item;
drop policy decisions_proposal_readers on decisions_proposal;
drop policy decisions_approval_readers on decisions_approval;
drop policy audit_entry_readers on audit_entry;
drop function storage_readers(jsonb), storage_acls();
"""


def upgrade() -> None:
    """Put the wall up."""
    op.execute(UP)


def downgrade() -> None:
    """Take it down; the role stays, other databases of the cluster may use it."""
    op.execute(DOWN)
