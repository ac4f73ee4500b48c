-- name: known_sources
-- Finds the ids of sources, and keeps them from being forgotten until the transaction ends.
select id, hash from traces_source where hash = any(%(hashes)s::bytea[]) for key share

-- name: put_source
-- Notes a source once.
insert into traces_source (hash, account, workflow, service, readers, resource)
values (%(hash)s, %(account)s, %(workflow)s, %(service)s, %(readers)s, %(resource)s::jsonb)
on conflict (hash) do update set hash = excluded.hash
returning id

-- name: copy_spans
-- Takes many spans at once.
copy traces_span_rows (source, began, took, id, parent, trace, run, kind, status, integrity, name, message, attributes, more)
from stdin

-- name: put_span
-- Takes one span unless it is there already: what an exporter sends again after a lost reply is no error.
insert into traces_span_rows
    (source, began, took, id, parent, trace, run, kind, status, integrity, name, message, attributes, more)
values (%(source)s, %(began)s, %(took)s, %(id)s, %(parent)s, %(trace)s, %(run)s, %(kind)s, %(status)s,
        %(integrity)s, %(name)s, %(message)s, %(attributes)s::jsonb, %(more)s::jsonb)
on conflict (trace, id, source) do nothing

-- name: reader_sets
-- Lists the distinct sets of readers, so that it is asked once which of them somebody satisfies.
select distinct unnest(readers) as acl from traces_source

-- name: find_spans
-- Finds spans newest first; whatever is null does not matter.
select s.began, s.took, s.id, s.parent, s.trace, s.run, s.kind, s.status, s.integrity, s.name, s.message,
       s.attributes, s.more, o.account, o.workflow, o.service
  from traces_span s join traces_source o on o.id = s.source
 where o.readers <@ %(acls)s::text[]
   and (%(run)s::uuid is null or s.run = %(run)s::uuid)
   and (%(trace)s::uuid is null or s.trace = %(trace)s::uuid)
   and (%(name)s::text is null or s.name = %(name)s::text)
   and (%(workflow)s::text is null or o.workflow = %(workflow)s::text)
   and (%(account)s::text is null or o.account = %(account)s::text)
   and (not %(errors)s::bool or s.status = 2)
   and (%(after)s::bigint is null or s.began >= %(after)s::bigint)
   and (%(before)s::bigint is null or s.began < %(before)s::bigint)
   and (%(wanted)s::jsonb is null or not exists (
        select 1 from jsonb_each_text(%(wanted)s::jsonb) w where s.attributes ->> w.key is distinct from w.value))
 order by s.began desc, s.id limit %(limit)s

-- name: spans_of_run
-- Reads the spans of one run in order, and what called programs sent into its trace.
select s.began, s.took, s.id, s.parent, s.trace, s.run, s.kind, s.status, s.integrity, s.name, s.message,
       s.attributes, s.more, o.account, o.workflow, o.service
  from traces_span s join traces_source o on o.id = s.source
 where o.readers <@ %(acls)s::text[]
   and (s.run = %(run)s::uuid or (s.trace = %(run)s::uuid and o.account <> ''))
 order by s.began, s.id limit %(limit)s

-- name: usage
-- Sums what model calls used, by one thing.
with calls as (
    select case %(by)s::text
                when 'model' then coalesce(s.attributes ->> 'gen_ai.response.model',
                                           s.attributes ->> 'gen_ai.request.model', '')
                when 'agent' then coalesce(s.attributes ->> 'gen_ai.agent.name', '')
                when 'run' then coalesce(s.run::text, '')
                when 'workflow' then o.workflow
                else o.account
           end as thing,
           s.status, s.took,
           case when s.attributes ->> 'gen_ai.usage.input_tokens' ~ '^[0-9]{1,15}$'
                then (s.attributes ->> 'gen_ai.usage.input_tokens')::bigint else 0 end as tokens_in,
           case when s.attributes ->> 'gen_ai.usage.output_tokens' ~ '^[0-9]{1,15}$'
                then (s.attributes ->> 'gen_ai.usage.output_tokens')::bigint else 0 end as tokens_out,
           case when s.attributes ->> 'pilothouse.cost' ~ '^[0-9]{1,15}([.][0-9]{1,18})?([eE]-?[0-9]{1,2})?$'
                then (s.attributes ->> 'pilothouse.cost')::numeric else 0 end as cost
      from traces_span s join traces_source o on o.id = s.source
     where o.readers <@ %(acls)s::text[]
       and s.attributes ? 'gen_ai.operation.name'
       and s.attributes ->> 'gen_ai.operation.name'
           in ('chat', 'embeddings', 'generate_content', 'text_completion')
       and not s.attributes ? 'pilothouse.summed'
       and (%(foreign)s::bool or o.account = '')
       and (%(run)s::uuid is null or s.run = %(run)s::uuid)
       and (%(after)s::bigint is null or s.began >= %(after)s::bigint)
)
select thing, count(*) as calls, count(*) filter (where status = 2) as errors, sum(tokens_in)::bigint as tokens_in,
       sum(tokens_out)::bigint as tokens_out, sum(cost) as cost, sum(took)::float8 / 1e9 as seconds
  from calls group by thing order by sum(tokens_in) + sum(tokens_out) desc, thing limit %(limit)s

-- name: prune_spans
-- Forgets a batch of spans that are older than their workflow's days; foreign accounts go by from.ACCOUNT.
delete from traces_span_rows where ctid = any(array(
    select s.ctid from traces_span_rows s join traces_source o on o.id = s.source
     where s.stored < clock_timestamp() - make_interval(days => %(days)s)
       and case when %(scope)s::text is null
                then (case when o.account = '' then o.workflow else 'from.' || o.account end)
                     <> all(%(others)s::text[])
                else (case when o.account = '' then o.workflow else 'from.' || o.account end) = %(scope)s::text end
     limit %(limit)s))

-- name: prune_sources
-- Forgets sources that have no spans any more.
delete from traces_source o where not exists (select 1 from traces_span_rows s where s.source = o.id)

-- name: cursor
-- Reads how far an exporter has come.
select stored, trace, id from traces_cursor where name = %(name)s

-- name: move_cursor
-- Notes how far an exporter has come.
insert into traces_cursor (name, stored, trace, id) values (%(name)s, %(stored)s, %(trace)s, %(id)s)
on conflict (name) do update set stored = excluded.stored, trace = excluded.trace, id = excluded.id

-- name: spans_after
-- Reads our own spans that were stored after a cursor, and long enough ago that none is committed behind it.
select s.began, s.took, s.id, s.parent, s.trace, s.run, s.kind, s.status, s.integrity, s.name, s.message,
       s.attributes, s.more, o.account, o.workflow, o.service, s.stored
  from traces_span s join traces_source o on o.id = s.source
 where o.account = '' and s.stored >= %(stored)s and (s.stored, s.trace, s.id) > (%(stored)s, %(trace)s, %(id)s)
   and s.stored <= clock_timestamp() - make_interval(secs => %(lag)s)
 order by s.stored, s.trace, s.id limit %(limit)s
