-- name: secrets
-- Every stored secret, closed.
select name, sealed, set_at, set_by from storage_secret order by name

-- name: put_secret
-- Set or replace one secret.
insert into storage_secret (name, sealed, set_by) values (%(name)s, %(sealed)s, %(by)s)
on conflict (name) do update set sealed = excluded.sealed, set_by = excluded.set_by, set_at = clock_timestamp()

-- name: remove_secret
-- Forget one secret.
delete from storage_secret where name = %(name)s

-- name: high_water
-- The later of the wall clock and the highest time ever seen.
select storage_now()

-- name: push_high_water
-- Move the high-water clock forward, never back.
update storage_clock set high = greatest(high, clock_timestamp(), %(at)s::timestamptz) returning high
