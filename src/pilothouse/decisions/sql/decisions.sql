-- name: insert_proposal
-- Store what is asked, and its place in the queue, in one statement.
with stored as (
    insert into decisions_proposal (id, parent, run, key, subject, body)
    values (%(id)s, %(parent)s, %(run)s, %(key)s, %(subject)s, %(body)s::json)
    on conflict (id) do nothing
    returning id
)
insert into decisions_item (proposal, topic, title, verdict, tier, asked_of, run, key, deadline)
select id, %(topic)s, %(title)s, %(verdict)s, %(tier)s, %(asked_of)s, %(run)s, %(key)s, %(deadline)s from stored

-- name: subject_of
-- What is bound by a stored proposal.
select subject from decisions_proposal where id = %(id)s

-- name: clock
-- The database's wall clock; every deadline and lease is judged by it.
select clock_timestamp()

-- name: lock_item
-- Take one item for an answer or a change.
select i.*, p.body, p.subject from decisions_item i join decisions_proposal p on p.id = i.proposal
where i.proposal = %(id)s for update of i

-- name: show_item
-- One item with its proposal.
select i.*, p.body, p.subject, clock_timestamp() as now
from decisions_item i join decisions_proposal p on p.id = i.proposal where i.proposal = %(id)s

-- name: list_items
-- A page of what the principal may see, with the total.
select i.*, clock_timestamp() as now, count(*) over () as total
from decisions_item i
where (i.topic = any(%(exact)s::text[])
        or exists (select 1 from unnest(%(prefixes)s::text[]) as stem where starts_with(i.topic, stem))
        or (i.asked_of <> '' and i.asked_of = any(%(addressed)s::text[])))
    and (%(state)s::text is null or i.state = %(state)s::text)
    and (%(topic)s::text is null or i.topic = %(topic)s::text)
    and (%(tier)s::int is null or i.tier = %(tier)s::int)
    and (%(verdict)s::text is null or i.verdict = %(verdict)s::text)
    and (%(asked_of)s::text is null or i.asked_of = %(asked_of)s::text)
    and (%(run)s::text is null or i.run = %(run)s::text)
    and (%(words)s::text is null or strpos(lower(i.title), lower(%(words)s::text)) > 0)
    and (%(due_before)s::timestamptz is null or i.deadline < %(due_before)s::timestamptz)
    and (%(mine)s::text is null or i.delegated_to = %(mine)s::text
        or (i.claimed_by = %(mine)s::text and i.claimed_until > clock_timestamp()))
    and (%(free)s::text is null
        or ((i.claimed_by is null or i.claimed_by = %(free)s::text or i.claimed_until <= clock_timestamp())
            and (i.delegated_to is null or i.delegated_to = %(free)s::text)))
    and (%(snoozed)s or i.snoozed_until is null or i.snoozed_until <= clock_timestamp())
order by
    case when %(sort)s = 'urgency' then i.deadline end asc nulls last,
    case when %(sort)s in ('urgency', 'tier') then i.tier end desc,
    case when %(sort)s = 'title' then i.title end asc,
    case when %(sort)s = 'newest' then i.proposed_at end desc,
    i.proposed_at asc, i.proposal asc
limit %(limit)s offset %(offset)s

-- name: claim_item
-- Lock an open item to one person, unless another person's lease is alive.
update decisions_item
set claimed_by = %(by)s, claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
where proposal = %(id)s

-- name: release_item
-- Give an item back.
update decisions_item set claimed_by = null, claimed_until = null
where proposal = %(id)s and claimed_by = %(by)s

-- name: snooze_item
-- Hide an open item until a time and give it back.
update decisions_item
set snoozed_until = %(until)s, claimed_by = null, claimed_until = null, version = version + 1
where proposal = %(id)s

-- name: delegate_item
-- Hand an open item to one person.
update decisions_item
set delegated_to = %(to)s, delegated_by = %(by)s, claimed_by = null, claimed_until = null,
    snoozed_until = null, version = version + 1
where proposal = %(id)s

-- name: supersede_item
-- Close an item that was edited; its child is asked instead.
update decisions_item
set state = 'superseded', claimed_by = null, claimed_until = null, version = version + 1
where proposal = %(id)s

-- name: child_of
-- The proposal that replaced an edited one.
select id, body from decisions_proposal where parent = %(id)s order by proposed_at limit 1

-- name: answer_item
-- Close an item with its answer.
update decisions_item
set state = %(state)s, answer = %(answer)s::json, answered_at = %(at)s, claimed_by = null, claimed_until = null,
    version = version + 1
where proposal = %(id)s and state = 'open'

-- name: insert_approval
-- Store a person's verdict, and for how long it is good.
insert into decisions_approval
    (id, proposal, subject, approver, verdict, reason, at, not_before, expiry, delegated_by)
values (%(id)s, %(proposal)s, %(subject)s, %(approver)s, %(verdict)s, %(reason)s, %(at)s, %(at)s,
    %(at)s::timestamptz + make_interval(secs => %(lifetime)s), %(delegated_by)s)

-- name: open_for_wait
-- Open items of one wait of a run, locked.
select proposal from decisions_item
where run = %(run)s and key = %(key)s and state = 'open' order by proposal for update

-- name: due_items
-- Open items past their deadline.
select proposal from decisions_item
where state = 'open' and deadline <= clock_timestamp() order by deadline limit %(limit)s

-- name: approval
-- One approval with its proposal.
select a.*, p.body from decisions_approval a join decisions_proposal p on p.id = a.proposal where a.id = %(id)s

-- name: approvals_of
-- Every verdict on one proposal.
select * from decisions_approval where proposal = %(id)s order by at

-- name: lock_approval
-- Take one approval for its only use, with what the clock says about it.
select used_by, subject, verdict, not_before > clock_timestamp() as early, expiry <= clock_timestamp() as late
from decisions_approval where id = %(id)s for update

-- name: use_approval
-- Use an approval up.
update decisions_approval set used_at = clock_timestamp(), used_by = %(effect)s where id = %(id)s

-- name: lineage
-- A proposal and what it replaced, oldest first, with the state of the newest.
with recursive line as (
    select p.id, p.parent, p.body, 0 as back from decisions_proposal p where p.id = %(id)s
    union all
    select p.id, p.parent, p.body, line.back + 1 from decisions_proposal p join line on p.id = line.parent
)
select line.id, line.body, i.state, i.answer from line join decisions_item i on i.proposal = line.id
order by line.back desc

-- name: ids_ending
-- Proposals whose id is, or ends with, some characters.
select id from decisions_proposal where right(id::text, length(%(ending)s::text)) = %(ending)s::text limit 5
