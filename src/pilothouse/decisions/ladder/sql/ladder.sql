-- name: standing
-- Where a unit stands, with its open test and the waiver in force.
select u.*, t.id as test_id, t.number, t.alpha, t.eps, t.n, t.k, t.shown, t.caught, t.asked, t.asked_n,
    (select max(w.rung) from ladder_waiver w
        where w.action = u.action and w.tier = u.tier and w.site = u.site and w.revoked_by is null
            and w.until > clock_timestamp()) as waived
from ladder_unit u join ladder_test t on t.unit = u.id and t.state = 'open'
where u.action = %(action)s and u.tier = %(tier)s and u.site = %(site)s and u.version = %(version)s

-- name: hold_rung
-- The rung of a unit, which cannot move until the transaction ends.
select u.rung, u.dropped,
    (select max(w.rung) from ladder_waiver w
        where w.action = u.action and w.tier = u.tier and w.site = u.site and w.revoked_by is null
            and w.until > clock_timestamp()) as waived
from ladder_unit u
where u.action = %(action)s and u.tier = %(tier)s and u.site = %(site)s and u.version = %(version)s
for share of u

-- name: make_key
-- Keep the key of the lot, unless there is one.
insert into ladder_key (key) values (%(key)s) on conflict do nothing

-- name: key
-- The key of the lot.
select key from ladder_key

-- name: lock_unit
-- A unit whose rung nobody else can read for an intent, or move, until the transaction ends.
select u.*, t.id as test_id, t.number, t.rung as test_rung, t.alpha, t.eps, t.n, t.k, t.shown, t.caught,
    t.detector, t.counted, t.asked, t.asked_n,
    (select max(w.rung) from ladder_waiver w
        where w.action = u.action and w.tier = u.tier and w.site = u.site and w.revoked_by is null
            and w.until > clock_timestamp()) as waived
from ladder_unit u left join ladder_test t on t.unit = u.id and t.state = 'open'
where u.action = %(action)s and u.tier = %(tier)s and u.site = %(site)s and u.version = %(version)s
for update of u

-- name: lock_switch
-- Let one transaction at a time register units or touch the switch.
select scope from ladder_switch where scope = '*' for update

-- name: classes
-- What every class may spend of the error budget.
select id, action, tier, site, weight, rule, reserve_number from ladder_class

-- name: insert_class
-- Register a class of actions.
insert into ladder_class (action, tier, site, weight, rule, reserve_number)
values (%(action)s, %(tier)s, %(site)s, %(weight)s, %(rule)s, %(reserve_number)s)
returning id

-- name: insert_unit
-- Register a unit at the rung everything starts at, under the switch as it is.
insert into ladder_unit (class, action, tier, site, version, dropped)
values (%(class)s, %(action)s, %(tier)s, %(site)s, %(version)s, exists (
    select 1 from ladder_switch
    where dropped and scope in ('*', 'action:' || %(action)s, 'site:' || %(site)s, 'version:' || %(version)s)))

-- name: next_number
-- Number the next test of a class, so that no two spend the same share of the error budget.
update ladder_class set tests = tests + 1 where id = %(class)s returning tests, weight

-- name: insert_test
-- Start counting anew.
insert into ladder_test (unit, number, rung, alpha, eps, detector)
values (%(unit)s, %(number)s, %(rung)s, %(alpha)s, %(eps)s, %(detector)s)

-- name: close_test
-- Stop counting for the rung that was left.
update ladder_test set state = %(state)s, certificate = %(certificate)s::json
where unit = %(unit)s and state = 'open'

-- name: earlier_certificate
-- The certificate that lifted the unit to a rung it had before.
select certificate::text as certificate from ladder_test
where unit = %(unit)s and state = 'promoted' and rung = %(rung)s order by id desc limit 1

-- name: set_rung
-- Move a unit.
update ladder_unit set rung = %(rung)s, certificate = %(certificate)s::json where id = %(unit)s

-- name: insert_move
-- Remember a move.
insert into ladder_move (unit, before, after, why, reason, by)
values (%(unit)s, %(before)s, %(after)s, %(why)s, %(reason)s, %(by)s)

-- name: moves
-- The moves of a unit, latest first.
select m.* from ladder_move m join ladder_unit u on u.id = m.unit
where u.action = %(action)s and u.tier = %(tier)s and u.site = %(site)s and u.version = %(version)s
order by m.id desc limit %(limit)s

-- name: units
-- Every unit.
select action, tier, site, version from ladder_unit order by action, tier, site, id

-- name: label
-- One case of a unit, which nobody else labels until the transaction ends.
select * from ladder_label where unit = %(unit)s and "case" = %(case)s for update

-- name: enrol
-- Remember that a case awaits its verdict, and which test it belongs to.
insert into ladder_label (test, unit, "case", source, confidence)
values (%(test)s, %(unit)s, %(case)s, 'drawn', %(confidence)s) on conflict do nothing

-- name: insert_label
-- Store the verdict on a case.
insert into ladder_label (test, unit, "case", wrong, source, confidence, counts_at)
values (%(test)s, %(unit)s, %(case)s, %(wrong)s, %(source)s, %(confidence)s,
    case when %(counts)s then clock_timestamp() + make_interval(secs => %(settle)s) end)
returning *, counts_at <= clock_timestamp() as due

-- name: judge_label
-- Give a case that was awaited its verdict, or a good one the bad outcome that came later.
update ladder_label set wrong = %(wrong)s, source = %(source)s,
    confidence = coalesce(%(confidence)s, confidence),
    counts_at = clock_timestamp() + make_interval(secs => %(settle)s)
where id = %(id)s
returning *, counts_at <= clock_timestamp() as due

-- name: place_label
-- Count a case.
update ladder_label set place = %(place)s where id = %(id)s

-- name: test
-- One test.
select * from ladder_test where id = %(id)s

-- name: count_test
-- Store what was counted.
update ladder_test set n = %(n)s, k = %(k)s, counted = %(counted)s, detector = %(detector)s where id = %(id)s

-- name: counted
-- The verdicts of a test in the order they were counted.
select wrong from ladder_label where test = %(test)s and place is not null order by place

-- name: due_units
-- Units with labels whose settle time is over.
select distinct u.action, u.tier, u.site, u.version from ladder_label l join ladder_unit u on u.id = l.unit
where l.place is null and l.counts_at <= clock_timestamp()

-- name: due_labels
-- The labels of one unit whose settle time is over.
select * from ladder_label where unit = %(unit)s and place is null and counts_at <= clock_timestamp()
order by counts_at, id limit %(limit)s for update

-- name: cases
-- The cases of a unit, latest first.
select l.*, t.rung from ladder_label l join ladder_test t on t.id = l.test join ladder_unit u on u.id = l.unit
where u.action = %(action)s and u.tier = %(tier)s and u.site = %(site)s and u.version = %(version)s
    and l.wrong is not null
order by l.id desc limit %(limit)s

-- name: watched_units
-- Units that climb or stand above the rung everything starts at.
select u.action, u.tier, u.site, u.version, t.shown, t.caught
from ladder_unit u join ladder_test t on t.unit = u.id and t.state = 'open'
where u.rung > 2 or (u.rung = 2 and t.n > 0)

-- name: set_catch
-- Store how many seeded bad proposals were shown and caught.
update ladder_test set shown = %(shown)s, caught = %(caught)s where id = %(id)s

-- name: ask
-- Remember which proposal asks to promote.
update ladder_test set asked = %(asked)s, asked_n = n where id = %(id)s

-- name: touch_switch
-- Switch one scope.
insert into ladder_switch (scope, dropped, by, reason) values (%(scope)s, %(dropped)s, %(by)s, %(reason)s)
on conflict (scope) do update
set dropped = excluded.dropped, by = excluded.by, reason = excluded.reason, at = clock_timestamp()

-- name: apply_switch
-- Bring every unit in line with the switches; waits for intents that hold one still.
update ladder_unit u set dropped = not u.dropped
where u.dropped <> exists (
    select 1 from ladder_switch s
    where s.dropped and s.scope in ('*', 'action:' || u.action, 'site:' || u.site, 'version:' || u.version))

-- name: switches
-- Every switch.
select * from ladder_switch order by scope

-- name: insert_waiver
-- Lift the cap of one class for a time.
insert into ladder_waiver (proposal, action, tier, site, rung, reason, signers, until)
values (%(proposal)s, %(action)s, %(tier)s, %(site)s, %(rung)s, %(reason)s, %(signers)s, %(until)s)

-- name: revoke_waivers
-- Take back what is waived for one class.
update ladder_waiver set revoked_by = %(by)s
where action = %(action)s and tier = %(tier)s and site = %(site)s and revoked_by is null
    and until > clock_timestamp()

-- name: waivers
-- The waivers in force.
select * from ladder_waiver where revoked_by is null and until > clock_timestamp() order by until

-- name: unask
-- Forget the proposal that asked to promote; how many labels there were then stays.
update ladder_test set asked = null where id = %(id)s

-- name: clock
-- The database's time.
select clock_timestamp() as now

-- name: versions
-- The versions of one class.
select version from ladder_unit
where action = %(action)s and tier = %(tier)s and site = %(site)s order by id
