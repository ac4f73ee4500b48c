"""Tables of effects: labels, rung and site of each effect, what was only shadowed, and endorsed flows."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
alter table effects_effect
    add column labels json not null default '{}',
    add column site text not null default '',
    add column version text not null default '',
    add column agent text not null default '',
    add column rung smallint not null default 2 check (rung between 0 and 4),
    add column opened text not null default '',
    add column review boolean not null default false,
    drop constraint effects_effect_state_check,
    add constraint effects_effect_state_check
        check (state in ('intent', 'done', 'refused', 'unknown', 'shadowed'));

create table effects_endorsement (
    id uuid primary key,
    workflow text not null check (workflow <> ''),
    version text not null check (version <> ''),
    source text not null check (source <> ''),
    tool text not null check (tool <> ''),
    tool_version text not null,
    arg text not null check (arg <> ''),
    treatment text not null check (treatment in ('as_content', 'choice<=16')),
    by text not null,
    reason text not null,
    granted_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by text,
    check ((revoked_at is null) = (revoked_by is null)),
    check (expires_at > granted_at)
);
create unique index effects_endorsement_live
    on effects_endorsement (workflow, version, source, tool, tool_version, arg, treatment)
    where revoked_at is null;

create function effects_endorsement_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.revoked_at is null and to_jsonb(new) - 'revoked_at' - 'revoked_by'
        = to_jsonb(old) - 'revoked_at' - 'revoked_by' then
        return new;
    end if;
    raise exception '% is kept as granted: % refused', tg_table_name, tg_op;
end $$;
create trigger effects_endorsement_kept before update or delete on effects_endorsement
    for each row execute function effects_endorsement_kept();
create trigger effects_endorsement_no_truncate before truncate on effects_endorsement
    for each statement execute function effects_endorsement_kept();
"""

DOWN = """
drop table effects_endorsement;
drop function effects_endorsement_kept();
alter table effects_effect disable trigger effects_effect_final;
delete from effects_effect where state = 'shadowed';
alter table effects_effect enable trigger effects_effect_final;
alter table effects_effect
    drop constraint effects_effect_state_check,
    add constraint effects_effect_state_check check (state in ('intent', 'done', 'refused', 'unknown')),
    drop column labels, drop column site, drop column version, drop column agent,
    drop column rung, drop column opened, drop column review;
"""


def upgrade() -> None:
    """Give effects their labels and rung, and flows their endorsements."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back; what was only shadowed is forgotten."""
    op.execute(DOWN)
