-- name: insert_intent
-- Store that an effect is about to be sent, unless it or another one on the same thing is already there.
insert into effects_effect
    (effect_id, tool, tool_version, call_hash, args, principal, agent, run, proposal, approval, evidence, labels,
    site, version, rung, opened, review, thing, holder, lease_until)
values (%(effect_id)s, %(tool)s, %(tool_version)s, %(call_hash)s, %(args)s::json, %(principal)s::json, %(agent)s,
    %(run)s, %(proposal)s, %(approval)s, %(evidence)s::json, %(labels)s::json, %(site)s,
    %(version)s, %(rung)s, %(opened)s, %(review)s, %(thing)s, %(holder)s,
    clock_timestamp() + make_interval(secs => %(lease)s))
on conflict do nothing

-- name: insert_shadow
-- Store an effect that does not happen because its version only shadows or suggests.
insert into effects_effect
    (effect_id, tool, tool_version, call_hash, args, principal, agent, run, proposal, approval, evidence, labels,
    site, version, rung, opened, review, state, reasons, outcome_at)
values (%(effect_id)s, %(tool)s, %(tool_version)s, %(call_hash)s, %(args)s::json, %(principal)s::json, %(agent)s,
    %(run)s, %(proposal)s, %(approval)s, %(evidence)s::json, %(labels)s::json, %(site)s,
    %(version)s, %(rung)s, %(opened)s, %(review)s, 'shadowed', %(reasons)s, clock_timestamp())
on conflict do nothing
returning *

-- name: effect
-- One effect.
select * from effects_effect where effect_id = %(effect_id)s

-- name: same_thing
-- The effect without a known outcome that acts on the same thing.
select effect_id, state from effects_effect
where tool = %(tool)s and thing = %(thing)s and state in ('intent', 'unknown')

-- name: halts_for
-- Which of these scopes are halted; held until the intent commits, so that a halt waits or wins.
select * from effects_halt where scope = any(%(scopes)s::text[]) order by scope for share

-- name: take_lease
-- Become the one who finishes an intent whose holder went silent.
update effects_effect
set holder = %(holder)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    attempts = attempts + 1
where effect_id = %(effect_id)s and state = 'intent' and lease_until <= clock_timestamp()
returning *

-- name: renew_lease
-- Show that the holder is still at work.
update effects_effect set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
where effect_id = %(effect_id)s and holder = %(holder)s and state = 'intent'

-- name: drop_lease
-- Let anyone finish the intent.
update effects_effect set lease_until = clock_timestamp()
where effect_id = %(effect_id)s and holder = %(holder)s and state = 'intent'

-- name: store_outcome
-- Close an intent, if it is still held by who closes it.
update effects_effect
set state = %(state)s, result = %(result)s::json, reasons = %(reasons)s, outcome_at = clock_timestamp()
where effect_id = %(effect_id)s and holder = %(holder)s and state = 'intent'

-- name: resolve
-- Store what a person found out about an effect of unknown outcome.
update effects_effect
set state = %(state)s, result = %(result)s::json, reasons = %(reasons)s, outcome_at = clock_timestamp()
where effect_id = %(effect_id)s and state = 'unknown'

-- name: left_behind
-- Intents whose holder went silent.
select effect_id, tool from effects_effect
where state = 'intent' and lease_until <= clock_timestamp() - make_interval(secs => %(grace)s)
    and tool = any(%(tools)s::text[])
order by lease_until limit %(limit)s

-- name: in_flight
-- Intents that were sent and have no outcome yet, within one scope.
select effect_id from effects_effect
where state = 'intent' and %(scope)s in
    ('*', tool, 'site:' || nullif(site, ''), 'agent:' || nullif(version, ''), 'agent:' || nullif(agent, ''))
order by intent_at

-- name: effect_of_proposal
-- The latest effect that used an approval of this proposal.
select * from effects_effect where proposal = %(proposal)s order by intent_at desc limit 1

-- name: lock_halts
-- Wait for intents that read the switch, and keep new ones out until it is switched.
select scope from effects_halt where scope = '*' for update

-- name: switch_halt
-- Switch one scope.
insert into effects_halt (scope, halted, by, reason) values (%(scope)s, %(halted)s, %(by)s, %(reason)s)
on conflict (scope) do update
set halted = excluded.halted, by = excluded.by, reason = excluded.reason, at = clock_timestamp()
returning *

-- name: halts
-- Every switch.
select * from effects_halt order by scope
