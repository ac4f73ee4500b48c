"""What rules are made of, what they refuse, and the statement that comes out for each database."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pilothouse.kernel import DeniedError, UsageError
from pilothouse.policy import Predicate, RowRules, TableRule
from pilothouse.policy.predicate import (
    Attribute,
    Compare,
    Condition,
    Const,
    Every,
    Has,
    Negated,
    Prefix,
    Settled,
    Some,
    Within,
)
from pilothouse.policy.rows import rewrite
from pilothouse.policy.rows.types import Dialect

SITE, OTHER, AMOUNT = Attribute("site"), Attribute("other"), Attribute("amount")
COLUMNS = ("site", "other", "amount", "flag")


def rules(condition: Condition, dialect: Dialect = "sqlite", **options: object) -> RowRules:
    rule = TableRule(table="t", columns=COLUMNS, predicate=Predicate(kind="T", condition=condition))
    return RowRules(dialect, [rule], **options)  # type: ignore[arg-type]


ROWS = [
    ("hh", "HH", 5, 1),
    ("HH", "HH", 5, 0),
    ("hh ", "hh", 6, 1),
    ("it's \\ %", "x", 7, 0),
    (None, None, None, None),
]


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        (Const(True), [0, 1, 2, 3, 4]),
        (Const(False), []),
        (Compare("==", SITE, "hh"), [0]),
        (Compare("!=", SITE, "hh"), [1, 2, 3]),
        (Compare("==", "it's \\ %", SITE), [3]),
        (Compare("==", SITE, OTHER), [1]),
        (Compare("<", AMOUNT, 6), [0, 1]),
        (Compare(">=", AMOUNT, 6), [2, 3]),
        (Compare("==", AMOUNT, AMOUNT), [0, 1, 2, 3]),
        (Compare("==", Attribute("flag"), True), [0, 2]),
        (Within(SITE, ("hh", "x")), [0]),
        (Within(AMOUNT, (5, 7)), [0, 1, 3]),
        (Has(SITE), [0, 1, 2, 3]),
        (Prefix(SITE, "hh"), [0, 2]),
        (Prefix(SITE, "it's \\ %"), [3]),
        (Prefix(SITE, ""), [0, 1, 2, 3]),
        (Some((Compare("==", SITE, "hh"), Compare("==", AMOUNT, 7))), [0, 3]),
        (Every((Compare("==", SITE, "hh"), Compare("==", AMOUNT, 7))), []),
        (Negated(Compare("==", SITE, "hh")), [1, 2, 3]),
        (Settled(Compare("==", SITE, "hh"), True), [0, 4]),
        (Negated(Settled(Compare("==", SITE, "hh"), True)), [1, 2, 3]),
    ],
)
def test_a_condition_is_exact_whatever_the_columns_collation(condition: Condition, chosen: list[int]) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("create table t (site text collate nocase, other text collate nocase, amount, flag)")
        db.executemany("insert into t values (?, ?, ?, ?)", ROWS)
        found = db.execute(rules(condition).rewrite("select * from t").sql).fetchall()
    assert found == [ROWS[number] for number in chosen]


FULL = Every((Compare("==", SITE, "h\\'"), Prefix(SITE, "h"), Compare("!=", SITE, OTHER)))


@pytest.mark.parametrize(
    ("dialect", "where"),
    [
        (
            "postgres",
            """(CAST("pilothouse_t"."site" AS TEXT) = CAST('h\\''' AS TEXT) """
            """AND CAST(SUBSTRING("pilothouse_t"."site" FROM 1 FOR 1) AS TEXT) = CAST('h' AS TEXT) """
            """AND CAST("pilothouse_t"."site" AS TEXT) <> CAST("pilothouse_t"."other" AS TEXT)) OFFSET 0)""",
        ),
        (
            "sqlite",
            """("pilothouse_t"."site" COLLATE BINARY = 'h\\''' COLLATE BINARY """
            """AND SUBSTRING("pilothouse_t"."site", 1, 1) COLLATE BINARY = 'h' COLLATE BINARY """
            """AND "pilothouse_t"."site" COLLATE BINARY <> "pilothouse_t"."other" COLLATE BINARY) """
            """LIMIT -1 OFFSET 0)""",
        ),
        (
            "mysql",
            """(HEX(CAST(`pilothouse_t`.`site` AS CHAR)) = HEX(CAST('h\\\\''' AS CHAR)) """
            """AND HEX(CAST(SUBSTRING(`pilothouse_t`.`site`, 1, 1) AS CHAR)) = HEX(CAST('h' AS CHAR)) """
            """AND HEX(CAST(`pilothouse_t`.`site` AS CHAR)) <> HEX(CAST(`pilothouse_t`.`other` AS CHAR))) """
            """LIMIT 18446744073709551615 OFFSET 0)""",
        ),
    ],
)
def test_each_database_compares_text_byte_for_byte_behind_a_fence(dialect: Dialect, where: str) -> None:
    sql = rules(FULL, dialect).rewrite("select site from t").sql
    assert f"WHERE {where} AS " in sql


def test_the_whole_statement_with_masks_schema_and_renamed_attribute() -> None:
    rule = TableRule(
        table="app.Order Line",
        columns=("id", "secret", "pay", 'odd"name'),
        predicate=Predicate(kind="T", condition=Compare(">", Attribute("number"), 3)),
        attributes={"number": "id"},
        masks={"secret": None, "pay": "hidden", 'odd"name': True},
    )
    made = RowRules("postgres", [rule], max_rows=7).rewrite('SELECT o.* FROM "order line" o -- all')
    assert made.tables == ("app.Order Line",)
    assert made.sql == (
        'SELECT "o".* FROM (SELECT "pilothouse_t"."id" AS "id", '
        'CASE WHEN FALSE THEN "pilothouse_t"."secret" END AS "secret", '
        'CASE WHEN TRUE THEN \'hidden\' ELSE "pilothouse_t"."pay" END AS "pay", '
        'CASE WHEN TRUE THEN TRUE ELSE "pilothouse_t"."odd""name" END AS "odd""name" '
        'FROM "app"."Order Line" AS "pilothouse_t" '
        'WHERE "pilothouse_t"."id" > 3 OFFSET 0) AS "o" LIMIT 7'
    )


def test_a_table_without_a_predicate_shows_no_row() -> None:
    sql = RowRules("postgres", [TableRule(table="t", columns=("a",))]).rewrite("select a from t").sql
    assert "WHERE FALSE" in sql


def test_the_limit_of_the_whole_is_the_smaller_one() -> None:
    made = rules(Const(True), max_rows=10)
    assert made.rewrite("select * from t").sql.endswith("LIMIT 10")
    assert made.rewrite("select * from t limit 3 offset 2").sql.endswith("LIMIT 3 OFFSET 2")
    assert made.rewrite("select * from t union all select * from t limit 99").sql.endswith("LIMIT 10")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select * from other", "sql.table"),
        ("select * from json_each('[1]')", "sql.table"),
        ("select nothing from t", "sql.column"),
        ("select random() from t", "sql.syntax:Rand"),
        ("select printf('%s', site) from t", "sql.function"),
        ("select cast(site as blob) from t", "sql.type"),
        ("select * from t limit amount", "sql.limit"),
        ("delete from t", "sql.statement"),
        ("select 1; select 2", "sql.statement"),
        ("selec", "sql.statement"),
        ("select (", "sql.syntax"),
        ("select * from (select * from (select * from t) a) b", "sql.depth"),
        ("select '" + "x" * 20_000 + "'", "sql.size"),
        ("select " + ", ".join("1" for _ in range(5_100)), "sql.size"),
        ("select * from t x(a)", "sql.syntax"),
    ],
)
def test_a_refusal_has_a_stable_reason(text: str, reason: str) -> None:
    with pytest.raises(DeniedError, match=r"policy\.sql") as raised:
        rules(Const(True), max_depth=2).rewrite(text)
    assert raised.value.reasons == (reason,)


def test_a_project_may_add_functions_of_its_database() -> None:
    made = rules(Const(True), functions=["PRINTF", "rand"])
    assert 'PRINTF(\'%s\', "t"."site")' in made.rewrite("select printf('%s', t.site) from t").sql
    assert "RANDOM()" in made.rewrite("select random() from t").sql.upper()


def test_one_text_is_rewritten_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rules(Const(True))
    first = made.rewrite("select site from t")
    assert made.rewrite("select site from t") is first
    monkeypatch.setattr(rewrite, "_KEPT", 1)
    made.rewrite("select other from t")
    assert made.rewrite("select site from t") is not first
    assert made.rewrite("select site from t") == first


def test_a_table_has_one_rule_and_known_masks() -> None:
    one = TableRule(table="app.t", columns=("a",))
    with pytest.raises(UsageError, match=r"'App\.T' has two rules.*policy\.invalid"):
        RowRules("sqlite", [one, TableRule(table="App.T", columns=("a",))])
    with pytest.raises(UsageError, match=r"masks name \['b'\].*policy\.invalid"):
        TableRule(table="t", columns=("a",), masks={"b": None})
    with pytest.raises(UsageError, match=r"policy\.invalid"):
        TableRule(table="t", columns=())
