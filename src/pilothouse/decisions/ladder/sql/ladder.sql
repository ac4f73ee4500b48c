-- name: standing
-- Where a unit stands, with its open test and the waiver in force.
select u.*, t.id as test_id, t.number, t.alpha, t.eps, t.n, t.k, t.shown, t.caught, t.asked, t.asked_n,
    (select max(w.rung) from ladder_waiver w
        where w.action = u.action and w.tier = u.tier and w.site = u.site and w.revoked_by is null
            and w.until > clock_timestamp()) as waived
from ladder_unit u left join ladder_test t on t.unit = u.id and t.state = 'open'
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
