"""Owns two worlds that look the same to one asker, made-up questions to them, and attacks on them."""

from __future__ import annotations

from random import Random

from pilothouse.policy.predicate import Attribute, Compare, Every, Has, Negated, Predicate, Prefix, Settled
from pilothouse.policy.rows.rewrite import RowRules
from pilothouse.policy.rows.types import Dialect, TableRule

__all__ = ["ATTACKS", "TABLES", "World", "made_query", "made_rules", "made_world"]

World = dict[str, list[tuple[int | str | None, ...]]]

TABLES = {
    "invoice": "id bigint, site text, amount bigint, owner text, secret text, pay bigint",
    "ship": "id bigint, name text, site text",
    "salary": "id bigint, pay bigint",
}
_SITES = ("hh", "HH", "hh ", "ny", None)
_OWNERS = ("amira", "ben", None)


def made_rules(dialect: Dialect) -> RowRules:
    """Return rules: invoices of ``hh`` that ben does not own, their secret and pay masked; ships ``h*``."""
    of_ben = Every((Has(Attribute("holder")), Compare("==", Attribute("holder"), "ben")))
    invoices = Every((Settled(Compare("==", Attribute("site"), "hh"), False), Negated(Settled(of_ben, True))))
    return RowRules(
        dialect,
        [
            TableRule(
                table="invoice",
                columns=("id", "site", "amount", "owner", "secret", "pay"),
                predicate=Predicate(kind="Invoice", condition=invoices),
                attributes={"holder": "owner"},
                masks={"secret": None, "pay": 0},
            ),
            TableRule(
                table="ship",
                columns=("id", "name"),
                predicate=Predicate(kind="Ship", condition=Settled(Prefix(Attribute("name"), "h"), False)),
            ),
        ],
    )


def made_world(rng: Random) -> tuple[World, World, World]:
    """Return what may be seen, and two whole worlds that differ only in what may not."""
    seen: World = {
        "invoice": [
            (number, "hh", rng.choice((0, 3, 7, None)), rng.choice(("amira", None)), None, 0)
            for number in range(6)
        ],
        "ship": [(number, rng.choice(("hansa", "h")), "hh") for number in range(3)],
        "salary": [],
    }
    return seen, _whole(seen, rng), _whole(seen, rng)


def _whole(seen: World, rng: Random) -> World:
    invoices = [(*row[:4], rng.choice(("s3cret", "12", "x")), rng.randrange(1, 9)) for row in seen["invoice"]]
    for number in range(rng.randrange(3, 9)):
        site, owner = rng.choice(_SITES), rng.choice(_OWNERS)
        if site == "hh":
            owner = "ben"
        # Zeros, words that are no number and the lowest of all: what an error would tell.
        amount = rng.choice((0, 7, 9, -(2**63)))
        invoices.append((rng.choice((number, 100 + number)), site, amount, owner, rng.choice(("x", "7")), 5))
    rng.shuffle(invoices)
    ships = [(50 + number, rng.choice(("Hansa", "nave", None)), "ny") for number in range(rng.randrange(4))]
    return {
        "invoice": invoices,
        "ship": [*seen["ship"], *ships],
        "salary": [(1, rng.randrange(1, 9))],
    }


def made_query(rng: Random, dialect: Dialect) -> str:
    """Return a random question; unordered, so compare bags."""
    shape = rng.random()
    if shape < 0.15:
        word = rng.choice(("union", "union all", "intersect", "except"))
        return f"{_select(rng, dialect, 2)} {word} {_select(rng, dialect, 2)}"
    if shape < 0.35:
        name = rng.choice(("t", "invoice", "ship", "salary", '"Invoice"'))
        inner, other = _select(rng, dialect, 2), _select(rng, dialect, 1)
        return f"with {name} as ({inner}) select * from {name} cross join ({other}) s"
    return _select(rng, dialect, 3)


def _select(rng: Random, dialect: Dialect, depth: int) -> str:
    """Return a query of two columns, ``a`` and ``b``, both numbers."""
    source = rng.random()
    if depth and source < 0.3:
        inner, number, word = f"({_select(rng, dialect, depth - 1)}) q", ("q.a", "q.b"), "'hh'"
    elif source < 0.6:
        inner, number, word = "invoice i", ("i.id", "i.amount", "i.pay"), rng.choice(("i.site", "i.secret"))
    elif source < 0.75:
        inner, number, word = 'INVOICE as "I" join ship s on "I".id = s.id', ('"I".id', "s.id", "pay"), "name"
    elif source < 0.85 and dialect == "postgres":
        inner = "ship s cross join lateral (select max(i.id) m from invoice i where i.id >= s.id) l"
        number, word = ("l.m", "s.id"), "s.name"
    else:
        inner, number, word = "ship", ("id", "ship.id"), "name"
    columns = f"{_number(rng, number, word, depth)} as a, {_number(rng, number, word, depth)} as b"
    where = f" where {_condition(rng, number, word, depth)}" if rng.random() < 0.7 else ""
    if rng.random() < 0.25:
        sums = ("sum", "min", "max", "count")
        return f"select {rng.choice(sums)}({rng.choice(number)}) a, count(*) b from {inner}{where}"
    return f"select {'distinct ' if rng.random() < 0.2 else ''}{columns} from {inner}{where}"


def _number(rng: Random, number: tuple[str, ...], word: str, depth: int) -> str:
    one, two = rng.choice(number), rng.choice(number)
    choices = [one, one, f"{one} + 1", f"{one} % 4", f"100 / ({one} - 7)", f"abs({one})", f"length({word})"]
    if depth:
        choices += [
            f"(select count(*) from invoice x where x.id = {one})",
            f"(select max(x.pay) from invoice x where x.amount > {two})",
            f"case when exists (select 1 from ship x where x.id = {one}) then {two} else 0 end",
            f"coalesce(cast({word} as bigint), {two})",
        ]
    return rng.choice(choices)


def _condition(rng: Random, number: tuple[str, ...], word: str, depth: int) -> str:
    one, two = rng.choice(number), rng.choice(number)
    choices = [
        f"{one} > {two}",
        f"{word} = 'hh'",
        f"{word} like '%h%'",
        f"100 / ({one} - 7) > 1",
        f"{one} in (1, 2, 7)",
        f"{one} is null",
        f"not ({one} between 1 and 5)",
        f"cast({word} as bigint) = 7",
    ]
    if depth:
        choices += [
            f"{one} in (select x.id from invoice x where x.pay > 3)",
            f"exists (select 1 from invoice x where x.secret = {word} and x.id = {two})",
            f"{one} > (select avg(x.amount) from invoice x)",
            f"({_condition(rng, number, word, depth - 1)} or {_condition(rng, number, word, depth - 1)})",
        ]
    return rng.choice(choices)


# Each must be refused, or tell two worlds apart no more than the asker may.
ATTACKS = (
    "select * from salary",
    "select pay from invoice union all select pay from salary",
    "select pay from invoice except select pay from salary",
    "with t as (select 1) select * from t, salary",
    "select * from (with salary as (select 1) select * from salary) a, salary",
    "with invoice as (select * from salary) select * from invoice",
    "with salary as (select * from salary) select * from salary",
    "with a as (select * from b), b as (select * from salary) select * from a",
    "with a as (select * from salary), salary as (select 1) select * from a",
    "with recursive t as (select 1 as n union all select n + 1 from t) select * from t",
    "with t as (select 1 as n union all select n + 1 from t) select * from t",
    "with pilothouse_cte_1 as (select 1 as a) select * from pilothouse_cte_1, pilothouse_t",
    'with "T" as (select 1 as a) select * from t',
    "select invoice from invoice",
    "select i from invoice i where i.secret is not null",
    "select i.* from invoice i where i.secret like 's%'",
    "select count(*), max(secret), sum(pay) from invoice group by pay having max(pay) > 3",
    "select * from invoice where pay > 3 or secret = 's3cret'",
    "select * from invoice order by secret, pay",
    "select pilothouse_t.secret from invoice",
    "select (select secret from ship limit 1) from invoice",
    "select * from invoice where 1 / (amount - 9) > 0",
    "select * from invoice i where cast(i.secret as bigint) = 7",
    "select abs(amount) from invoice",
    "select 1 / (pay - 5) from invoice",
    "select * from invoice i join ship s on 1 / (i.amount - 9) < s.id",
    "select * from ship s, lateral (select * from salary x where x.id = s.id) l",
    "select (select max(pay) from salary) from ship",
    "select * from ship where id in (select pay from salary)",
    "select * from ship where exists (select 1 from salary where pay = ship.id)",
    "select site from ship",
    "select ship.site from ship",
    "select xmin, ctid, tableoid from invoice",
    "select rowid, oid, _rowid_ from invoice",
    "select tableoid::regclass from invoice",
    "select 'salary'::regclass::oid",
    "select cast('salary' as regclass)",
    "select * from pg_catalog.pg_class",
    "select * from information_schema.tables",
    "select * from sqlite_master",
    "select * from pg_stats",
    "select pg_read_file('/etc/passwd')",
    "select pg_sleep(1)",
    'select "pg_sleep"(1)',
    "select pg_catalog.pg_sleep(1)",
    "select i.pg_sleep from invoice i",
    "select i.row_to_json from invoice i",
    "select * from pg_ls_dir('.')",
    "select * from generate_series(1, 10)",
    "select query_to_xml('select * from salary', true, true, '')",
    "select lo_import('/etc/passwd')",
    "select dblink('dbname=x', 'select 1')",
    "select load_extension('x')",
    "select current_setting('data_directory'), current_user",
    "select row_to_json(invoice) from invoice",
    "select (invoice).secret from invoice",
    "select array(select pay from salary)",
    "select * from only invoice",
    "table salary",
    "values (1), (2)",
    "select * from invoice tablesample system (100)",
    "select * from invoice for update",
    "select * into stolen from invoice",
    "create table stolen as select * from invoice",
    "insert into ship values (1, 'h', 'hh')",
    "delete from invoice",
    "update invoice set site = 'hh'",
    "drop table invoice",
    "copy invoice to '/tmp/x'",
    "explain select * from salary",
    "explain analyze select * from invoice",
    "set row_security = off",
    "pragma table_info(salary)",
    "attach database 'x' as y",
    "select 1; select * from salary",
    "select * from ship; drop table ship",
    "select * from ship -- where\n, salary",
    "select * from ship /* x */, salary",
    "select * from ship /*! , salary */",
    "select * from ship where name = 'x' /* ' or 1=1 -- */ or name = ' union select * from salary --'",
    "select * from ship where name = 'h\\' union select pay, 'x' from salary --'",
    "select * from ship where name = e'h\\' union select 1, 2 --'",
    "select * from ship where name = $$a$$ or name = U&'\\0068'",
    'select "id" as "a"" from salary --" from ship',
    'select * from "Salary"',
    'select * from "salary"',
    "select * from SALARY",
    "select * from public.salary",
    "select * from main.salary",
    "select * from public.invoice",
    "select * from [salary]",
    "select * from `salary`",
    "select public.invoice.secret from invoice",
    "select * from ship natural join salary",
    "select * from ship join salary using (id)",
    "select * from (ship join salary on true)",
    "select * from ship s(secret, pay) where s.pay is not null",
    "select :id, ?, $1, @x, @@version from ship",
    "select * from ship limit (select max(pay) from salary)",
    "select * from ship limit -1",
    "select * from ship limit all",
    "select * from ship fetch first 1 row with ties",
    "(select * from ship)",
    "(select * from ship) limit 5",
    'select name collate "C" from ship',
    "select name ~ '(a+)+$' from ship",
    "select repeat(name, 1000000000) from ship",
    "select b'1', x'ff'",
    "select extract(nonsense from now()) from ship",
    "select cast(name as xml) from ship",
    "select",
    "",
    ";",
    "select * from ship where name = '\0'",
    "select " + "(" * 3000 + "1" + ")" * 3000,
    "select * from " + "(select * from " * 20 + "ship" + ") a" * 20,
    "select " + ", ".join("1" for _ in range(6000)),
    "select '" + "x" * 30_000 + "'",
)
