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

-- name: topics
-- Every topic once, by jumping from one to the next along the index.
with recursive found as (
    (select topic from decisions_item order by topic limit 1)
    union all
    select (select i.topic from decisions_item i where i.topic > found.topic order by i.topic limit 1)
    from found where found.topic is not null
)
select topic from found where topic is not null

-- name: closed_sets
-- Every set of ACL ids that items in a state are closed by.
select distinct readers from decisions_item
where readers <> '{}' and (%(state)s::text is null or state = %(state)s::text)

-- name: list_items
-- A page of what the principal may see, with the total; advice and words that are hidden cannot be searched.
select i.proposal, i.state, i.version, i.topic, i.tier, i.asked_of, i.run, i.key, i.deadline, i.proposed_at,
    i.snoozed_until, i.claimed_by, i.claimed_until, i.delegated_to, i.delegated_by, i.answer, i.needed, i.given,
    i.also, i.steps, i.tell_at, i.blind, i.readers, i.shown_title as title, i.shown_verdict as verdict,
    clock_timestamp() as now, count(*) over () as total
from (
    select d.*,
        case when d.readers && %(unread)s::text[] then '' else d.title end as shown_title,
        case when d.readers && %(unread)s::text[] or (d.blind and d.state = 'open') then ''
            else d.verdict end as shown_verdict
    from decisions_item d
) i
where (i.topic = any(%(topics)s::text[])
        or (i.asked_of <> '' and i.asked_of = any(%(addressed)s::text[]))
        or i.also && %(addressed)s::text[])
    and (%(state)s::text is null or i.state = %(state)s::text)
    and (%(topic)s::text is null or i.topic = %(topic)s::text)
    and (%(tier)s::int is null or i.tier = %(tier)s::int)
    and (%(verdict)s::text is null or i.shown_verdict = %(verdict)s::text)
    and (%(asked_of)s::text is null or i.asked_of = %(asked_of)s::text
        or %(asked_of)s::text = any(i.also))
    and (%(run)s::text is null or i.run = %(run)s::text)
    and (%(words)s::text is null or strpos(lower(i.shown_title), lower(%(words)s::text)) > 0)
    and (%(due_before)s::timestamptz is null or i.deadline < %(due_before)s::timestamptz)
    and (%(mine)s::text is null or i.delegated_to = %(mine)s::text
        or (i.claimed_by = %(mine)s::text and i.claimed_until > clock_timestamp()))
    and (%(free)s::text is null
        or ((i.claimed_by is null or i.claimed_by = %(free)s::text or i.claimed_until <= clock_timestamp())
            and (i.delegated_to is null or i.delegated_to = %(free)s::text)
            and not i.readers && %(unread)s::text[]
            and not exists (
                select 1 from decisions_approval a
                where a.proposal = i.proposal and a.approver = %(free)s::text and a.undone_at is null)))
    and (%(snoozed)s or i.snoozed_until is null or i.snoozed_until <= clock_timestamp())
order by
    case when %(sort)s = 'urgency' then i.deadline end asc nulls last,
    case when %(sort)s in ('urgency', 'tier') then i.tier end desc,
    case when %(sort)s = 'title' then i.shown_title end asc,
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
