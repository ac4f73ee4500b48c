-- name: insert_run
-- Creates a run unless its key is known; with an owner it is claimed already.
insert into engine_run (id, workflow, version, key, args, principal, root, origin, parent, parent_key, parent_index,
                        queue, partition, priority, dedup, deadline, sealed, label, owner, submitted_at,
                        state, epoch, attempts)
values (%(id)s, %(workflow)s, %(version)s, %(key)s, %(args)s, %(principal)s, %(root)s, %(origin)s, %(parent)s,
        %(parent_key)s, %(parent_index)s, %(queue)s, %(partition)s, %(priority)s, %(dedup)s, %(deadline)s,
        %(sealed)s, %(label)s, %(owner)s, case when %(owner)s::text is not null then engine_now() end,
        case when %(owner)s::text is not null then 'running' else 'ready' end,
        case when %(owner)s::text is not null then 1 else 0 end,
        case when %(owner)s::text is not null then 1 else 0 end)
on conflict do nothing
returning *

-- name: find_run
-- Reads one run.
select * from engine_run where id = %(id)s

-- name: find_run_by_key
-- Reads the run that a key stands for.
select * from engine_run where workflow = %(workflow)s and key = %(key)s

-- name: find_live_dedup
-- Reads the live run that holds a deduplication id.
select * from engine_run
 where queue = %(queue)s and coalesce(partition, '') = coalesce(%(partition)s, '') and dedup = %(dedup)s
   and state in ('ready', 'running', 'parked', 'blocked', 'cancelling')

-- name: list_runs
-- Lists runs, newest first, optionally of some states, one workflow or one family.
select * from engine_run
 where (%(states)s::text[] is null or state = any(%(states)s::text[]))
   and (%(workflow)s::text is null or workflow = %(workflow)s::text)
   and (%(parent)s::uuid is null or parent = %(parent)s::uuid)
   and (%(version)s::text is null or version = %(version)s::text)
 order by created desc, id desc limit %(limit)s

-- name: ids_ending
-- Runs whose id is, or ends with, some characters.
select id from engine_run where id::text like '%%' || %(ending)s::text limit 5

-- name: count_states
-- Counts runs by state.
select state, count(*) as n from engine_run group by state

-- name: claim
-- Takes a segment under the next epoch; attempts count claims without a new entry.
update engine_run r
   set epoch = epoch + 1, owner = %(owner)s, state = 'running',
       submitted_at = coalesce(submitted_at, engine_now()),
       attempts = case when r.epoch > 0 and exists
                    (select 1 from engine_entry e where e.run = r.id and e.epoch = r.epoch)
                  then 1 else r.attempts + 1 end
 where id = %(id)s and segment = %(segment)s and state in ('ready', 'running')
returning *

-- name: end_run
-- Leaves a run in a final state or blocked, unless a newer claim exists.
update engine_run
   set state = %(state)s, result = %(result)s, result_ref = %(result_ref)s, error = %(error)s, reason = %(reason)s,
       result_label = %(label)s, owner = null, ended = case when %(state)s <> 'blocked' then engine_now() end
 where id = %(id)s and epoch = %(epoch)s and owner is not null
   and (state = 'running' or (state = 'cancelling' and %(state)s = 'cancelled'))
returning id

-- name: give_back
-- Makes a claimed run ready for another process after a while.
update engine_run
   set state = 'ready', segment = segment + 1, owner = null, submitted_at = null, reason = %(reason)s,
       wake_at = engine_now() + make_interval(secs => %(delay)s)
 where id = %(id)s and epoch = %(epoch)s and state = 'running'
returning id

-- name: run_state
-- Reads state and epoch, to tell a cancelled claim from a fenced one.
select state, epoch from engine_run where id = %(id)s

-- name: lock_run
-- Locks one run before its waits and signals are touched.
select * from engine_run where id = %(id)s for no key update

-- name: park_run
-- Parks a run under its epoch.
update engine_run set state = 'parked', owner = null, attempts = 0, submitted_at = null, reason = null
 where id = %(id)s and epoch = %(epoch)s and state = 'running'
returning id

-- name: ready_run
-- Makes a parked run ready for its next segment.
update engine_run
   set state = 'ready', segment = segment + 1, submitted_at = null, attempts = 0, wake_at = null
 where id = %(id)s and state = 'parked'
returning id, queue

-- name: unblock_run
-- Lets a blocked run try again.
update engine_run
   set state = 'ready', segment = segment + 1, submitted_at = null, attempts = 0, reason = null
 where id = %(id)s and state = 'blocked'
returning id

-- name: set_version
-- Notes the version that a run goes on under.
update engine_run set version = %(version)s where id = %(id)s and epoch = %(epoch)s and state = 'running'
returning id

-- name: unsubmitted
-- Lists ready runs that no executor knows, in their order; the queue without limits a little later.
select id, segment, queue, partition, priority, created from engine_run
 where state = 'ready' and submitted_at is null and (wake_at is null or wake_at <= engine_now())
   and (queue <> 'default' or (attempts < 2 and created <= engine_now() - make_interval(secs => %(older)s)))
 order by priority, created, id limit %(limit)s

-- name: take_direct
-- Takes ready runs for this process only; of those that died twice with their process, four at a time.
update engine_run set submitted_at = engine_now(), owner = %(owner)s
 where id in (select id from engine_run
               where state = 'ready' and submitted_at is null and queue = any(%(queues)s)
                 and (wake_at is null or wake_at <= engine_now())
                 and (attempts < 2 or id in
                       (select s.id from engine_run s
                         where s.attempts >= 2 and s.queue = any(%(queues)s)
                           and ((s.state = 'ready' and s.submitted_at is null
                                 and (s.wake_at is null or s.wake_at <= engine_now()))
                             or (s.owner is not null and s.submitted_at > engine_now() - interval '30 seconds'
                                 and not exists
                                  (select 1 from engine_entry e where e.run = s.id and e.epoch = s.epoch)))
                         order by s.owner is null, s.priority, s.created limit 4))
               order by priority, created limit %(limit)s for update skip locked)
returning id, segment, queue, partition, priority, attempts

-- name: mark_submitted
-- Notes that an executor has acknowledged segments.
update engine_run r set submitted_at = engine_now()
  from unnest(%(ids)s::uuid[], %(segments)s::int[]) as s(id, segment)
 where r.id = s.id and r.segment = s.segment and r.state = 'ready'

-- name: bump_segments
-- Moves runs of a dead or departing executor to their next segment.
update engine_run r
   set state = case when r.state = 'cancelling' then 'cancelled' else 'ready' end,
       ended = case when r.state = 'cancelling' then engine_now() end,
       segment = r.segment + 1, epoch = r.epoch + 1, owner = null, submitted_at = null,
       attempts = case when exists (select 1 from engine_entry e where e.run = r.id and e.epoch = r.epoch)
                    then 0 else r.attempts end
  from unnest(%(ids)s::uuid[], %(segments)s::int[]) as s(id, segment)
 where r.id = s.id and r.segment = s.segment
   and r.state in ('ready', 'running', 'cancelling') and (r.owner = %(owner)s or r.owner is null)
returning r.id, r.state

-- name: owned_by
-- Lists what an executor holds.
select id, segment, epoch, state from engine_run
 where owner = %(owner)s and state in ('ready', 'running', 'cancelling')

-- name: overdue
-- Lists live runs whose deadline has passed.
select id from engine_run where deadline <= engine_now() and ended is null and deadline is not null limit %(limit)s

-- name: cancel_idle
-- Cancels a run that no process is running.
update engine_run
   set state = 'cancelled', ended = engine_now(), reason = %(reason)s, segment = segment + 1
 where id = %(id)s and state in ('ready', 'parked', 'blocked')
returning id

-- name: cancel_running
-- Asks the process that runs a run to stop it.
update engine_run set state = 'cancelling', reason = %(reason)s
 where id = %(id)s and state = 'running'
returning owner

-- name: live_children
-- Lists the children of a run that have not ended.
select id from engine_run where parent = %(id)s and ended is null

-- name: children_of
-- Reads the children started at one call, in order.
select id, workflow, state, result, result_ref, error, result_label from engine_run
 where parent = %(run)s and parent_key = %(key)s order by parent_index
