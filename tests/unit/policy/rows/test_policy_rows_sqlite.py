"""On SQLite: rewritten SQL says what the original says over only what may be seen, in every world."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.kernel import DeniedError
from pilothouse.policy.rows import RowRules
from pilothouse.policy.rows.testing import ATTACKS, TABLES, World, made_query, made_rules, made_world

RULES = made_rules("sqlite")


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Some attacks, run as they are, make files where they stand."""
    with contextlib.chdir(tmp_path_factory.mktemp("attacked")):
        yield


REAL = re.compile(r'(?:FROM|JOIN|,) \(?(?:"main"\.)?"(\w+)" AS')


def answer(world: World, sql: str) -> Counter[object] | str:
    """Return the bag of rows, or that it failed."""
    with closing(sqlite3.connect(":memory:")) as db:
        for table, columns in TABLES.items():
            db.execute(f"create table {table} ({columns})")
            for row in world[table]:
                db.execute(f"insert into {table} values ({', '.join('?' for _ in row)})", row)
        db.set_progress_handler(lambda: True, 1_000_000)  # an endless recursion is an error too
        try:
            return Counter(db.execute(sql).fetchall())
        except sqlite3.Error:
            return "error"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rewritten_is_the_original_over_what_may_be_seen(seed: int) -> None:
    rng = Random(seed)
    seen, one, two = made_world(rng)
    for _ in range(5):
        query = made_query(rng, "sqlite")
        sql = RULES.rewrite(query).sql
        found, original = answer(one, sql), answer(seen, query)
        assert found == answer(two, sql), query
        # SQLite itself refuses a CTE that reads the table it is named after.
        assert original in ("error", found), query


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: text[:60])
def test_no_attack_tells_two_worlds_apart(attack: str) -> None:
    for seed in range(8):
        _, one, two = made_world(Random(seed))
        try:
            sql = RULES.rewrite(attack).sql
        except DeniedError as error:
            assert error.code == "policy.sql"
            assert "s3cret" not in str(error)
            return
        assert answer(one, sql) == answer(two, sql), sql
        assert set(REAL.findall(sql)) <= {"invoice", "ship"} | set(re.findall(r"pilothouse_cte_\d+", sql))


def test_the_original_would_have_told() -> None:
    """The worlds differ where it matters, or the tests above could not fail."""
    told = {attack for attack in ATTACKS for seed in range(8) if _differs(attack, seed)}
    assert len(told) > 25
    assert "select * from salary" in told
    assert "select abs(amount) from invoice" in told


def _differs(attack: str, seed: int) -> bool:
    _, one, two = made_world(Random(seed))
    try:
        return answer(one, attack) != answer(two, attack)
    except (ValueError, sqlite3.Warning):
        return False


def test_rules_are_needed() -> None:
    with pytest.raises(DeniedError, match="no table 'ship'"):
        RowRules("sqlite", []).rewrite("select 1 from ship")
