-- name: standing_for
-- Delegations in force that bind a person within a topic, either way.
select giver, taker from decisions_standing
where scope = %(scope)s and until > storage_now() and revoked_at is null
    and (giver = %(who)s or taker = %(who)s)
order by giver, taker

-- name: insert_standing
-- Let one person stand in for another until a time.
insert into decisions_standing (id, giver, taker, scope, until, at, reason)
values (%(id)s, %(giver)s, %(taker)s, %(scope)s, %(until)s, %(at)s, %(reason)s)

-- name: list_standing
-- Delegations in force that a person gave or took.
select id, giver, taker, scope, until, at, reason from decisions_standing
where until > storage_now() and revoked_at is null and (giver = %(who)s or taker = %(who)s)
order by until, id

-- name: revoke_standing
-- End a delegation now.
update decisions_standing set revoked_at = clock_timestamp(), revoked_by = %(by)s
where id = %(id)s and revoked_at is null and (giver = %(by)s or %(any)s)
returning giver, taker, scope

-- name: lock_thing
-- Let one answer at a time be given about a thing, so that separate duties see each other.
select pg_advisory_xact_lock(hashtextextended('decisions.thing ' || %(thing)s, 0))

-- name: apart
-- What one of these people approved or performed on the same thing with a tool that must be kept apart.
select i.tool, i.title from decisions_item i
where i.thing = %(thing)s and i.proposal <> %(id)s
    and (i.tool = any(%(apart)s::text[]) or %(tool)s::text = any(i.apart))
    and not exists (select 1 from decisions_seed s where s.proposal = i.proposal)
    and exists (
        select 1 from decisions_approval a
        where a.proposal = i.proposal and a.verdict = 'approve' and a.undone_at is null
            and (a.approver = any(%(people)s::text[]) or a.delegated_by = any(%(people)s::text[])
                or i.performer = any(%(people)s::text[])))
order by i.proposed_at limit 1
