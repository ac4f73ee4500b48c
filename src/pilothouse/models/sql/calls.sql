-- name: open_attempt
-- Reserves in every budget at once or in none, and notes the attempt with what it sends.
with wanted as (
  select w.budget, w.amount from unnest(%(budgets)s::bigint[], %(amounts)s::numeric[]) as w (budget, amount)
), locked as materialized (
  select b.id, b.reserved, b.used, b.most, w.amount
    from models_budget b join wanted w on w.budget = b.id
   order by b.id for update of b
), found as (
  select %(prev)s::bytea is null or exists (select from models_thread where hash = %(prev)s::bytea) as whole
), fit as (
  select coalesce(bool_and(l.reserved + l.used + l.amount <= l.most), true)
         and (select whole from found) as fits from locked l
), taken as (
  update models_budget b set reserved = b.reserved + l.amount
    from locked l where b.id = l.id and (select fits from fit) returning b.id
), held as (
  insert into models_reservation (attempt, budget, amount, until)
  select %(id)s, l.id, l.amount, clock_timestamp() + make_interval(secs => %(lease)s)
    from locked l where (select fits from fit) returning budget
), kept as (
  insert into models_body (hash, body)
  select k.hash, k.body from unnest(%(hashes)s::bytea[], %(contents)s::bytea[]) as k (hash, body)
   where (select fits from fit) on conflict do nothing returning hash
), chained as (
  insert into models_thread (hash, prev, bodies, labels)
  select %(thread)s, %(prev)s, %(bodies)s, %(labels)s
   where (select fits from fit) and %(is_new)s on conflict do nothing returning hash
), noted as (
  insert into models_call (
    id, call, number, until, task, route, provider, model, weights, adapter, mode, request_hash, schema_hash,
    sampling, thread, label, rights, principal, agent, caller, run, repair, redactors, dropped)
  select %(id)s, %(call)s, %(number)s, clock_timestamp() + make_interval(secs => %(lease)s), %(task)s, %(route)s,
         %(provider)s, %(model)s, %(weights)s, %(adapter)s, %(mode)s, %(request_hash)s, %(schema_hash)s,
         %(sampling)s, %(thread)s, %(label)s, %(rights)s, %(principal)s, %(agent)s, %(caller)s, %(run)s,
         %(repair)s, %(redactors)s::text[], %(dropped)s
   where (select fits from fit) returning id
)
select f.fits, (select whole from found) as whole, l.id, l.reserved, l.used, l.most, l.amount
  from fit f left join locked l on l.reserved + l.used + l.amount > l.most

-- name: close_attempt
-- Settles the reservations of an attempt at what it used, and stores what it came to.
with gone as (
  delete from models_reservation where attempt = %(id)s returning budget, amount
), actual as (
  select a.budget, a.amount from unnest(%(budgets)s::bigint[], %(amounts)s::numeric[]) as a (budget, amount)
), locked as materialized (
  select b.id, g.amount as held, a.amount as used
    from models_budget b join gone g on g.budget = b.id join actual a on a.budget = b.id
   order by b.id for update of b
), settled as (
  update models_budget b
     set reserved = b.reserved - l.held,
         used = b.used + l.used,
         over = greatest(b.over, b.reserved - l.held + b.used + l.used - b.most, 0),
         warned_at = case when b.warned_at is null and b.used + l.used >= b.most * %(warn_at)s
                          then clock_timestamp() else b.warned_at end
    from locked l where b.id = l.id
  returning b.scope, b.name, b.unit, b.used, b.most,
            b.warned_at > clock_timestamp() - interval '1 second' as warned
), kept as (
  insert into models_body (hash, body)
  select k.hash, k.body from unnest(%(hashes)s::bytea[], %(contents)s::bytea[]) as k (hash, body)
  on conflict do nothing returning hash
), noted as (
  update models_call
     set outcome = %(outcome)s, code = %(code)s, why = %(why)s, said_model = %(said_model)s,
         answer = %(answer)s, raw = %(raw)s, local = %(local)s, effect = %(effect)s,
         prompt_tokens = %(prompt_tokens)s, output_tokens = %(output_tokens)s,
         cached_tokens = %(cached_tokens)s, cpu_seconds = %(cpu_seconds)s, cost = %(cost)s,
         seconds = %(seconds)s, first = %(first)s, degraded = %(degraded)s
   where id = %(id)s and outcome in ('open', 'lost') returning id
)
select s.scope, s.name, s.unit, s.used, s.most from settled s where s.warned

-- name: recorded
-- Finds the answer to an identical request of the same rights: that of the same call first, else the newest.
select c.id, c.provider, c.said_model, c.prompt_tokens, c.output_tokens, c.cached_tokens, c.cpu_seconds, c.cost,
       c.degraded, b.body
  from models_call c join models_body b on b.hash = c.answer
 where c.request_hash = %(request_hash)s and c.outcome = 'ok' and c.rights = %(rights)s
   and c.principal = %(principal)s and c.agent = %(agent)s and c.caller = %(caller)s
   and (%(within)s::double precision is null
        or c.at > clock_timestamp() - make_interval(secs => %(within)s::double precision))
 order by (c.call = %(call)s) desc, c.at desc limit 1

-- name: lost_attempts
-- Marks attempts whose process ended before they did.
update models_call set outcome = 'lost', code = 'models.lost', seconds = extract(epoch from until - at)
 where outcome = 'open' and until < clock_timestamp() returning id

-- name: call
-- Reads one attempt.
select * from models_call where id = %(id)s

-- name: attempts
-- Lists attempts, newest first.
select * from models_call
 where (%(call)s::text is null or call = %(call)s) and (%(run)s::text is null or run = %(run)s)
   and (%(task)s::text is null or task = %(task)s)
 order by at desc limit %(limit)s

-- name: totals
-- Sums what each provider did and cost since a time.
select provider, count(*) as calls, count(*) filter (where outcome = 'ok') as ok,
       count(*) filter (where outcome in ('failed', 'lost')) as failed,
       coalesce(sum(prompt_tokens), 0) as prompt_tokens, coalesce(sum(output_tokens), 0) as output_tokens,
       coalesce(sum(cpu_seconds), 0) as cpu_seconds, coalesce(sum(cost), 0) as cost,
       percentile_cont(0.5) within group (order by seconds) as median_seconds
  from models_call where at > clock_timestamp() - make_interval(secs => %(within)s) group by provider

-- name: chain
-- Reads a conversation back, newest node first.
with recursive chain as (
  select t.hash, t.prev, t.bodies, t.labels, 0 as place from models_thread t where t.hash = %(thread)s
  union all
  select t.hash, t.prev, t.bodies, t.labels, c.place + 1 from models_thread t join chain c on t.hash = c.prev
)
select bodies, labels from chain order by place

-- name: known_nodes
-- Tells which of these nodes are stored.
select hash from models_thread where hash = any(%(hashes)s::bytea[])

-- name: bodies
-- Reads bodies by their hashes.
select hash, body from models_body where hash = any(%(hashes)s::bytea[])
