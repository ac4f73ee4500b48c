-- name: lineage
-- A proposal and what it replaced, oldest first, with the state of the newest.
with recursive line as (
    select p.id, p.parent, p.body, 0 as back from decisions_proposal p where p.id = %(id)s
    union all
    select p.id, p.parent, p.body, line.back + 1 from decisions_proposal p join line on p.id = line.parent
)
select line.id, line.body, i.state, i.answer from line join decisions_item i on i.proposal = line.id
order by line.back desc

-- name: ids_ending
-- Proposals whose id is, or ends with, some characters.
select id from decisions_proposal where right(id::text, length(%(ending)s::text)) = %(ending)s::text limit 5
