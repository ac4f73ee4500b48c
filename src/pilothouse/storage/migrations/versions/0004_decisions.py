"""Tables of decisions: proposals never change, items carry their state, approvals are used at most once."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
create table decisions_proposal (
    id uuid primary key,
    parent uuid references decisions_proposal (id),
    run text,
    key text,
    subject text not null,
    body json not null,
    proposed_at timestamptz not null default clock_timestamp()
);
create index decisions_proposal_run on decisions_proposal (run) where run is not null;
create index decisions_proposal_parent on decisions_proposal (parent) where parent is not null;

create table decisions_item (
    proposal uuid primary key references decisions_proposal (id),
    state text not null default 'open'
        check (state in ('open', 'approved', 'rejected', 'expired', 'withdrawn', 'superseded')),
    version integer not null default 1,
    topic text not null check (topic <> ''),
    title text not null,
    verdict text not null,
    tier smallint not null check (tier between 1 and 4),
    asked_of text not null,
    run text,
    key text,
    deadline timestamptz,
    proposed_at timestamptz not null default clock_timestamp(),
    snoozed_until timestamptz,
    claimed_by text,
    claimed_until timestamptz,
    delegated_to text,
    delegated_by text,
    answered_at timestamptz,
    answer json,
    check ((state in ('open', 'superseded')) = (answer is null))
);
create index decisions_item_open on decisions_item (deadline, tier desc, proposed_at) where state = 'open';
create index decisions_item_wait on decisions_item (run, key) where state = 'open' and run is not null;

create table decisions_approval (
    id uuid primary key,
    proposal uuid not null unique references decisions_proposal (id),
    subject text not null,
    approver text not null check (approver <> ''),
    verdict text not null check (verdict in ('approve', 'reject')),
    reason text not null,
    at timestamptz not null,
    not_before timestamptz not null,
    expiry timestamptz not null,
    delegated_by text,
    used_at timestamptz,
    used_by text,
    check (verdict = 'approve' or reason <> ''),
    check ((used_at is null) = (used_by is null)),
    check (verdict = 'approve' or used_at is null)
);

create function decisions_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op;
end $$;
create function decisions_use_once() returns trigger language plpgsql as $$
begin
    if old.used_at is null and new.used_at is not null
        and to_jsonb(new) - array['used_at', 'used_by'] = to_jsonb(old) - array['used_at', 'used_by'] then
        return new;
    end if;
    raise exception 'an approval is used once and never changed';
end $$;
create trigger decisions_proposal_append_only before update or delete on decisions_proposal
    for each row execute function decisions_refuse();
create trigger decisions_proposal_no_truncate before truncate on decisions_proposal
    for each statement execute function decisions_refuse();
create trigger decisions_approval_use_once before update on decisions_approval
    for each row execute function decisions_use_once();
create trigger decisions_approval_no_delete before delete on decisions_approval
    for each row execute function decisions_refuse();
create trigger decisions_approval_no_truncate before truncate on decisions_approval
    for each statement execute function decisions_refuse();
"""

DOWN = """
drop table decisions_approval, decisions_item, decisions_proposal;
drop function decisions_refuse(), decisions_use_once();
"""


def upgrade() -> None:
    """Create the tables of decisions."""
    op.execute(UP)


def downgrade() -> None:
    """Drop the tables of decisions."""
    op.execute(DOWN)
