-- name: old_calls
-- Deletes a batch of ended calls that began too long ago.
with old as (
  select id from models_call
   where at < clock_timestamp() - make_interval(days => %(days)s) and outcome <> 'open'
   order by at limit %(batch)s
)
delete from models_call c using old where c.id = old.id

-- name: dead_threads
-- Lists the nodes that no call's conversation leads to, each with the node before it.
with recursive live (hash, prev) as (
  select t.hash, t.prev from models_thread t where t.hash in (select thread from models_call)
  union
  select t.hash, t.prev from models_thread t join live l on t.hash = l.prev
)
select t.hash, t.prev from models_thread t where not exists (select from live l where l.hash = t.hash)

-- name: dead_bodies
-- Lists the bodies that no conversation, label or answer names.
with named (hash) as (
  select substring(t.bodies from n for 32) from models_thread t, generate_series(1, length(t.bodies), 32) n
  union
  select substring(t.labels from n for 16) from models_thread t, generate_series(1, length(t.labels), 16) n
  union
  select label from models_call
  union
  select answer from models_call where answer is not null
)
select b.hash from models_body b where not exists (select from named n where n.hash = b.hash)

-- name: bury_threads
-- Deletes a batch of nodes, or none of them if a call of the last day has come back to one.
with recent as (
  select t.hash, t.prev from models_call c join models_thread t on t.hash = c.thread
   where c.at > clock_timestamp() - interval '1 day'
), back as (
  select 1 from recent where hash = any(%(hashes)s::bytea[]) or prev = any(%(hashes)s::bytea[])
)
delete from models_thread where hash = any(%(hashes)s::bytea[]) and not exists (select from back)

-- name: bury_bodies
-- Deletes those of a batch of bodies that no call of the last day has come back to.
with recent as (
  select c.label, c.answer, t.bodies, t.labels
    from models_call c join models_thread t on t.hash = c.thread
   where c.at > clock_timestamp() - interval '1 day'
), named (hash) as (
  select substring(r.bodies from n for 32) from recent r, generate_series(1, length(r.bodies), 32) n
  union
  select substring(r.labels from n for 16) from recent r, generate_series(1, length(r.labels), 16) n
  union
  select label from recent
  union
  select answer from recent where answer is not null
)
delete from models_body b
 where b.hash = any(%(hashes)s::bytea[]) and not exists (select from named n where n.hash = b.hash)
