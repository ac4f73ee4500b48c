"""Model calls, their bodies' hashes, and budgets."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UP = """
create table models_budget (
    id bigint generated always as identity primary key,
    scope text not null check (scope in ('project', 'principal', 'group', 'caller', 'run')),
    name text not null,
    unit text not null check (unit in ('tokens', 'money', 'cpu_seconds', 'wall_seconds')),
    period text not null,
    most numeric not null check (most >= 0),
    reserved numeric not null default 0 check (reserved >= 0),
    used numeric not null default 0 check (used >= 0),
    -- What providers used beyond what was reserved for them; no reservation ever goes over the limit.
    over numeric not null default 0 check (over >= 0),
    lost numeric not null default 0,
    warned_at timestamptz,
    unique (scope, name, unit, period),
    check (reserved + used <= most + over)
);
create table models_reservation (
    attempt uuid not null,
    budget bigint not null references models_budget (id),
    amount numeric not null,
    until timestamptz not null,
    primary key (attempt, budget)
);
create index models_reservation_until on models_reservation (until);
create table models_body (
    hash bytea primary key,
    body bytea not null,
    created_at timestamptz not null default clock_timestamp()
);
-- A conversation is a chain: a node holds the messages that came since the node before.
create table models_thread (
    hash bytea primary key,
    prev bytea,
    bodies bytea not null,
    labels bytea not null
);
create table models_call (
    id uuid primary key,
    call text not null,
    number integer not null,
    at timestamptz not null default clock_timestamp(),
    until timestamptz not null,
    task text not null,
    route text not null,
    provider text not null,
    model text not null,
    weights text not null,
    adapter text not null,
    mode text not null,
    request_hash bytea not null,
    schema_hash text not null,
    sampling text not null,
    thread bytea not null,
    label bytea not null,
    rights bytea not null,
    principal text not null,
    agent text not null,
    caller text not null,
    run text,
    repair boolean not null,
    redactors text[] not null,
    dropped text not null,
    outcome text not null default 'open'
        check (outcome in ('open', 'ok', 'failed', 'invalid', 'refused', 'cancelled', 'lost')),
    code text not null default '',
    why text not null default '',
    said_model text not null default '',
    answer bytea,
    raw text,
    local boolean,
    effect text not null default '',
    prompt_tokens integer not null default 0,
    output_tokens integer not null default 0,
    cached_tokens integer not null default 0,
    cpu_seconds double precision not null default 0,
    cost numeric not null default 0,
    seconds double precision,
    first double precision,
    degraded text not null default ''
);
create index models_call_call on models_call (call);
create index models_call_request on models_call (request_hash) where outcome = 'ok';
create index models_call_run on models_call (run) where run is not null;
create index models_call_at on models_call (at);
create index models_call_open on models_call (until) where outcome = 'open';
create table models_check (
    provider text not null,
    place text not null,
    at timestamptz not null default clock_timestamp(),
    by text not null,
    abilities text not null,
    figures text not null,
    primary key (provider, place, at)
);
"""

DOWN = """
drop table models_check, models_call, models_thread, models_body, models_reservation, models_budget;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
