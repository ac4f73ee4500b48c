"""Tables of the ladder: classes, units, tests, labels, moves, waivers, the switch, the key of the lot."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
create table ladder_class (
    id bigint generated always as identity primary key,
    action text not null check (action <> ''),
    tier smallint not null check (tier between 1 and 4),
    site text not null,
    weight double precision not null check (weight between 0 and 1),
    rule text unique,
    reserve_number integer unique,
    tests integer not null default 0,
    check ((rule is null) <> (reserve_number is null)),
    unique (action, tier, site)
);

create table ladder_unit (
    id bigint generated always as identity primary key,
    class bigint not null references ladder_class (id),
    action text not null,
    tier smallint not null,
    site text not null,
    version text not null,
    rung smallint not null default 2 check (rung between 0 and 4),
    dropped boolean not null default false,
    certificate json,
    check (rung <= 2 or certificate is not null),
    unique (action, tier, site, version)
);

create table ladder_test (
    id bigint generated always as identity primary key,
    unit bigint not null references ladder_unit (id),
    number integer not null check (number >= 0),
    rung smallint not null check (rung between 0 and 4),
    alpha double precision not null check (alpha between 0 and 1),
    eps double precision not null check (eps > 0 and eps < 1),
    n integer not null default 0,
    k integer not null default 0 check (k between 0 and n),
    shown integer not null default 0,
    caught integer not null default 0 check (caught between 0 and shown),
    detector double precision[] not null default '{}',
    counted integer not null default 0,
    state text not null default 'open' check (state in ('open', 'promoted', 'closed')),
    asked uuid,
    asked_n integer not null default 0,
    certificate json,
    started_at timestamptz not null default clock_timestamp()
);
create unique index ladder_test_open on ladder_test (unit) where state = 'open';

create table ladder_label (
    id bigint generated always as identity primary key,
    test bigint not null references ladder_test (id),
    unit bigint not null references ladder_unit (id),
    "case" text not null check ("case" <> ''),
    wrong boolean,
    source text not null,
    confidence double precision,
    at timestamptz not null default clock_timestamp(),
    counts_at timestamptz,
    place integer check (place is null or wrong is not null),
    unique (unit, "case")
);
create index ladder_label_due on ladder_label (counts_at) where place is null and counts_at is not null;
create index ladder_label_test on ladder_label (test, place);

create table ladder_move (
    id bigint generated always as identity primary key,
    unit bigint not null references ladder_unit (id),
    before smallint not null,
    after smallint not null,
    why text not null,
    reason text not null,
    by text not null,
    at timestamptz not null default clock_timestamp()
);
create index ladder_move_unit on ladder_move (unit, id);

create table ladder_waiver (
    proposal uuid primary key,
    action text not null,
    tier smallint not null check (tier between 3 and 4),
    site text not null,
    rung smallint not null check (rung between 3 and 4),
    reason text not null,
    signers text[] not null check (cardinality(signers) > 0),
    until timestamptz not null,
    revoked_by text
);
create index ladder_waiver_class on ladder_waiver (action, tier, site);

create table ladder_switch (
    scope text primary key,
    dropped boolean not null,
    by text not null,
    reason text not null,
    at timestamptz not null default clock_timestamp()
);
insert into ladder_switch (scope, dropped, by, reason) values ('*', false, 'system', 'installed');

create table ladder_key (
    one boolean primary key default true check (one),
    key bytea not null check (length(key) = 32),
    made_at timestamptz not null default clock_timestamp()
);

create function ladder_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op;
end $$;
create trigger ladder_move_append_only before update or delete on ladder_move
    for each row execute function ladder_refuse();
"""

DOWN = """
drop table ladder_key, ladder_switch, ladder_waiver, ladder_move, ladder_label, ladder_test, ladder_unit,
    ladder_class;
drop function ladder_refuse;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
