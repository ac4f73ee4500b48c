-- name: insert_approval
-- Store a person's verdict, for how long it is good, and the hash of the whole proposal as it stands.
insert into decisions_approval
    (id, proposal, subject, approver, verdict, reason, at, not_before, expiry, delegated_by, screen, asked, groups,
     linked, blind)
select %(id)s, p.id, p.subject, %(approver)s, %(verdict)s, %(reason)s, %(at)s,
    %(at)s::timestamptz + make_interval(secs => %(grace)s),
    %(at)s::timestamptz + make_interval(secs => %(grace)s::float8 + %(lifetime)s::float8), %(delegated_by)s,
    %(screen)s, encode(sha256(convert_to(p.body::text, 'UTF8')), 'hex'), %(groups)s::text[], %(linked)s::text[],
    %(blind)s
from decisions_proposal p where p.id = %(proposal)s

-- name: voted_item
-- Count a voice of several and let the next person at the item.
update decisions_item
set given = %(given)s, claimed_by = null, claimed_until = null, delegated_to = null, delegated_by = null,
    version = version + 1
where proposal = %(id)s

-- name: answer_item
-- Close an item with its answer, told now or after the grace.
update decisions_item
set state = %(state)s, answer = %(answer)s::json, answered_at = %(at)s, claimed_by = null, claimed_until = null,
    given = coalesce(%(given)s::smallint, given), version = version + 1,
    tell_at = %(at)s::timestamptz + make_interval(secs => %(grace)s::float8)
where proposal = %(id)s and (state = 'open' or tell_at is not null)

-- name: reopen_item
-- Ask again what was answered and taken back within the grace.
update decisions_item
set state = 'open', answer = null, answered_at = null, tell_at = null, given = %(given)s, version = version + 1
where proposal = %(id)s

-- name: told_item
-- Note that whoever waited has the answer.
update decisions_item set tell_at = null where proposal = %(id)s

-- name: open_for_wait
-- Items of one wait of a run that nobody answered, or whose answer was not handed on yet, locked.
select proposal from decisions_item
where run = %(run)s and key = %(key)s and (state = 'open' or tell_at is not null) order by proposal for update

-- name: due_items
-- Open items past their deadline.
select proposal from decisions_item
where state = 'open' and deadline <= clock_timestamp() order by deadline limit %(limit)s

-- name: due_answers
-- Answers whose grace has passed.
select proposal from decisions_item where tell_at <= clock_timestamp() order by tell_at limit %(limit)s

-- name: approval
-- One approval with its proposal and whom it was addressed to.
select a.*, p.body, i.asked_of, i.also
from decisions_approval a join decisions_proposal p on p.id = a.proposal join decisions_item i on i.proposal = p.id
where a.id = %(id)s

-- name: approvals_of
-- Every verdict on one proposal.
select * from decisions_approval where proposal = %(id)s order by at, id

-- name: lock_approvals
-- Take every yes of the proposal that one approval answered, with what the clocks say about each.
select a.*, i.state, p.body, s.proposal is not null or p.body #>> '{v,kind}' = 'seeded' as seeded,
    a.asked <> encode(sha256(convert_to(p.body::text, 'UTF8')), 'hex') as changed,
    a.not_before > clock_timestamp() as early, a.expiry <= storage_now() as late
from decisions_approval a
join decisions_proposal p on p.id = a.proposal
join decisions_item i on i.proposal = a.proposal
left join decisions_seed s on s.proposal = a.proposal
where a.proposal = (select b.proposal from decisions_approval b where b.id = %(id)s)
    and (a.id = %(id)s or (a.verdict = 'approve' and a.undone_at is null))
order by a.id for update of a

-- name: use_approval
-- Use an approval up.
update decisions_approval set used_at = clock_timestamp(), used_by = %(effect)s where id = %(id)s

-- name: undo_approval
-- Take a verdict back.
update decisions_approval set undone_at = clock_timestamp() where id = %(id)s
