"""Tables of storage: secrets, closed, and the clock that nothing pushes back."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UP = """
create table storage_secret (
    name text primary key check (name <> ''),
    sealed bytea not null,
    set_at timestamptz not null default clock_timestamp(),
    set_by text not null check (set_by <> '')
);

create table storage_clock (
    one boolean primary key default true check (one),
    high timestamptz not null
);
insert into storage_clock (high) values (clock_timestamp());
create function storage_clock_forward() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.high >= old.high then
        return new;
    end if;
    raise exception 'the high-water clock only goes forward';
end $$;
create trigger storage_clock_forward before update or delete on storage_clock
    for each row execute function storage_clock_forward();
create function storage_now() returns timestamptz language sql volatile as $$
    select greatest(clock_timestamp(), (select high from storage_clock))
$$;
"""

DOWN = """
drop function storage_now();
drop table storage_clock, storage_secret;
drop function storage_clock_forward();
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
