-- name: feed_append
-- Append an event to the feed inside the caller's transaction.
insert into storage_feed (topic, value) values (%(topic)s, %(value)s) returning id

-- name: feed_read
-- Events after a position in an order to which nothing can be added later: only rows of transactions older than every running one.
select id, topic, value, at from storage_feed
where xid < pg_snapshot_xmin(pg_current_snapshot())
  and (
    (xid, id) > (select mark.xid, mark.id from storage_feed as mark where mark.id = %(after)s)
    or (not exists (select 1 from storage_feed as mark where mark.id = %(after)s) and id > %(after)s)
  )
  and (%(topics)s::text[] is null or topic = any(%(topics)s::text[]))
order by xid, id
limit %(limit)s

-- name: feed_last
-- The position of the newest event that is safe to read, 0 for an empty feed.
select coalesce((select id from storage_feed where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid desc, id desc limit 1), 0)

-- name: feed_prune
-- Forget events older than a time, keeping the newest.
delete from storage_feed where at < %(before)s and id < (select max(id) from storage_feed)
