-- name: append_entry
-- Store one entry and put it on the sequencer's list, in one statement.
with stored as (
    insert into audit_entry
        (id, kind, actor, run, proposal, approval, effect, refs, body, label, policy)
    values (%(id)s, %(kind)s, %(actor)s, %(run)s, %(proposal)s, %(approval)s, %(effect)s, %(refs)s, %(body)s,
        %(label)s, %(policy)s)
    returning id
)
insert into audit_pending (entry) select id from stored

-- name: append_entries
-- Store many entries and put them on the sequencer's list, in one statement.
with given as (
    select * from jsonb_to_recordset(%(rows)s) as r (
        id uuid, kind text, actor text, run text, proposal uuid, approval uuid, effect text, refs jsonb,
        body jsonb, label jsonb, policy text
    )
), stored as (
    insert into audit_entry
        (id, kind, actor, run, proposal, approval, effect, refs, body, label, policy)
    select id, kind, actor, run, proposal, approval, effect,
        array(select jsonb_array_elements_text(given.refs)), body, nullif(label, 'null'), policy
    from given
    returning id
)
insert into audit_pending (entry) select id from stored

-- name: adopt_entry
-- Store an entry that the second device took alone, with its own time; nothing if it is there already.
with stored as (
    insert into audit_entry
        (id, at, kind, actor, run, proposal, approval, effect, refs, body, label, policy)
    values (%(id)s, %(at)s, %(kind)s, %(actor)s, %(run)s, %(proposal)s, %(approval)s, %(effect)s, %(refs)s,
        %(body)s, %(label)s, %(policy)s)
    on conflict (id) do nothing
    returning id
)
insert into audit_pending (entry) select id from stored

-- name: try_sequencer
-- Become the sequencer until the transaction ends, or learn that another process is.
select pg_try_advisory_xact_lock(hashtextextended('audit.sequencer', 0))

-- name: await_sequencer
-- Become the sequencer until the transaction ends, after the one at work.
select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))

-- name: size
-- How many entries have a place.
select coalesce(max(position), 0) from audit_leaf

-- name: pending_entries
-- Entries committed but without a place, oldest first.
select e.* from audit_pending p join audit_entry e on e.id = p.entry order by e.at, e.id limit %(limit)s

-- name: insert_leaves
-- Give a batch of entries their places.
insert into audit_leaf (position, entry, hash)
select * from unnest(%(positions)s::bigint[], %(entries)s::uuid[], %(hashes)s::bytea[])

-- name: insert_nodes
-- Store the roots of subtrees that are complete now.
insert into audit_node (level, place, hash)
select %(level)s, * from unnest(%(places)s::bigint[], %(hashes)s::bytea[])

-- name: clear_pending
-- Take placed entries off the sequencer's list.
delete from audit_pending where entry = any(%(entries)s::uuid[])

-- name: position_of
-- The place of one entry in the tree, if it has one.
select position from audit_leaf where entry = %(id)s

-- name: subtrees
-- Stored hashes by ranges of places on their levels; leaves are level 0, counted from 0.
select r.level, l.position - 1 as place, l.hash
from unnest(%(levels)s::int[], %(firsts)s::bigint[], %(counts)s::bigint[]) as r (level, first, count)
join audit_leaf l on r.level = 0 and l.position > r.first and l.position <= r.first + r.count
union all
select r.level, n.place, n.hash
from unnest(%(levels)s::int[], %(firsts)s::bigint[], %(counts)s::bigint[]) as r (level, first, count)
join audit_node n on n.level = r.level and n.place >= r.first and n.place < r.first + r.count
where r.level > 0

-- name: nodes
-- Every stored root of a subtree.
select level, place, hash from audit_node order by level, place

-- name: leaves_after
-- A page of the tree with its entries, for a check, an export or the second device.
select l.position, l.hash, l.entry, e.*
from audit_leaf l left join audit_entry e on e.id = l.entry
where l.position > %(after)s order by l.position limit %(limit)s

-- name: leaf
-- One entry with its place.
select l.position, l.hash, e.*
from audit_leaf l join audit_entry e on e.id = l.entry where l.entry = %(id)s

-- name: unplaced
-- Entries without a place: how many, and the oldest of those that waited longer than a sequencer may take.
select count(*) as pending,
    (array_agg(e.id order by e.at) filter (where e.at < clock_timestamp() - make_interval(secs => %(grace)s)))[1]
        as oldest
from audit_entry e where not exists (select 1 from audit_leaf l where l.entry = e.id)

-- name: entries_of
-- Entries that belong to a proposal, an effect or a run, in the order they happened.
select e.*, l.position, l.hash
from audit_entry e left join audit_leaf l on l.entry = e.id
where (%(proposals)s::uuid[] is not null and e.proposal = any(%(proposals)s::uuid[]))
    or (%(effect)s::text is not null and e.effect = %(effect)s::text)
    or (%(run)s::text is not null and e.run = %(run)s::text)
order by e.at, e.id limit %(limit)s

-- name: ids_like
-- Entries whose id ends with the given characters.
select id from audit_entry where id::text like '%%' || %(end)s limit 5

-- name: insert_head
-- Store a signed head; the same head again changes nothing.
insert into audit_head (size, root, at, key, signature)
values (%(size)s, %(root)s, %(at)s, %(key)s, %(signature)s) on conflict do nothing

-- name: heads
-- Every signed head, smallest tree first.
select size, root, at, key, signature from audit_head order by size, at, key

-- name: last_head
-- The newest signed head of one key.
select size, root, at, key, signature from audit_head where key = %(key)s order by size desc limit 1

-- name: now
-- The database's clock.
select clock_timestamp()

-- name: person_key
-- The key of a person, made if there is none.
insert into audit_person (subject, key) values (%(subject)s, %(fresh)s)
on conflict (subject) do update set subject = excluded.subject returning key

-- name: known_key
-- The key of a person, if there is one.
select key from audit_person where subject = %(subject)s

-- name: erase_person
-- Destroy the key of a person.
delete from audit_person where subject = %(subject)s returning key
