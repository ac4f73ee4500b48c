-- name: accounts
-- Every account with its groups and rights.
select a.*,
    coalesce((select array_agg(g.name) from registry_grant g where g.account = a.id and g.kind = 'group'), '{}') as groups,
    coalesce((select array_agg(g.name) from registry_grant g where g.account = a.id and g.kind = 'right'), '{}') as rights
from registry_account a
where %(id)s::text is null or a.id = %(id)s::text
order by a.id

-- name: by_external
-- The account of somebody who signed in elsewhere.
select id, active from registry_account where external = %(external)s

-- name: insert_account
-- Make an account; nothing happens if there is one.
insert into registry_account (id, kind, external, created_by) values (%(id)s, %(kind)s, %(external)s, %(by)s)
on conflict (id) do nothing

-- name: set_active
-- Let an account in or keep it out.
update registry_account set active = %(active)s where id = %(id)s

-- name: set_password
-- Store the hash of a new password and forget wrong ones.
update registry_account set password = %(password)s, failures = 0, locked_until = null where id = %(id)s

-- name: lock_account
-- Take one account for a sign-in.
select id, kind, active, password, failures, locked_until > clock_timestamp() as locked
from registry_account where id = %(id)s for update

-- name: failed
-- Count a wrong password, and lock the account when there were too many.
update registry_account
set failures = failures + 1,
    locked_until = case when failures + 1 >= %(most)s then clock_timestamp() + %(lock)s::interval end
where id = %(id)s

-- name: succeeded
-- Forget wrong passwords.
update registry_account set failures = 0, locked_until = null where id = %(id)s

-- name: clear_grants
-- Take groups and rights away, before the new ones are given.
delete from registry_grant where account = %(id)s

-- name: insert_grants
-- Give groups or rights.
insert into registry_grant (account, kind, name) select %(id)s, %(kind)s, unnest(%(names)s::text[])

-- name: has_password
-- Whether any active person can sign in.
select exists (select 1 from registry_account where active and password is not null)

-- name: insert_secret
-- Store the hash of a secret that was handed out.
insert into registry_secret (id, kind, account, hash, scopes, expires_at)
values (%(id)s, %(kind)s, %(account)s, %(hash)s, %(scopes)s, clock_timestamp() + %(lifetime)s::interval)
returning expires_at

-- name: secret
-- One secret with what the clock and its account say about it.
select s.*, s.expires_at <= clock_timestamp() as late, a.active, a.kind as account_kind
from registry_secret s join registry_account a on a.id = s.account
where s.id = %(id)s and s.kind = %(kind)s

-- name: use_token
-- Use a one-time token up; nothing happens if it was.
update registry_secret set revoked_at = clock_timestamp()
where id = %(id)s and kind = 'token' and revoked_at is null and expires_at > clock_timestamp()

-- name: touch
-- Note that a secret was used, at most once a minute.
update registry_secret set last_used_at = clock_timestamp()
where id = %(id)s and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')

-- name: revoke
-- End a secret.
update registry_secret set revoked_at = clock_timestamp() where id = %(id)s and revoked_at is null

-- name: revoke_all
-- End every session and open token of an account; its keys too when it is shut out.
update registry_secret set revoked_at = clock_timestamp()
where account = %(account)s and revoked_at is null and (kind <> 'key' or %(keys)s)

-- name: keys
-- API keys, of one account or of all.
select * from registry_secret
where kind = 'key' and (%(account)s::text is null or account = %(account)s::text) order by created_at, id

-- name: lock_asset
-- Let one writer at a time number the versions of an asset.
select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))

-- name: asset_by_hash
-- The version that has this very body.
select version from registry_asset where kind = %(kind)s and name = %(name)s and hash = %(hash)s

-- name: insert_asset
-- Store the next version.
insert into registry_asset (kind, name, version, hash, body, card, label, created_by)
select %(kind)s, %(name)s,
    coalesce((select max(a.version) from registry_asset a where a.kind = %(kind)s and a.name = %(name)s), 0) + 1,
    %(hash)s, %(body)s, %(card)s, %(label)s, %(by)s
returning version

-- name: assets
-- Versions with their tags, newest first.
select a.*, coalesce((
        select array_agg(t.tag order by t.tag) from registry_tag t
        where t.kind = a.kind and t.name = a.name and t.version = a.version
    ), '{}') as tags
from registry_asset a
where (%(kind)s::text is null or a.kind = %(kind)s::text) and (%(name)s::text is null or a.name = %(name)s::text)
order by a.kind, a.name, a.version desc

-- name: set_tag
-- Point a tag at a version.
insert into registry_tag (kind, name, tag, version, set_by)
values (%(kind)s, %(name)s, %(tag)s, %(version)s, %(by)s)
on conflict (kind, name, tag) do update
set version = excluded.version, set_by = excluded.set_by, set_at = clock_timestamp()
