"""The work that never ends, the two devices and what happens while one of them is away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pilothouse.audit import (
    Attached,
    AuditEntry,
    FileDevice,
    append,
    chain,
    confirm,
    entries,
    export,
    heads,
    keep_chained,
    open_audit,
    public_key,
    record,
    require_device,
    sign,
    verify,
    verify_lines,
)
from pilothouse.audit.devices.mirror import adopt, mirror, told
from pilothouse.audit.settings import AuditSettings
from pilothouse.audit.testing import MemoryDevice, placed
from pilothouse.kernel import DataError, LimitError, UnavailableError, UsageError
from pilothouse.storage import Database, StorageSettings, open_database

REFUSE = "create trigger audit_full before insert on audit_entry for each row execute function audit_refuse()"
ALLOW = "drop trigger audit_full on audit_entry"


@contextlib.asynccontextmanager
async def _kept(database: Database) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_chained(database, every=0.01))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _until(true: Callable[[], Any]) -> None:
    for _ in range(500):
        found = true()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true within 5 s")


async def test_entries_get_their_place_their_copy_and_a_head_by_themselves(
    database: Database, write: Any, audit: Attached
) -> None:
    async with _kept(database):
        await write(3, placed=False)

        async def done() -> bool:
            checked = await verify(database)
            return (checked.entries, checked.device) == (3, 3) and checked.signed > 0

        await _until(done)
    assert (await verify(database)).notes == ()


async def test_without_a_device_or_key_it_only_places(database: Database, write: Any) -> None:
    async with _kept(database):
        await write(3, placed=False)

        async def done() -> bool:
            return (await verify(database)).entries == 3

        await _until(done)
    assert public_key(database) is None


async def test_a_full_page_is_followed_at_once(
    database: Database, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit import opening, sequencer

    monkeypatch.setattr(opening, "BATCH", 2)
    monkeypatch.setattr(sequencer, "BATCH", 2)
    await write(5, placed=False)
    task = asyncio.create_task(keep_chained(database, every=60))

    async def done() -> bool:
        return (await verify(database)).entries == 5

    await _until(done)
    task.cancel()


async def test_a_database_that_is_away_is_waited_for_and_said_once(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = StorageSettings(database_url=database_url, migrate=False, patience=0)
    async with open_database(settings) as database:
        await database.execute("alter table audit_pending rename to audit_gone")
        async with _kept(database):
            await _until(lambda: len(caplog.records) > 1)
            await database.execute("alter table audit_gone rename to audit_pending")
            async with database.transaction() as tx:
                id = await append(tx, AuditEntry(kind="k", actor="a"))

            async def done() -> bool:
                return await database.fetch_value("select count(*) from audit_leaf") == 1

            await _until(done)
    assert id
    assert "the audit log waits" in caplog.text


async def test_a_head_is_due_after_entries_or_time(database: Database, write: Any, tmp_path: Path) -> None:
    settings = AuditSettings(head_entries=3, head_every=3600)
    async with open_audit(database, data_dir=tmp_path / "data", settings=settings, work=False) as audit:
        assert await sign(database, audit) is None, "an empty log has nothing to sign"
        await write(1)
        first = await sign(database, audit)
        assert first is not None, "the first head comes with the first entry"
        await write(2)
        assert await sign(database, audit) is None
        await write(1)
        assert (await sign(database, audit)) is not None
        await write(1)
        audit.settings = AuditSettings(head_entries=3, head_every=0.01)
        await asyncio.sleep(0.02)
        last = await sign(database, audit)
        assert last is not None
        assert last.size == 5
        assert datetime.now(UTC) - datetime.fromisoformat(last.at) < timedelta(minutes=5)


async def test_a_head_is_not_signed_while_another_process_is_at_it(
    database: Database, write: Any, audit: Attached
) -> None:
    await write(1)
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))")
        assert await sign(database, audit) is None
    assert await sign(database, audit) is not None


async def test_who_cannot_read_the_key_signs_nothing_but_may_name_a_file(
    database: Database, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit import opening

    monkeypatch.setattr(opening, "load_signer", lambda path: None)
    async with open_audit(database, data_dir=tmp_path / "data") as audit:
        await write(1)
        assert await sign(database, audit, now=True) is None
        assert (audit.device, public_key(database)) == (None, None)
        assert await mirror(database, audit) == 0
        assert await adopt(database, audit) == 0
        with pytest.raises(UsageError, match="no second device"):
            await told(audit)
    settings = AuditSettings(file=tmp_path / "elsewhere.jsonl")
    async with open_audit(database, data_dir=tmp_path / "data", settings=settings):
        await write(1)
    assert verify_lines(FileDevice(tmp_path / "elsewhere.jsonl").lines(), open_ended=True).entries == 2


async def test_closing_leaves_everything_placed_copied_and_signed(
    database: Database, write: Any, tmp_path: Path
) -> None:
    async with open_audit(database, data_dir=tmp_path / "data") as audit:
        await write(3, placed=False)
    assert isinstance(audit.device, FileDevice)
    assert audit.device.path == tmp_path / "data-audit" / f"log-{next(iter(audit.keys))[:12]}.jsonl"
    assert public_key(database) is None, "it is forgotten at the end"
    checked = await verify(database, device=audit.device, keys=audit.keys)
    assert (checked.ok, checked.entries, checked.signed, checked.device) == (True, 3, 3, 3)
    assert audit.device.tail().head is not None


async def test_closing_while_the_second_device_refuses_is_only_said(
    database: Database, write: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_audit(database, data_dir=tmp_path / "data") as audit:
        device = MemoryDevice()
        audit.device, device.refusing = device, True
        await write(1)
    assert "something left to do" in caplog.text
    (head,) = await heads(database)
    assert (head.size, device.refusals) == (1, 1), "the head is signed all the same"


async def test_opening_it_twice_leaves_the_first_as_it_was(database: Database, tmp_path: Path) -> None:
    async with open_audit(database, data_dir=tmp_path / "one", work=False) as first:
        async with open_audit(database, data_dir=tmp_path / "two", work=False):
            assert public_key(database) not in first.keys
        assert public_key(database) in first.keys


async def test_closing_does_not_wait_for_a_database_that_is_away(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit import opening

    monkeypatch.setattr(opening, "LAST", 0.1)
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtextextended('audit.sequencer', 0))")
        async with open_audit(database, data_dir=tmp_path / "data"):
            pass
    assert "TimeoutError" in caplog.text


async def test_a_device_that_refuses_is_an_alarm_and_neither_stops_places_nor_heads(
    database: Database, write: Any, audit: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    device = MemoryDevice()
    audit.device, device.refusing = device, True
    async with _kept(database):
        await write(2, placed=False)

        async def alarmed() -> bool:
            rows = await database.fetch_all("select kind, body from audit_entry where kind like 'audit.%%'")
            return [row["kind"] for row in rows] == ["audit.device_refused"]

        await _until(alarmed)
        await _until(lambda: device.refusals > 5 and audit.said == "audit.device")
        assert (await heads(database))[0].size >= 1
        device.refusing = False

        async def back() -> bool:
            checked = await verify(database)
            return checked.entries == checked.device == 4

        await _until(back)
    assert caplog.text.count("No space left") == 1, "said once, not twice a second"
    kinds = [json.loads(line)["entry"]["kind"] for line in device.lines() if line.startswith(b'{"entry"')]
    assert kinds[-1] == "audit.device_back"


async def test_a_device_with_a_fault_of_its_own_does_not_end_the_work(
    database: Database, write: Any, audit: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(MemoryDevice):
        def tail(self) -> Any:
            raise ValueError("a fault of its own")

    audit.device = Faulty()
    async with _kept(database):
        await write(1, placed=False)

        async def done() -> bool:
            return await database.fetch_value("select count(*) from audit_leaf") == 1

        await _until(done)
        await _until(lambda: "a fault of its own" in caplog.text)


async def test_what_a_short_process_finds_loose_is_placed_when_it_ends(
    database: Database, tmp_path: Path
) -> None:
    async with open_audit(database, data_dir=tmp_path / "data", work=False):
        await database.execute(REFUSE)
        assert await record(database, AuditEntry(kind="k", actor="a")) == "device"
        await database.execute(ALLOW)
    async with open_audit(database, data_dir=tmp_path / "data"):
        pass
    assert await database.fetch_value("select count(*) from audit_leaf") == 1


async def test_a_fork_is_an_alarm(
    database: Database, write: Any, audit: Attached, tamper: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await write(3)
    await mirror(database, audit)
    await tamper("delete from audit_leaf where position = 3")
    async with _kept(database):
        await _until(lambda: audit.said == "audit.forked")
    assert [r.levelno for r in caplog.records if "not as it was" in r.message] == [logging.CRITICAL]


async def test_the_mirror_goes_page_by_page(
    database: Database, write: Any, audit: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilothouse.audit.devices import mirror as module

    monkeypatch.setattr(module, "PAGE", 3)
    await write(10)
    assert await mirror(database, audit) == 10
    assert await mirror(database, audit) == 0
    assert (await verify(database)).device == 10


async def test_a_refusal_is_recorded_though_the_database_takes_nothing(
    database: Database, audit: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    login = AuditEntry(
        kind="login.refused", actor="clerk.amira", body={"why": "wrong"}, label={"readers": []}
    )
    assert await record(database, AuditEntry(kind="login.done", actor="clerk.amira", run="r")) == "database"
    await database.execute(REFUSE)
    assert await record(database, login) == "device"
    assert "the second device has it" in caplog.text
    await database.execute(ALLOW)
    assert await adopt(database, audit) == 1
    assert await adopt(database, audit) == 0
    assert await chain(database, wait=True) == 2
    await mirror(database, audit)
    assert (await told(audit)).loose == ()
    checked = await verify(database)
    assert (checked.ok, checked.entries, checked.device) == (True, 2, 2)
    lines = [json.loads(line) async for line in export(database)]
    assert [line["entry"]["kind"] for line in lines if "entry" in line] == ["login.done", "login.refused"]


async def test_what_both_devices_took_is_in_the_tree_once(database: Database, audit: Attached) -> None:
    assert audit.device is not None
    audit.device.append([placed(None, id="not a uuid"), placed(None, at="no time")])
    entry = AuditEntry(kind="halt.pulled", actor="clerk.amira", run="r")
    await database.execute(REFUSE)
    assert await record(database, entry) == "device"
    await database.execute(ALLOW)
    async with database.transaction() as tx:
        await append(tx, entry)
    assert await adopt(database, audit) == 3, "rubbish is named in the log and left"
    assert await chain(database) == 1
    assert len(await entries(database, run="r")) == 1


async def test_a_changed_line_is_not_adopted(
    database: Database, audit: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    assert audit.device is not None
    forged = placed(None, actor="clerk.amira")
    audit.device.append([type(forged)(line=forged.line.replace(b"amira", b"boris"))])
    assert await adopt(database, audit) == 1
    assert "cannot be adopted" in caplog.text
    assert await chain(database) == 0


async def test_adopting_waits_for_a_database_that_is_away(
    database: Database, audit: Attached, database_url: str
) -> None:
    await database.execute(REFUSE)
    assert await record(database, AuditEntry(kind="k", actor="a")) == "device"
    await database.execute(ALLOW)
    gone = StorageSettings(database_url=database_url + "_gone", migrate=False, patience=0)
    from pilothouse.storage.connect import Connector

    away = Database(
        Connector(
            str(gone.database_url).replace("_gone", "") + "&port=1",
            patience=0,
            idle_in_transaction=1,
            revive=None,
        )
    )
    with pytest.raises(UnavailableError):
        await adopt(away, audit)
    await away.close()
    assert await adopt(database, audit) == 1
    assert await chain(database) == 1


async def test_when_neither_device_takes_it_the_caller_learns(database: Database, audit: Attached) -> None:
    await database.execute(REFUSE)
    device = MemoryDevice()
    audit.device, device.refusing = device, True
    with pytest.raises(UnavailableError, match="the second device") as caught:
        await record(database, AuditEntry(kind="k", actor="a"))
    assert caught.value.code == "audit.no_device"
    audit.device = None
    with pytest.raises(UnavailableError, match="there is no second device"):
        await record(database, AuditEntry(kind="k", actor="a"))


async def test_what_the_log_cannot_hold_goes_nowhere(database: Database, audit: Attached) -> None:
    with pytest.raises(LimitError):
        await record(database, AuditEntry(kind="k", actor="a", body={"x": "y" * 5000}))
    assert (await told(audit)).loose == ()


async def test_a_silent_database_is_given_up_after_a_while(database: Database, audit: Attached) -> None:
    async with database.transaction() as tx:
        await tx.execute("lock table audit_entry")
        assert await record(database, AuditEntry(kind="k", actor="a"), within=0.2) == "device"


async def test_an_effect_of_tier_4_waits_for_its_place_and_its_copy(
    database: Database, write: Any, audit: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    low, high = await write(2, placed=False)
    await confirm(database, low.id, tier=3)
    assert await database.fetch_value("select count(*) from audit_leaf") == 0
    await confirm(database, high.id, tier=4)
    assert (await told(audit)).position == 2
    device = MemoryDevice()
    audit.device, device.refusing = device, True
    await confirm(database, high.id, tier=4)
    assert "goes out while the second device refuses" in caplog.text


async def test_without_anything_beside_it_tier_4_waits_for_its_place(database: Database, write: Any) -> None:
    low, high = await write(2, placed=False)
    await confirm(database, low.id, tier=2)
    await confirm(database, high.id, tier=4)
    await require_device(database, tier=4)
    assert await database.fetch_value("select count(*) from audit_leaf") == 2


async def test_from_file_tier_on_nothing_goes_out_without_the_second_device(
    database: Database, write: Any, audit: Attached
) -> None:
    (entry,) = await write(1, placed=False)
    audit.settings = AuditSettings(file_tier=3)
    await require_device(database, tier=3)
    await confirm(database, entry.id, tier=3)
    assert (await told(audit)).position == 1
    device = MemoryDevice()
    audit.device, device.refusing = device, True
    await require_device(database, tier=2)
    await confirm(database, entry.id, tier=2)
    for refused in (require_device(database, tier=3), confirm(database, entry.id, tier=4)):
        with pytest.raises(UnavailableError) as caught:
            await refused
        assert caught.value.code == "audit.device"


async def test_an_intent_that_the_first_device_refuses_is_no_intent(database: Database) -> None:
    """No audit entry, no effect: the transaction that would begin one fails as a whole."""
    await database.execute("create table test_business (note text)")
    await database.execute(REFUSE)
    with pytest.raises(DataError):
        async with database.transaction() as tx:
            await tx.execute("insert into test_business values ('released')")
            await append(tx, AuditEntry(kind="effects.intent", actor="a"))
    assert await database.fetch_value("select count(*) from test_business") == 0
