-- name: insert_wait
-- Notes one subject that a run waits for.
insert into engine_wait (run, key, position, kind, subject, name, entry_kind, input_hash, input, retry, until, remaining)
values (%(run)s, %(key)s, %(position)s, %(kind)s, %(subject)s, %(name)s, %(entry_kind)s, %(input_hash)s, %(input)s,
        %(retry)s, %(until)s, %(remaining)s)

-- name: waits_at
-- Reads the subjects of one wait.
select * from engine_wait where run = %(run)s and key = %(key)s order by position

-- name: open_waits
-- Reads what a run waits for now.
select * from engine_wait where run = %(run)s and state = 'open' order by key, position

-- name: open_signal_wait
-- Finds the open wait for a signal.
select key, position from engine_wait
 where run = %(run)s and kind = 'signal' and subject = %(name)s and state = 'open' limit 1

-- name: close_wait
-- Closes a wait: one subject with the outcome, its neighbours withdrawn.
update engine_wait
   set state = case when position = %(position)s then %(state)s else 'withdrawn' end,
       answer = case when position = %(position)s then %(answer)s else answer end
 where run = %(run)s and key = %(key)s and state = 'open'
returning position

-- name: pend_answer
-- Keeps an answer that may still be taken back until a time; null takes it back.
update engine_wait set answer = %(answer)s, after = %(after)s
 where run = %(run)s and key = %(key)s and position = %(position)s and state = 'open'
returning position

-- name: withdraw_waits
-- Withdraws everything that a cancelled run waits for.
update engine_wait set state = 'withdrawn' where run = %(run)s and state = 'open'
returning kind, subject

-- name: child_ended
-- Counts one child down.
update engine_wait set remaining = remaining - 1
 where run = %(run)s and key = %(key)s and kind = 'child' and state = 'open'
returning remaining, position

-- name: due_waits
-- Lists waits whose time has come: expired, timers, and answers whose undo grace is over.
select run, key, position, kind, answer, after from engine_wait
 where state = 'open' and ((until <= engine_now() and answer is null) or after <= engine_now())
 order by coalesce(after, until) limit %(limit)s

-- name: count_retries
-- Counts the long pauses before further tries of a step.
select count(*) as n from engine_wait where run = %(run)s and key = %(key)s and retry and state <> 'open'

-- name: keep_signal
-- Keeps a signal once by its event id.
insert into engine_signal (run, name, event, value, label, taken)
values (%(run)s, %(name)s, %(event)s, %(value)s, %(label)s, %(taken)s)
on conflict do nothing
returning id

-- name: take_signal
-- Takes the oldest kept signal of a name.
update engine_signal set taken = true
 where id = (select id from engine_signal where run = %(run)s and name = %(name)s and not taken order by id limit 1)
returning value, label

-- name: childless_waits
-- Lists waits for children all of which have ended.
select w.run, w.key, w.position from engine_wait w
 where w.kind = 'child' and w.state = 'open' and not exists
       (select 1 from engine_run c where c.parent = w.run and c.parent_key = w.key and c.ended is null)
 limit %(limit)s
