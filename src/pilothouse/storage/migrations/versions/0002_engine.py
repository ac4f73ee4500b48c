"""Tables of engine: runs, journal, waits, signals, payloads, leases, schedules, cursors."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UP = """
-- Every comparison of times goes through this function; tests of clock jumps replace it.
create function engine_now() returns timestamptz language sql stable as 'select clock_timestamp()';

create table engine_run (
  id            uuid primary key,
  workflow      text not null,
  version       text not null,
  key           text not null,
  args          text not null,
  principal     text not null,
  root          uuid not null,
  origin        uuid,
  parent        uuid,
  parent_key    text,
  parent_index  int,
  queue         text not null default 'default',
  partition     text,
  priority      int not null default 100,
  dedup         text,
  state         text not null default 'ready' check (state in
                ('ready','running','parked','done','failed','blocked','cancelling','cancelled')),
  sealed        boolean not null default false,
  segment       int not null default 0,
  epoch         int not null default 0,
  attempts      smallint not null default 0,
  owner         text,
  submitted_at  timestamptz,
  wake_at       timestamptz,
  deadline      timestamptz,
  created       timestamptz not null default engine_now(),
  ended         timestamptz,
  result        text,
  result_ref    bytea,
  error         text,
  reason        text
) with (fillfactor = 85);
create unique index engine_run_key on engine_run (workflow, key);
create index engine_run_unsubmitted on engine_run (priority, created)
  where state = 'ready' and submitted_at is null;
create index engine_run_owner on engine_run (owner) where owner is not null;
create index engine_run_deadline on engine_run (deadline) where deadline is not null and ended is null;
create index engine_run_parent on engine_run (parent, parent_key) where parent is not null;
create index engine_run_root on engine_run (root) where origin is not null;
create unique index engine_run_dedup on engine_run (queue, coalesce(partition, ''), dedup)
  where dedup is not null and state in ('ready','running','parked','blocked','cancelling');

create table engine_entry (
  run           uuid not null references engine_run on delete cascade,
  key           text collate "C" not null,
  seq           int not null,
  segment       int not null,
  epoch         int not null,
  kind          text not null check (kind in
                ('step','model','tool','scope','sleep','signal','gate','child','patch','adopt')),
  name          text not null,
  version       text not null,
  input_hash    bytea not null,
  input         text,
  input_ref     bytea,
  outcome       text not null,
  output        text,
  output_ref    bytea,
  error         text,
  label         text,
  cost          text,
  evidence      bytea[],
  span          text,
  executor      text,
  attempts      smallint not null default 1,
  started       timestamptz not null,
  ended         timestamptz not null,
  primary key (run, key),
  check (kind not in ('model', 'tool') or label is not null)
);

create table engine_wait (
  run           uuid not null references engine_run on delete cascade,
  key           text collate "C" not null,
  position      int not null,
  kind          text not null check (kind in ('gate','signal','timer','child')),
  subject       text not null,
  name          text not null,
  entry_kind    text not null,
  input_hash    bytea not null,
  input         text,
  retry         boolean not null default false,
  state         text not null default 'open' check (state in ('open','met','expired','withdrawn')),
  until         timestamptz,
  answer        text,
  after         timestamptz,
  remaining     int not null default 0,
  created       timestamptz not null default engine_now(),
  primary key (run, key, position)
) with (fillfactor = 90);
create index engine_wait_until on engine_wait (until) where state = 'open' and until is not null;
create index engine_wait_after on engine_wait (after) where state = 'open' and after is not null;
create index engine_wait_child on engine_wait (run) where state = 'open' and kind = 'child';

create table engine_signal (
  id            bigint generated always as identity primary key,
  run           uuid not null references engine_run on delete cascade,
  name          text not null,
  event         text not null,
  value         text,
  taken         boolean not null default false,
  unique (run, name, event)
);

create table engine_payload (
  hash          bytea primary key,
  size          bigint not null,
  media_type    text not null,
  body          bytea,
  created       timestamptz not null default engine_now()
);

create table engine_lease (
  executor      text primary key,
  seen          timestamptz not null default engine_now(),
  started       timestamptz not null default engine_now(),
  queues        text[] not null default '{}',
  reaper        text,
  reaped_at     timestamptz
) with (fillfactor = 50);

create table engine_schedule (
  name          text primary key,
  cron          text not null,
  timezone      text not null,
  last          timestamptz not null default engine_now()
);

create table engine_cursor (
  name          text primary key,
  position      bigint not null default 0
);
"""

_DOWN = """
drop table engine_cursor, engine_schedule, engine_lease, engine_payload, engine_signal, engine_wait,
  engine_entry, engine_run;
drop function engine_now();
"""


def upgrade() -> None:
    """Create the tables of engine."""
    op.execute(_UP)


def downgrade() -> None:
    """Drop the tables of engine."""
    op.execute(_DOWN)
