-- name: insert_proposal
-- Store what is asked, and its place in the queue, in one statement.
with stored as (
    insert into decisions_proposal (id, parent, run, key, subject, body)
    values (%(id)s, %(parent)s, %(run)s, %(key)s, %(subject)s, %(body)s::json)
    on conflict (id) do nothing
    returning id
)
insert into decisions_item
    (proposal, topic, title, verdict, tier, asked_of, run, key, deadline, tool, thing, performer, apart, readers,
     blind, needed, next_step_at)
select id, %(topic)s, %(title)s, %(verdict)s, %(tier)s, %(asked_of)s, %(run)s, %(key)s, %(deadline)s, %(tool)s,
    %(thing)s, %(performer)s, %(apart)s::text[], %(readers)s::text[], %(blind)s, %(needed)s,
    clock_timestamp() + make_interval(secs => %(first_step)s::float8)
from stored

-- name: subject_of
-- What is bound by a stored proposal.
select subject from decisions_proposal where id = %(id)s

-- name: supersede_item
-- Close an item that was edited; its child is asked instead.
update decisions_item
set state = 'superseded', claimed_by = null, claimed_until = null, version = version + 1
where proposal = %(id)s

-- name: child_of
-- The proposal that replaced an edited one.
select id, body from decisions_proposal where parent = %(id)s order by proposed_at limit 1

-- name: key
-- The secret of the lot that makes items blind.
select key from decisions_key

-- name: lock_topic
-- Let one transaction at a time plant samples into a topic.
select pg_advisory_xact_lock(hashtextextended('decisions.seed ' || %(topic)s, 0))

-- name: share_seeded
-- How many items a topic has, and how many of them were planted.
select count(*) as asked, count(s.proposal) as seeded
from decisions_item i left join decisions_seed s on s.proposal = i.proposal where i.topic = %(topic)s

-- name: insert_seed
-- Note that a proposal is a known-bad sample, and what is wrong with it.
insert into decisions_seed (proposal, unit, topic, fault, planted_by)
values (%(id)s, %(unit)s, %(topic)s, %(fault)s, %(by)s)

-- name: seed
-- What is wrong with a planted sample.
select fault from decisions_seed where proposal = %(id)s

-- name: catches
-- How many samples were answered as they were planted, and how many of them were refused.
select count(*) as shown, count(*) filter (where i.state = 'rejected') as caught
from decisions_seed s join decisions_item i on i.proposal = s.proposal
where i.state in ('approved', 'rejected') and i.tell_at is null
    and (%(unit)s::text is null or s.unit = %(unit)s::text)

-- name: due_steps
-- Open items whose next reminder is due.
select proposal from decisions_item
where state = 'open' and next_step_at <= clock_timestamp() order by next_step_at limit %(limit)s

-- name: step_item
-- Remind of an item, ask someone else as well, and set the time of the next step.
update decisions_item
set steps = steps + 1, snoozed_until = null,
    also = case when %(to)s::text = '' then also else array_append(also, %(to)s::text) end,
    next_step_at = proposed_at + make_interval(secs => %(next)s::float8)
where proposal = %(id)s
