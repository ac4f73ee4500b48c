-- name: budget
-- Makes a budget of a scope and period, or takes over a changed limit, and returns its id.
insert into models_budget (scope, name, unit, period, most)
values (%(scope)s, %(name)s, %(unit)s, %(period)s, %(most)s)
on conflict (scope, name, unit, period) do update
   set most = excluded.most,
       over = greatest(models_budget.over, models_budget.reserved + models_budget.used - excluded.most, 0)
returning id

-- name: lost_reservations
-- Settles reservations whose lease ran out at their estimate, and marks it as lost.
with late as (
  delete from models_reservation where until < clock_timestamp() returning budget, amount
), sums as (
  select budget, sum(amount) as amount from late group by budget
), locked as materialized (
  select b.id, s.amount from models_budget b join sums s on s.budget = b.id order by b.id for update of b
)
update models_budget b
   set reserved = b.reserved - l.amount, used = b.used + l.amount, lost = b.lost + l.amount
  from locked l where b.id = l.id returning b.id

-- name: budgets
-- Lists the budgets that were ever touched, fullest first.
select scope, name, unit, period, most, reserved, used, over, lost, warned_at
  from models_budget order by (reserved + used) / greatest(most, 0.000001) desc, id limit %(limit)s

-- name: store_check
-- Keeps what a contract suite measured.
insert into models_check (provider, place, by, abilities, figures)
values (%(provider)s, %(place)s, %(by)s, %(abilities)s, %(figures)s)

-- name: latest_checks
-- Reads the newest measurement of each provider at its place.
select distinct on (provider, place) provider, place, at, by, abilities, figures
  from models_check order by provider, place, at desc
