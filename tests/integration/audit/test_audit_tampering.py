"""Whoever owns the tables changes, removes, reorders, cuts or rewrites them: every time it is found."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from pilothouse.audit import (
    Attached,
    FileDevice,
    Head,
    chain,
    export,
    open_audit,
    sign,
    verify,
    verify_lines,
)
from pilothouse.audit.devices.mirror import mirror
from pilothouse.audit.testing import MemoryDevice, fake_signer, placed
from pilothouse.kernel import DataError, UnavailableError
from pilothouse.storage import Database

REBUILD = (
    "truncate audit_leaf, audit_node",
    "insert into audit_pending select id from audit_entry on conflict do nothing",
)


@pytest.mark.parametrize(
    ("statement", "position", "why"),
    [
        ("update audit_entry set body = '{\"n\": 7}' where body ->> 'n' = '2'", 3, "changed"),
        ("update audit_entry set at = at - interval '1 day' where body ->> 'n' = '0'", 1, "changed"),
        ("update audit_entry set label = '{}' where body ->> 'n' = '0'", 1, "changed"),
        ("delete from audit_leaf where position = 2", 2, "missing"),
        ("delete from audit_entry where body ->> 'n' = '3'", 4, "gone"),
        ("update audit_leaf set hash = sha256('x') where position = 5", 5, "changed"),
        (
            "update audit_leaf set entry = (select max(id::text) from audit_entry)::uuid where position = 1",
            1,
            "changed",
        ),
    ],
)
async def test_the_first_broken_entry_is_named(
    database: Database, write: Any, tamper: Any, statement: str, position: int, why: str
) -> None:
    await write(6)
    await tamper("alter table audit_leaf drop constraint audit_leaf_entry_key", statement)
    checked = await verify(database)
    assert checked.broken is not None
    assert checked.broken.position == position
    assert why in checked.broken.why
    assert checked.entries == position - 1


async def test_pages_make_no_difference(
    database: Database, write: Any, monkeypatch: pytest.MonkeyPatch, tamper: Any
) -> None:
    from pilothouse.audit import bundle, verifier

    await write(6)
    whole = await verify(database)
    lines = [line async for line in export(database)]
    for page in (2, 4, 6):
        monkeypatch.setattr(verifier, "PAGE", page)
        monkeypatch.setattr(bundle, "PAGE", page)
        assert await verify(database) == whole
        assert [line async for line in export(database)] == lines


async def test_what_is_placed_while_a_check_goes_on_is_left_for_the_next(
    database: Database, write: Any
) -> None:
    from pilothouse.audit import verifier

    await write(5)
    rows = verifier._rows(database, 3)  # pyright: ignore[reportPrivateUsage]
    assert [row["position"] async for row in rows] == [1, 2, 3]


async def test_a_stored_node_that_was_changed_or_removed_is_found(
    database: Database, write: Any, tamper: Any
) -> None:
    await write(520)
    assert (await verify(database)).ok
    await tamper("update audit_node set hash = sha256('x') where place = 1")
    checked = await verify(database)
    assert checked.broken is not None
    assert (checked.broken.position, "stored hash" in checked.broken.why) == (512, True)
    await tamper("delete from audit_node where place = 0")
    checked = await verify(database)
    assert checked.broken is not None
    assert checked.broken.position == 256


async def test_a_cut_or_rewritten_log_shows_against_a_noted_head(
    database: Database, write: Any, tamper: Any
) -> None:
    await write(3)
    head = (await verify(database)).head
    await tamper("delete from audit_leaf where position = 3")
    checked = await verify(database, noted=[head])
    assert checked.broken is not None
    assert (checked.broken.position, "cut" in checked.broken.why) == (3, True)
    other = await verify(database, noted=[Head(size=2, root="ab" * 32)])
    assert other.broken is not None
    assert (other.broken.position, other.entries) == (2, 0)
    assert "noted elsewhere" in other.broken.why


async def test_an_entry_kept_out_of_the_tree_is_found(database: Database, write: Any) -> None:
    (entry,) = await write(1, placed=False)
    await database.execute("delete from audit_pending")
    assert await chain(database) == 0
    waiting = await verify(database)
    assert (waiting.ok, waiting.pending) == (True, 1)
    late = await verify(database, grace=0)
    assert late.broken is not None
    assert late.broken.entry == str(entry.id)


async def test_heads_hold_and_say_how_much_is_signed(database: Database, write: Any, audit: Attached) -> None:
    await write(3)
    unsigned = await verify(database)
    assert "nothing is signed" in unsigned.notes[0]
    first = await sign(database, audit)
    assert first is not None
    await write(2)
    assert await sign(database, audit) is None, "none is due for an hour"
    second = await sign(database, audit, now=True)
    assert second is not None
    await mirror(database, audit)
    checked = await verify(database)
    assert (checked.ok, checked.heads, checked.signed, checked.device) == (True, 2, 5, 5)
    assert checked.notes == ()
    assert await sign(database, audit, now=True) is None, "nothing new"
    assert (await verify(database, noted=[first, second])).ok


async def test_heads_by_another_key_are_named_and_a_forged_one_is_found(
    database: Database, write: Any, audit: Attached, tamper: Any
) -> None:
    await write(2)
    audit.signer = fake_signer()
    await sign(database, audit)
    checked = await verify(database)
    assert checked.ok
    assert (checked.signed, checked.notes[1]) == (
        0,
        f"there are heads by another key, {fake_signer().public}",
    )
    trusted = await verify(database, keys=[fake_signer().public])
    assert (trusted.signed, trusted.notes) == (2, ("the second device is 2 entries behind",))
    await tamper("update audit_head set at = '2026-01-05T06:00:00.000000Z'")
    forged = await verify(database)
    assert forged.broken is not None
    assert "signature" in forged.broken.why


async def test_a_consistent_rewrite_is_convicted_by_the_heads_and_by_the_second_device(
    database: Database, write: Any, audit: Attached, tamper: Any
) -> None:
    await write(300)
    await sign(database, audit)
    await write(50)
    await mirror(database, audit)
    statement = (
        "update audit_entry set actor = 'nobody' where id = (select entry from audit_leaf where position = 7)"
    )
    await tamper(statement, *REBUILD)
    while await chain(database, wait=True):
        pass
    by_device = await verify(database)
    assert by_device.broken is not None
    assert by_device.broken.position == 7
    assert "second device" in by_device.broken.why
    audit.device = None
    by_head = await verify(database)
    assert by_head.broken is not None
    assert (by_head.broken.position, by_head.entries) == (300, 0)
    assert "signed at" in by_head.broken.why
    with pytest.raises(DataError, match="does not grow") as caught:
        await sign(database, audit, now=True)
    assert caught.value.code == "audit.forked"
    with pytest.raises(DataError, match="does not grow"):
        _ = [line async for line in export(database)]


async def test_a_rewrite_that_takes_the_heads_too_is_convicted_by_the_second_device(
    database: Database, write: Any, audit: Attached, tamper: Any
) -> None:
    await write(5)
    await mirror(database, audit)
    await sign(database, audit)
    await tamper(
        "truncate audit_head", "delete from audit_leaf where position > 3", "delete from audit_pending"
    )
    with pytest.raises(DataError, match="no longer holds entry 5 "):
        await mirror(database, audit)
    with pytest.raises(DataError, match="does not grow"):
        await sign(database, audit, now=True)
    checked = await verify(database)
    assert checked.broken is not None
    assert (checked.broken.position, "cut" in checked.broken.why) == (4, True)


async def test_a_cut_shows_by_the_second_device_alone(
    database: Database, write: Any, audit: Attached, tamper: Any
) -> None:
    await write(5)
    await mirror(database, audit)
    await tamper("delete from audit_leaf where position > 3")
    checked = await verify(database)
    assert checked.broken is not None
    assert checked.broken.why == "the log ends at 3, the second device holds 5: cut"


async def test_a_tail_that_was_replaced_stops_the_mirror(
    database: Database, write: Any, audit: Attached, tamper: Any
) -> None:
    await write(3)
    await mirror(database, audit)
    await tamper("update audit_leaf set hash = sha256('x') where position = 3")
    with pytest.raises(DataError, match="no longer holds entry 3"):
        await mirror(database, audit)


@pytest.mark.parametrize(
    "change",
    [
        "update audit_entry set actor = 'nobody' where body ->> 'n' = '3'",
        "delete from audit_entry where body ->> 'n' = '3'",
        "delete from audit_leaf where position = 4",
    ],
)
async def test_what_is_broken_is_not_copied_and_the_copy_stays_at_it(
    database: Database, write: Any, audit: Attached, tamper: Any, change: str
) -> None:
    await write(6)
    await tamper(change)
    for _ in range(2):
        with pytest.raises(DataError, match="no longer holds entry 4 "):
            await mirror(database, audit)
    assert audit.device is not None
    assert [line for line in audit.device.lines() if b"nobody" in line] == []
    assert (len(list(audit.device.lines())), audit.device.tail().position) == (4, 3)


@pytest.mark.parametrize(
    ("change", "position", "says"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"amira", b"boris"), *lines[3:]], 2, "was changed"),
        (lambda lines: [*lines[:2], *lines[3:]], 2, "is missing"),
        (lambda lines: [*lines[:2], lines[2][:50], *lines[3:]], 2, "is missing"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 2, "is missing"),
        (lambda lines: [*lines[:2], placed(2).line, *lines[3:]], 2, "another entry here"),
        (lambda lines: [*lines[:3], placed(1).line, *lines[3:]], 3, "two entries 1"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], 0, ""),
        (lambda lines: [*lines, lines[1], placed(None, id="x").line], 0, ""),
        (lambda lines: lines[:3], 0, "3 entries behind"),
    ],
)
async def test_a_changed_second_device_is_named(
    database: Database, write: Any, audit: Attached, change: Any, position: int, says: str
) -> None:
    await write(5)
    await mirror(database, audit)
    assert isinstance(audit.device, FileDevice)
    path = audit.device.path
    path.write_bytes(b"".join(line + b"\n" for line in change(list(audit.device.lines()))))
    checked = await verify(database, device=FileDevice(path))
    if position:
        assert checked.broken is not None
        assert (checked.broken.position, checked.entries) == (position, position - 1)
        assert says in checked.broken.why
    else:
        assert checked.ok, checked.broken
        assert says in " ".join(checked.notes)


async def test_lines_after_the_last_one_counted_are_not_looked_for(
    database: Database, write: Any, audit: Attached
) -> None:
    class Shrinking(MemoryDevice):
        """Loses its end between the first look and the second."""

        def lines(self) -> Any:
            found = list(super().lines())
            self._lines.clear()
            return iter(found)

    await write(2)
    audit.device = Shrinking()
    await mirror(database, audit)
    checked = await verify(database)
    assert checked.broken is not None
    assert "is missing" in checked.broken.why


async def test_a_second_device_that_cannot_be_read_is_no_proof(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be read") as caught:
        await verify(database, device=FileDevice(tmp_path))
    assert caught.value.code == "audit.device"


async def test_every_export_of_a_tampered_log_is_found_out(
    database: Database, write: Any, tamper: Any, tmp_path: Path
) -> None:
    """A seeded crowd of changes, each on the true rows, each found in the export by the offline verifier."""
    dice = random.Random(7)
    async with open_audit(database, data_dir=tmp_path / "data") as audit:
        await write(300)
        await sign(database, audit)
        key = audit.keys
    this = "id = (select entry from audit_leaf where position = {n})"
    changes = [
        f"update audit_entry set actor = 'nobody' where {this}",
        f"update audit_entry set refs = array['x'] where {this}",
        "delete from audit_leaf where position = {n}",
        "delete from audit_leaf where position >= {n}",
        f"delete from audit_entry where {this}",
        "update audit_leaf set hash = sha256('x') where position = {n}",
        "update audit_leaf set position = 1000 + position where position = {n}",
    ]
    for change in changes:
        place = dice.randrange(1, 301)
        with pytest.raises(_RolledBack):
            await _exported_with(database, change.format(n=place), sorted(key))


class _RolledBack(Exception):
    pass


async def _exported_with(database: Database, change: str, keys: list[str]) -> None:
    """Make the change, export from inside its transaction, check, roll back."""
    from pilothouse.audit import bundle

    async with database.transaction() as tx:
        await tx.execute("alter table audit_leaf drop constraint audit_leaf_entry_fkey")
        for table in ("audit_entry", "audit_leaf"):
            await tx.execute(f"alter table {table} disable trigger user")  # type: ignore[arg-type]
        await tx.execute(change)  # type: ignore[arg-type]
        lines = [line async for line in bundle._lines(tx, None)]  # type: ignore[arg-type]
        found = verify_lines(lines, keys=keys, open_ended=True)
        assert not found.ok, change
        raise _RolledBack
