"""Tables of decisions: several voices, delegations in force, duties, grace, planted samples, blind draws."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
create index decisions_item_topic on decisions_item (topic);
alter table decisions_item
    add column tool text,
    add column thing text not null default '',
    add column performer text not null default '',
    add column apart text[] not null default '{}',
    add column readers text[] not null default '{}',
    add column blind boolean not null default false,
    add column needed smallint not null default 1 check (needed >= 1),
    add column given smallint not null default 0 check (given >= 0),
    add column also text[] not null default '{}',
    add column steps smallint not null default 0 check (steps >= 0),
    add column next_step_at timestamptz,
    add column tell_at timestamptz,
    add check (tell_at is null or answer is not null);
update decisions_item i set
    tool = p.body #>> '{v,tool}',
    thing = lower(btrim(coalesce(p.body #>> '{v,preview,confirm}', ''))),
    performer = coalesce(p.body #>> '{v,on_behalf_of}', ''),
    given = case when i.state = 'approved' then 1 else 0 end
from decisions_proposal p where p.id = i.proposal;
create index decisions_item_thing on decisions_item (thing) where thing <> '';
create index decisions_item_closed on decisions_item (state) where readers <> '{}';
create index decisions_item_step on decisions_item (next_step_at)
    where state = 'open' and next_step_at is not null;
create index decisions_item_tell on decisions_item (tell_at) where tell_at is not null;

alter table decisions_approval drop constraint decisions_approval_proposal_key;
alter table decisions_approval disable trigger decisions_approval_use_once;
alter table decisions_approval
    add column screen text,
    add column asked text not null default '',
    add column groups text[] not null default '{}',
    add column linked text[] not null default '{}',
    add column blind boolean not null default false,
    add column undone_at timestamptz,
    add check (undone_at is null or used_at is null);
update decisions_approval a set asked = encode(sha256(convert_to(p.body::text, 'UTF8')), 'hex')
from decisions_proposal p where p.id = a.proposal;
alter table decisions_approval alter column asked drop default;
alter table decisions_approval enable trigger decisions_approval_use_once;
create unique index decisions_approval_person on decisions_approval (proposal, approver)
    where undone_at is null;
create or replace function decisions_use_once() returns trigger language plpgsql as $$
declare
    moving text[] := array['used_at', 'used_by', 'undone_at'];
begin
    if old.used_at is null and old.undone_at is null
        and (new.used_at is null) <> (new.undone_at is null)
        and to_jsonb(new) - moving = to_jsonb(old) - moving then
        return new;
    end if;
    raise exception 'an approval is used once and never changed';
end $$;

create table decisions_standing (
    id uuid primary key,
    giver text not null check (giver <> ''),
    taker text not null check (taker <> '' and taker <> giver),
    scope text not null check (scope <> ''),
    until timestamptz not null,
    at timestamptz not null default clock_timestamp(),
    reason text not null,
    revoked_at timestamptz,
    revoked_by text,
    check ((revoked_at is null) = (revoked_by is null))
);
create index decisions_standing_taker on decisions_standing (taker, scope) where revoked_at is null;
create index decisions_standing_giver on decisions_standing (giver, scope) where revoked_at is null;
create function decisions_revoke_only() returns trigger language plpgsql as $$
declare
    moving text[] := array['revoked_at', 'revoked_by'];
begin
    if old.revoked_at is null and new.revoked_at is not null
        and to_jsonb(new) - moving = to_jsonb(old) - moving then
        return new;
    end if;
    raise exception 'a delegation is revoked once and never changed';
end $$;
create trigger decisions_standing_revoke_only before update on decisions_standing
    for each row execute function decisions_revoke_only();
create trigger decisions_standing_no_delete before delete on decisions_standing
    for each row execute function decisions_refuse();

create table decisions_seed (
    proposal uuid primary key references decisions_proposal (id),
    unit text not null check (unit <> ''),
    topic text not null,
    fault text not null check (fault <> ''),
    planted_by text not null check (planted_by <> ''),
    planted_at timestamptz not null default clock_timestamp()
);
create index decisions_seed_unit on decisions_seed (unit);
create trigger decisions_seed_append_only before update or delete on decisions_seed
    for each row execute function decisions_refuse();

create table decisions_key (
    one boolean primary key default true check (one),
    key bytea not null check (length(key) >= 32)
);
insert into decisions_key (key)
values (decode(replace(
    gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
"""

DOWN = """
drop table decisions_key, decisions_seed, decisions_standing;
drop function decisions_revoke_only();
alter table decisions_approval disable trigger decisions_approval_use_once;
alter table decisions_approval disable trigger decisions_approval_no_delete;
delete from decisions_approval a
where a.undone_at is not null
    or exists (select 1 from decisions_approval b where b.proposal = a.proposal and b.id > a.id);
drop index decisions_approval_person;
alter table decisions_approval
    drop column screen, drop column asked, drop column groups, drop column linked, drop column blind,
    drop column undone_at,
    add constraint decisions_approval_proposal_key unique (proposal);
alter table decisions_approval enable trigger decisions_approval_use_once;
alter table decisions_approval enable trigger decisions_approval_no_delete;
create or replace function decisions_use_once() returns trigger language plpgsql as $$
begin
    if old.used_at is null and new.used_at is not null
        and to_jsonb(new) - array['used_at', 'used_by'] = to_jsonb(old) - array['used_at', 'used_by'] then
        return new;
    end if;
    raise exception 'an approval is used once and never changed';
end $$;
drop index decisions_item_topic, decisions_item_thing, decisions_item_closed, decisions_item_step,
    decisions_item_tell;
alter table decisions_item
    drop column tool, drop column thing, drop column performer, drop column apart, drop column readers,
    drop column blind, drop column needed, drop column given, drop column also, drop column steps,
    drop column next_step_at, drop column tell_at;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
