-- name: feed_append
-- Append an event to the feed inside the caller's transaction.
insert into storage_feed (topic, value) values (%(topic)s, %(value)s) returning id

-- name: feed_horizon
-- The oldest transaction of this database that still runs, or the next one: nothing can be added before it any more.
select coalesce(
    (
        select min(x) from pg_snapshot_xip(pg_current_snapshot()) as x
        where exists (
            select 1 from pg_stat_activity as ours
            where ours.datname = current_database()
              and ours.backend_xid::text::bigint = (x::text::bigint & 4294967295)
        )
        or exists (  -- other roles hide their transaction, but not the lock they hold on it
            select 1 from pg_locks as held left join pg_stat_activity as who on who.pid = held.pid
            where held.locktype = 'transactionid' and held.mode = 'ExclusiveLock' and held.granted
              and held.transactionid::text::bigint = (x::text::bigint & 4294967295)
              and (who.datname = current_database() or who.pid is null)
        )
    ),
    pg_snapshot_xmax(pg_current_snapshot())
)::text

-- name: feed_read
-- Events after a position and before the horizon, in the order of their transactions, to which nothing can be added later.
select id, topic, value, at from storage_feed
where xid < %(horizon)s::xid8
  and (
    (xid, id) > (select mark.xid, mark.id from storage_feed as mark where mark.id = %(after)s)
    or (not exists (select 1 from storage_feed as mark where mark.id = %(after)s) and id > %(after)s)
  )
  and (%(topics)s::text[] is null or topic = any(%(topics)s::text[]))
order by xid, id
limit %(limit)s

-- name: feed_last
-- The position of the newest event before the horizon, 0 for an empty feed.
select coalesce(
    (select id from storage_feed where xid < %(horizon)s::xid8 order by xid desc, id desc limit 1), 0
)

-- name: feed_prune
-- Forget events older than a time, keeping the newest.
delete from storage_feed where at < %(before)s and id < (select max(id) from storage_feed)
