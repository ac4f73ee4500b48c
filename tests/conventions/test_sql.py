"""The SQL house rules: every named query parses, and reads and writes only its own part's tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pilothouse.storage import Query, load_queries

SOURCE = Path(__file__).parents[2] / "src" / "pilothouse"
FOLDERS = sorted(path.parent for path in SOURCE.rglob("sql") if any(path.glob("*.sql")))
PACKAGES = [".".join(("pilothouse", *folder.relative_to(SOURCE).parts)) for folder in FOLDERS]
QUERIES = [query for package in PACKAGES for query in load_queries(package)]


def _parsed(query: Query) -> exp.Expression:
    statements = sqlglot.parse(query.text, dialect="postgres")
    assert len(statements) == 1, "one block, one statement"
    [statement] = statements
    assert statement is not None
    assert not isinstance(statement, exp.Command), "sqlglot did not understand it"
    return statement


def _tables(statement: exp.Expression) -> set[str]:
    """Tables the statement names, without its own CTEs, functions in FROM and the system's catalogues."""
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    found: set[str] = set()
    for table in statement.find_all(exp.Table):
        is_name = isinstance(table.this, exp.Identifier)
        is_alias_of_a_lock = isinstance(table.parent, exp.Lock)  # for update of i
        if is_name and not is_alias_of_a_lock and not table.name.startswith("pg_"):
            found.add(table.name)
    return found - ctes


def _id(query: Query) -> str:
    return f"{query.part}.{query.name}"


@pytest.mark.parametrize("query", QUERIES, ids=_id)
def test_a_query_parses_and_stays_in_its_part(query: Query) -> None:
    foreign = {name for name in _tables(_parsed(query)) if not name.startswith(f"{query.part}_")}
    assert not foreign, f"{query.part} reads {foreign}: call that part's verb instead"


@pytest.mark.parametrize("query", QUERIES, ids=_id)
def test_a_query_says_in_one_sentence_what_it_does(query: Query) -> None:
    assert query.sentence[0].isupper()
    assert query.sentence.endswith(".")


def test_there_are_queries_and_the_rule_can_fail() -> None:
    assert {query.part for query in QUERIES} >= {"storage"}
    stray = sqlglot.parse_one(
        "with own as (select 1) select * from audit_log a join own on true"
        " join lateral unnest(array[1]) u on true for update of a",
        dialect="postgres",
    )
    assert _tables(stray) == {"audit_log"}
