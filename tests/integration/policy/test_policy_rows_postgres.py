"""On PostgreSQL, WHERE chooses exactly the rows that Cedar allows one by one."""

from __future__ import annotations

from random import Random
from typing import LiteralString, cast

import pytest

from pilothouse.policy import AccessRequest
from pilothouse.policy.testing import INVOICE, made_authorizer, made_principal, made_row
from pilothouse.storage import Database

COLUMNS = {name: f"i.{name}" for name in INVOICE.attributes}
CREATE = """
create table given_invoice (
    id integer, site text, amount bigint, paid boolean, owner text, "limit" bigint
)
"""
INSERT = """
insert into given_invoice values
    (%(id)s, %(site)s, %(amount)s, %(paid)s, %(owner)s, %(limit)s)
"""


@pytest.mark.parametrize("seed", range(4))
async def test_rows_chosen_are_rows_allowed(database: Database, seed: int) -> None:
    rng = Random(seed)
    rows = [made_row(rng) for _ in range(60)]
    async with database.transaction() as tx:
        await tx.execute(CREATE)
        await tx.execute_many(INSERT, [{"id": number, **row} for number, row in enumerate(rows)])
        some = 0
        for _ in range(15):
            authorizer = made_authorizer(rng, rows_only=True)
            who = made_principal(rng)
            allowed = [
                number
                for number, row in enumerate(rows)
                if authorizer.explain(
                    AccessRequest(principal=who, action="read", kind="Invoice", id="1", attributes=row),
                    engine="cedar",
                ).verdict.allowed
            ]
            where, params = authorizer.residual(who, "read", "Invoice").sql(COLUMNS)
            query = f"select i.id from given_invoice i where {where} order by i.id"
            found = await tx.fetch_all(cast("LiteralString", query), params)
            assert [row["id"] for row in found] == allowed
            some += 0 < len(allowed) < len(rows)
    assert some > 3, "most policies chose all or nothing"
