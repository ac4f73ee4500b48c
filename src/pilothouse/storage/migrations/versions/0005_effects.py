"""Tables of effects: one row an effect, final once its outcome is known; and the halt switch."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
create table effects_effect (
    effect_id text primary key check (effect_id <> ''),
    tool text not null,
    tool_version text not null,
    call_hash text not null,
    args json not null,
    principal json not null,
    run text,
    proposal uuid,
    approval uuid,
    evidence json not null default '[]',
    thing text,
    state text not null default 'intent' check (state in ('intent', 'done', 'refused', 'unknown')),
    result json,
    reasons text[] not null default '{}',
    attempts integer not null default 1,
    holder uuid,
    lease_until timestamptz,
    intent_at timestamptz not null default clock_timestamp(),
    outcome_at timestamptz,
    check ((state = 'intent') = (outcome_at is null))
);
create unique index effects_effect_thing on effects_effect (tool, thing)
    where thing is not null and state in ('intent', 'unknown');
create index effects_effect_left on effects_effect (lease_until) where state = 'intent';
create index effects_effect_proposal on effects_effect (proposal) where proposal is not null;
create index effects_effect_run on effects_effect (run) where run is not null;

create table effects_halt (
    scope text primary key check (scope <> ''),
    halted boolean not null,
    by text not null,
    reason text not null,
    at timestamptz not null default clock_timestamp()
);
insert into effects_halt (scope, halted, by, reason) values ('*', false, 'system', 'never switched');

create function effects_final() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.state in ('intent', 'unknown') then
        return new;
    end if;
    raise exception '% is final: % refused', tg_table_name, tg_op;
end $$;
create trigger effects_effect_final before update or delete on effects_effect
    for each row execute function effects_final();
create trigger effects_effect_no_truncate before truncate on effects_effect
    for each statement execute function effects_final();
"""

DOWN = """
drop table effects_halt, effects_effect;
drop function effects_final();
"""


def upgrade() -> None:
    """Create the tables of effects."""
    op.execute(UP)


def downgrade() -> None:
    """Drop the tables of effects."""
    op.execute(DOWN)
