-- name: insert_lease
-- Announces an executor.
insert into engine_lease (executor, queues) values (%(executor)s, %(queues)s)

-- name: beat
-- Renews a lease that nobody has begun to take over.
update engine_lease set seen = engine_now() where executor = %(executor)s and reaper is null
returning executor

-- name: leases
-- Lists executors and for how long they have been silent.
select executor, queues, started, seen, reaper,
       extract(epoch from engine_now() - seen)::float8 as silent,
       extract(epoch from engine_now() - reaped_at)::float8 as reaping
  from engine_lease order by started

-- name: begin_reaping
-- Claims the right to take over a silent executor, also from a reaper that died on the way.
update engine_lease set reaper = %(me)s, reaped_at = engine_now()
 where executor = %(executor)s
   and (reaper is null or reaper = %(me)s or reaped_at < engine_now() - make_interval(secs => %(lease)s))
   and (%(dead)s or seen < engine_now() - make_interval(secs => %(lease)s))
returning executor

-- name: drop_lease
-- Forgets an executor that was taken over or has left.
delete from engine_lease where executor = %(executor)s

-- name: orphans
-- Lists runs whose owner holds no lease at all.
select r.id, r.segment, r.owner from engine_run r
 where r.state in ('ready', 'running', 'cancelling') and r.owner is not null
   and not exists (select 1 from engine_lease l where l.executor = r.owner)
 limit %(limit)s

-- name: schedules
-- Reads when schedules last fired.
select name, last, engine_now() as now from engine_schedule

-- name: put_schedule
-- Notes a schedule, keeping when it last fired.
insert into engine_schedule (name, cron, timezone) values (%(name)s, %(cron)s, %(timezone)s)
on conflict (name) do update set cron = excluded.cron, timezone = excluded.timezone

-- name: fired
-- Moves a schedule on.
update engine_schedule set last = %(last)s where name = %(name)s and last < %(last)s

-- name: lock_cursor
-- Takes a trigger's cursor; nothing if another process holds it.
select position from engine_cursor where name = %(name)s for update skip locked

-- name: put_cursor
-- Creates a trigger's cursor.
insert into engine_cursor (name, position) values (%(name)s, %(position)s) on conflict do nothing

-- name: move_cursor
-- Moves a trigger's cursor on.
update engine_cursor set position = %(position)s where name = %(name)s
