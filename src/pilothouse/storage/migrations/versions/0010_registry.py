"""Tables of the registry: accounts, their groups and rights, the hashes of what lets them in."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
create table registry_account (
    id text primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$'),
    kind text not null check (kind in ('person', 'service')),
    active boolean not null default true,
    password text,
    external text unique,
    failures integer not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null check (created_by <> ''),
    check (password is null or kind = 'person')
);

create table registry_grant (
    account text not null references registry_account (id) on delete cascade,
    kind text not null check (kind in ('group', 'right')),
    name text not null check (name <> ''),
    primary key (account, kind, name)
);

create table registry_secret (
    id text primary key,
    kind text not null check (kind in ('key', 'session', 'token')),
    account text not null references registry_account (id) on delete cascade,
    hash bytea not null,
    scopes text[] not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create index registry_secret_account on registry_secret (account);
"""

DOWN = """
drop table registry_secret, registry_grant, registry_account;
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
