"""Sleeps, forks with other answers, children on their own, versions on the real journal, payloads."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from pilothouse import engine as e
from pilothouse.engine.testing import TESTER, eventually
from pilothouse.kernel import DataError, DeniedError, LimitError, Principal, UsageError


async def look(n):
    async def body():
        return n

    return await e.step("look", body, inputs=n)


async def wait_over(database):
    await database.execute("update engine_wait set until = engine_now() where state = 'open'")


async def test_a_short_sleep_waits_in_memory_and_a_long_one_in_a_row(database, catalog, register, quick):
    async def naps():
        before = e.now()
        await e.sleep(timedelta(seconds=0.1))
        short = e.now() - before
        await e.sleep(timedelta(days=3))
        return short.total_seconds() >= 0.1

    register("naps", naps)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("naps", {}, key="1", principal=TESTER)
        (wait,) = await eventually(lambda: engine.waits(run.id))
        assert (wait.kind, wait.key) == ("timer", "1")
        assert wait.until is not None
        assert wait.until - run.created > timedelta(days=2.9)
        await wait_over(database)
        assert await engine.result(run.id, within=5)
        kinds = [entry.kind async for entry in engine.history(run.id)]
        assert kinds == ["sleep", "sleep"]


async def test_a_short_sleep_in_a_limited_queue_gives_its_place_up(database, catalog, register, quick):
    async def nap():
        await e.sleep(timedelta(seconds=0.2))
        return "rested"

    register("nap", nap)
    catalog.declare(queues=[e.QueueSpec(name="one", concurrency=1)])
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("nap", {}, key="1", principal=TESTER, queue="one")
        assert await engine.result(run.id, within=5) == "rested"
        assert (await engine.get(run.id)).segment == 1


async def test_a_live_fork_needs_its_right_and_may_override_an_answer(database, catalog, register, quick):
    async def flow(n: int):
        seen = await look(n)
        answer = (await e.wait("gate", "p", inputs=n)).value
        return [seen, answer, await look([seen, answer])]

    register("flow", flow)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {"n": 1}, key="1", principal=TESTER)
        await eventually(lambda: engine.waits(run.id))
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="1"), "yes", tx=tx)
        assert await engine.result(run.id, within=5) == [1, "yes", [1, "yes"]]
        with pytest.raises(DeniedError, match="engine:fork:live"):
            await engine.fork(run.id, principal=Principal(id="clerk"), sealed=False)
        fork = await engine.fork(
            run.id, principal=TESTER, from_key="2", sealed=False,
            overrides={"1": {"subject": 0, "value": "no"}},
        )  # fmt: skip
        assert await engine.result(fork.id, within=5) == [1, "no", [1, "no"]]
        assert fork.root == run.id
        for key, overrides in (("9", {}), ("1", {"2": "x"})):
            with pytest.raises(UsageError):
                await engine.fork(run.id, principal=TESTER, from_key=key, overrides=overrides)
        with pytest.raises(UsageError, match="there is no run"):
            await engine.fork(NOBODY, principal=TESTER)


NOBODY = UUID(int=7)


async def test_a_sealed_fork_reads_the_children_of_its_original(database, catalog, register, quick):
    started: list[int] = []

    async def child(n: int):
        started.append(n)
        return n * 10

    async def parent():
        return await e.gather(e.child("child", {"n": 1}), e.child("child", {"n": 2}))

    register("child", child)
    register("parent", parent)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("parent", {}, key="1", principal=TESTER)
        assert await engine.result(run.id, within=10) == [10, 20]
        fork = await engine.fork(run.id, principal=TESTER, from_key="0")
        assert await engine.result(fork.id, within=10) == [10, 20]
    assert sorted(started) == [1, 2]


async def test_a_cancelled_child_wakes_its_parent(database, catalog, register, quick):
    async def child():
        await e.wait("gate", "p")

    async def parent():
        try:
            await e.child("child", {})
        except e.ChildError as error:
            return str(error)
        return None

    register("child", child)
    register("parent", parent)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("parent", {}, key="1", principal=TESTER)
        (found,) = await eventually(lambda: engine.runs(parent=run.id))
        await eventually(lambda: engine.waits(found.id))
        assert await engine.cancel(found.id, reason="not needed") == "cancelled"
        assert "is cancelled" in await engine.result(run.id, within=5)


async def test_children_where_they_may_not_stand(database, catalog, register, quick):
    async def child():
        e.continue_as()

    async def mixed():
        return await e.gather(e.child("child", {}), look(1))

    async def in_branch():
        async def branch():
            return await e.child("child", {})

        return await e.gather(branch(), look(1))

    async def ends_early():
        return await e.child("child", {})

    for name, body in (
        ("child", child),
        ("mixed", mixed),
        ("in_branch", in_branch),
        ("ends_early", ends_early),
    ):
        register(name, body)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        for name, code in (
            ("mixed", "engine.gather"), ("in_branch", "engine.not_top_level"),
            ("ends_early", "engine.child_continues"),
        ):  # fmt: skip
            run = await engine.start(name, {}, key="1", principal=TESTER)
            with pytest.raises((UsageError, e.ChildError)) as caught:
                await engine.result(run.id, within=5)
            assert caught.value.code == code


async def test_a_run_that_only_had_to_be_replayed_notes_its_new_version(database, catalog, register, quick):
    async def flow():
        return (await e.wait("gate", "p")).value

    register("flow", flow, version="1")
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        await eventually(lambda: engine.waits(run.id))
        register("flow", flow, version="2")
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="0"), 1, tx=tx)
        assert await engine.result(run.id, within=5) == 1
        assert (await engine.get(run.id)).version == "2"
        (adopt,) = [entry async for entry in engine.history(run.id) if entry.kind == "adopt"]
        assert await engine.output(adopt) == {"from": "1", "to": "2"}


async def test_payloads_are_kept_once_and_a_changed_one_is_found_out(database, catalog, quick):
    async with e.open_engine(database, quick, catalog=catalog, work=False) as engine:
        ref = await engine.payloads.put(b"ten pages" * 1000)
        assert await engine.payloads.put(b"ten pages" * 1000) == ref
        assert await database.fetch_value("select count(*) from engine_payload") == 1
        await database.execute("update engine_payload set body = 'other'::bytea")
        with pytest.raises(DataError) as caught:
            await engine.payloads.get(ref)
        assert caught.value.code == "engine.payload_corrupt"
        await database.execute("update engine_payload set body = null")
        with pytest.raises(DataError, match="erased"):
            await engine.payloads.get(ref)


async def test_a_run_over_a_corrupt_payload_is_blocked(database, catalog, register, quick):
    async def flow():
        text = await look("x" * 60_000)
        await e.wait("gate", "p")
        return len(text)

    register("flow", flow)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        await eventually(lambda: engine.waits(run.id))
        await database.execute("update engine_payload set body = 'other'::bytea")
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="1"), 1, tx=tx)

        async def blocked():
            found = await engine.get(run.id)
            return found.reason if found.state == "blocked" else None

        assert "does not fit its hash" in await eventually(blocked)


async def test_too_large_and_not_ended_are_limits(database, catalog, register, quick, monkeypatch):
    monkeypatch.setattr("pilothouse.engine.journal.payloads.PAYLOAD_LIMIT", 50_000)

    async def flow():
        return await look("x" * 60_000)

    async def waits():
        await e.wait("gate", "p")

    register("flow", flow)
    register("waits", waits)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        large = await engine.start("flow", {}, key="1", principal=TESTER)
        with pytest.raises(LimitError, match="over the limit of 50000"):
            await engine.result(large.id, within=5)
        waiting = await engine.start("waits", {}, key="1", principal=TESTER)
        with pytest.raises(LimitError, match="still"):
            await engine.result(waiting.id, within=0.2)


async def test_old_runs_and_unused_payloads_are_deleted(database, catalog, register, quick):
    async def flow():
        return len(await look("x" * 60_000))

    register("flow", flow)
    settings = quick.model_copy(update={"keep_runs_days": 1, "keep_payloads_s": 0.0})
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("flow", {}, key="1", principal=TESTER)
        assert await engine.result(run.id, within=5) == 60_000
    await database.execute("update engine_run set ended = ended - interval '2 days'")
    async with e.open_engine(database, settings, catalog=catalog):
        count = "select (select count(*) from engine_run) + (select count(*) from engine_payload)"

        async def gone():
            return await database.fetch_value(count) == 0

        await eventually(gone)
