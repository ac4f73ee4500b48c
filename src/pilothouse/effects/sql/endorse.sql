-- name: endorsement_clock
-- The time by which endorsements expire.
select storage_now()

-- name: insert_endorsement
-- Let one flow pass.
insert into effects_endorsement
    (id, workflow, version, source, tool, tool_version, arg, treatment, by, reason, expires_at)
values (%(id)s, %(workflow)s, %(version)s, %(source)s, %(tool)s, %(tool_version)s, %(arg)s, %(treatment)s,
    %(by)s, %(reason)s, %(expires_at)s)
returning *

-- name: replace_endorsement
-- Take back what a new grant replaces.
update effects_endorsement set revoked_at = clock_timestamp(), revoked_by = %(by)s
where revoked_at is null and workflow = %(workflow)s and version = %(version)s and source = %(source)s
    and tool = %(tool)s and tool_version = %(tool_version)s and arg = %(arg)s and treatment = %(treatment)s

-- name: endorsement
-- One endorsement, locked.
select * from effects_endorsement where id = %(id)s for update

-- name: revoke_endorsement
-- Take one back.
update effects_endorsement set revoked_at = clock_timestamp(), revoked_by = %(by)s
where id = %(id)s and revoked_at is null
returning *

-- name: endorsements
-- Endorsements of one workflow or of all.
select * from effects_endorsement
where (%(workflow)s::text is null or workflow = %(workflow)s)
    and (not %(live)s or (revoked_at is null and expires_at > storage_now()))
order by granted_at, id

-- name: endorsements_for
-- What holds now for one tool in one workflow version.
select arg, treatment, source from effects_endorsement
where workflow = %(workflow)s and version = %(version)s and tool = %(tool)s and tool_version = %(of)s
    and revoked_at is null and expires_at > storage_now()
