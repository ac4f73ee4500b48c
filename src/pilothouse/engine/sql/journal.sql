-- name: load_entries
-- Reads the whole journal of a run.
select key, seq, segment, epoch, kind, name, version, input_hash, outcome, output, packed, output_ref,
       error, label, ended
  from engine_entry where run = %(run)s order by seq

-- name: history
-- Reads a run's entries with everything that was recorded.
select * from engine_entry where run = %(run)s and seq > %(after)s order by seq limit %(limit)s

-- name: record
-- Writes one entry under the claim's epoch, or nothing.
insert into engine_entry (run, key, seq, segment, epoch, kind, name, version, input_hash, input, input_ref, outcome,
                          output, packed, output_ref, error, label, cost, evidence, executor, attempts, started, ended)
select r.id, %(key)s, %(seq)s, r.segment, r.epoch, %(kind)s, %(name)s, %(version)s, %(input_hash)s, %(input)s,
       %(input_ref)s, %(outcome)s, %(output)s, %(packed)s, %(output_ref)s, %(error)s, %(label)s, %(cost)s, %(evidence)s::bytea[],
       r.owner, %(attempts)s, engine_now() - make_interval(secs => %(took)s), engine_now()
  from engine_run r
 where r.id = %(run)s and r.epoch = %(epoch)s
   and (r.state = 'running' or (%(finishing)s and r.state = 'cancelling')) for share
on conflict (run, key) do nothing
returning ended

-- name: find_entry
-- Reads one entry.
select * from engine_entry where run = %(run)s and key = %(key)s

-- name: record_answer
-- Writes the entry of a wait that was met or has expired.
insert into engine_entry (run, key, seq, segment, epoch, kind, name, version, input_hash, input, outcome,
                          output, output_ref, label, executor, started, ended)
select w.run, w.key, coalesce((select max(seq) + 1 from engine_entry e where e.run = w.run), 0), r.segment, r.epoch,
       w.entry_kind, w.name, '1', w.input_hash, w.input, %(outcome)s, %(output)s, %(output_ref)s,
       %(label)s, null,
       w.created, engine_now()
  from engine_wait w join engine_run r on r.id = w.run
 where w.run = %(run)s and w.key = %(key)s and w.position = %(position)s and not w.retry
on conflict (run, key) do nothing
returning *

-- name: sealed_entry
-- Reads what the family of a sealed fork recorded for one call.
select e.* from engine_entry e join engine_run r on r.id = e.run
 where r.root = %(root)s and not r.sealed and e.kind = %(kind)s and e.name = %(name)s and e.input_hash = %(input_hash)s
 order by (e.run = %(root)s) desc, e.seq limit 1

-- name: copy_entries
-- Gives a fork the entries that were recorded before the key it starts from.
insert into engine_entry (run, key, seq, segment, epoch, kind, name, version, input_hash, input, input_ref, outcome,
                          output, packed, output_ref, error, label, cost, evidence, executor, attempts, started, ended)
select %(fork)s, e.key, e.seq, 0, 0, e.kind, e.name, e.version, e.input_hash, e.input, e.input_ref, e.outcome,
       e.output, e.packed, e.output_ref, e.error, e.label, e.cost, e.evidence, e.executor, e.attempts, e.started, e.ended
  from engine_entry e
 where e.run = %(run)s and e.key not like 'adopt:%%'
   and e.seq < coalesce((select seq from engine_entry where run = %(run)s and key = %(from_key)s), 2147483647)

-- name: override_entry
-- Replaces the output of a copied entry.
update engine_entry set output = %(output)s, packed = null, output_ref = %(output_ref)s, outcome = 'ok', error = null
 where run = %(run)s and key = %(key)s
returning key

-- name: put_payload
-- Keeps a body once; brings erased bytes back.
insert into engine_payload (hash, size, media_type, body)
values (%(hash)s, %(size)s, %(media_type)s, %(body)s)
on conflict (hash) do update set body = excluded.body where engine_payload.body is null

-- name: get_payload
-- Reads a body.
select body, media_type from engine_payload where hash = %(hash)s

-- name: drop_unreferenced
-- Deletes payloads that nothing has referred to for a while.
delete from engine_payload p
 where p.created < engine_now() - make_interval(secs => %(older)s)
   and not exists (select 1 from engine_entry e where e.output_ref = p.hash or e.input_ref = p.hash)
   and not exists (select 1 from engine_run r where r.result_ref = p.hash)

-- name: drop_old_runs
-- Deletes ended runs and their journals beyond the retention.
delete from engine_run where id in
  (select id from engine_run where ended < engine_now() - make_interval(days => %(days)s) limit %(limit)s)
