"""Proofs over the stored tree: for every entry, across pages of 256, under a signed head."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pilothouse.audit import (
    Attached,
    AuditEntry,
    append_many,
    chain,
    find_entries,
    prove,
    prove_growth,
    sign,
    verify,
)
from pilothouse.audit.offline import check_proof, grows
from pilothouse.kernel import DataError, UsageError, new_id
from pilothouse.storage import Database


async def _many(database: Database, count: int) -> list[AuditEntry]:
    made = [AuditEntry(kind="k", actor="a", body={"n": n}) for n in range(count)]
    async with database.transaction() as tx:
        await append_many(tx, made)
    while await chain(database, wait=True):
        pass
    return made


async def test_each_entry_is_proved_under_a_signed_head(database: Database, audit: Attached) -> None:
    made = await _many(database, 530)
    dice = random.Random(7)
    for n in [0, 1, 254, 255, 256, 511, 512, 529, *dice.sample(range(530), 12)]:
        proof = await prove(database, made[n].id)
        assert (proof.position, proof.size) == (n + 1, 530)
        assert str(made[n].id) in proof.entry
        assert check_proof(proof.fields(), keys=audit.keys) == (None, [])
    assert (await verify(database)).heads == 1, "one head serves them all"
    (late,) = await _many(database, 1)
    assert (await prove(database, late.id)).size == 531, "what came later gets a head of its own"


async def test_a_proof_may_be_asked_against_an_older_head(database: Database, audit: Attached) -> None:
    made = await _many(database, 300)
    head = await sign(database, audit)
    assert head is not None
    await _many(database, 10)
    proof = await prove(database, made[7].id, size=300)
    assert (proof.root, proof.head) == (head.root, None)
    assert check_proof({**proof.fields(), "head": head.fields()}, keys=audit.keys) == (None, [])


async def test_without_a_key_a_proof_has_no_head(database: Database) -> None:
    made = await _many(database, 3)
    proof = await prove(database, made[1].id)
    assert (proof.size, proof.head) == (3, None)
    assert check_proof(proof.fields())[0] is None


async def test_growth_is_proved_between_any_two_sizes(database: Database) -> None:
    await _many(database, 600)
    dice = random.Random(7)
    for _ in range(15):
        old, new = sorted(dice.sample(range(1, 601), 2))
        proof = await prove_growth(database, old, new)
        path = [bytes.fromhex(step) for step in proof.path]
        roots = bytes.fromhex(proof.old.root), bytes.fromhex(proof.new.root)
        assert grows(proof.old.size, proof.new.size, path, *roots)
    same = await prove_growth(database, 600, 600)
    assert (same.path, same.old) == ((), same.new)


async def test_proofs_beyond_the_log_are_refused(database: Database) -> None:
    made = await _many(database, 3)
    for old, new in ((0, 2), (3, 2), (2, 4), (-1, 1)):
        with pytest.raises(UsageError, match="take sizes up to that"):
            await prove_growth(database, old, new)
    with pytest.raises(UsageError, match="the log has 3"):
        await prove(database, made[2].id, size=2)
    with pytest.raises(DataError, match="never committed"):
        await prove(database, new_id())


async def test_a_hash_that_is_gone_is_named(database: Database, tamper: Any) -> None:
    made = await _many(database, 300)
    await tamper("delete from audit_node")
    with pytest.raises(DataError, match="is gone") as caught:
        await prove(database, made[290].id)
    assert caught.value.code == "audit.damaged"


async def test_entries_are_found_by_the_end_of_their_id(database: Database) -> None:
    made = await _many(database, 2)
    assert await find_entries(database, str(made[0].id)) == (made[0].id,)
    assert await find_entries(database, f" {str(made[1].id)[-12:].upper()}") == (made[1].id,)
    many = await _many(database, 17)
    ends = [str(entry.id)[-1] for entry in many]
    shared = next(end for end in ends if ends.count(end) > 1)
    assert len(await find_entries(database, shared)) > 1
    assert await find_entries(database, "%") == ()
    assert await find_entries(database, "") == ()
