-- name: append_entry
-- Store one entry and put it on the sequencer's list, in one statement.
with stored as (
    insert into audit_entry (id, kind, actor, run, proposal, approval, effect, refs, body)
    values (%(id)s, %(kind)s, %(actor)s, %(run)s, %(proposal)s, %(approval)s, %(effect)s, %(refs)s, %(body)s)
    returning id
)
insert into audit_pending (entry) select id from stored

-- name: try_sequencer
-- Become the sequencer until the transaction ends, or learn that another process is.
select pg_try_advisory_xact_lock(hashtextextended('audit.sequencer', 0))

-- name: await_sequencer
-- Become the sequencer until the transaction ends, after the one at work.
select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))

-- name: head
-- The last link of the chain.
select position, hash from audit_link order by position desc limit 1

-- name: pending_entries
-- Entries committed but not chained, oldest first.
select e.* from audit_pending p join audit_entry e on e.id = p.entry order by e.at, e.id limit %(limit)s

-- name: insert_links
-- Chain a batch of entries.
insert into audit_link (position, entry, prev, hash)
select * from unnest(%(positions)s::bigint[], %(entries)s::uuid[], %(prevs)s::text[], %(hashes)s::text[])

-- name: clear_pending
-- Take chained entries off the sequencer's list.
delete from audit_pending where entry = any(%(entries)s::uuid[])

-- name: position_of
-- The place of one entry in the chain, if it has one.
select position from audit_link where entry = %(id)s

-- name: links_after
-- A page of the chain with its entries, for a check or an export.
select l.position, l.prev, l.hash, l.entry, e.*
from audit_link l left join audit_entry e on e.id = l.entry
where l.position > %(after)s order by l.position limit %(limit)s

-- name: unchained
-- Entries without a link: how many, and the oldest of those that waited longer than a sequencer may take.
select count(*) as pending,
    (array_agg(e.id order by e.at) filter (where e.at < clock_timestamp() - make_interval(secs => %(grace)s)))[1]
        as oldest
from audit_entry e where not exists (select 1 from audit_link l where l.entry = e.id)

-- name: entries_of
-- Entries that belong to a proposal, an effect or a run, in the order they happened.
select e.*, l.position, l.prev, l.hash
from audit_entry e left join audit_link l on l.entry = e.id
where (%(proposals)s::uuid[] is not null and e.proposal = any(%(proposals)s::uuid[]))
    or (%(effect)s::text is not null and e.effect = %(effect)s::text)
    or (%(run)s::text is not null and e.run = %(run)s::text)
order by e.at, e.id limit %(limit)s
