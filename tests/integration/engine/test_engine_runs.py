"""Runs from start to end on PostgreSQL: steps, gates, signals, children, cancel."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from pilothouse import engine as e
from pilothouse.engine.testing import TESTER as CLERK
from pilothouse.engine.testing import eventually
from pilothouse.kernel import ConflictError, DataError, Principal, UnavailableError, UsageError
from pilothouse.storage import Feed


async def test_a_run_does_its_steps_once_and_is_found_by_its_key(database, catalog, register, quick):
    calls: list[str] = []

    async def release(box: str):
        async def look() -> dict[str, object]:
            calls.append(box)
            return {"box": box, "weight": 21_500}

        found = await e.step("look", look, inputs={"box": box})
        return found["weight"]

    register("release", release)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("release", {"box": "MSCU1"}, key="m1", principal=CLERK)
        again = await engine.start("release", {"box": "MSCU1"}, key="m1", principal=CLERK)
        assert again.id == run.id
        assert await engine.result(run.id, within=5) == 21_500
        entries = [entry async for entry in engine.history(run.id)]
    assert calls == ["MSCU1"]
    assert [(entry.key, entry.kind, entry.name, entry.outcome) for entry in entries] == [
        ("0", "step", "look", "ok")
    ]


async def test_a_gate_holds_nothing_and_is_answered_once(database, catalog, register, quick):
    async def ask(box: str):
        waited = await e.wait("gate", "p-1", name="decide", inputs={"box": box})
        return waited.value

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {"box": "A"}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        assert (await engine.get(run.id)).state == "parked"
        ref = e.WaitRef(run=run.id, key="0")
        async with database.transaction() as tx:
            assert (await engine.resume(ref, {"verdict": "approve"}, tx=tx)).fresh
        async with database.transaction() as tx:
            again = await engine.resume(ref, {"verdict": "approve"}, tx=tx)
            assert (again.value, again.fresh) == ({"verdict": "approve"}, False)
        with pytest.raises(ConflictError, match="already answered"):
            async with database.transaction() as tx:
                await engine.resume(ref, {"verdict": "reject"}, tx=tx)
        assert await engine.result(run.id, within=5) == {"verdict": "approve"}


async def test_an_expired_gate_is_a_no(database, catalog, register, quick):
    async def ask():
        waited = await e.wait("gate", "p", until=timedelta(seconds=0.2))
        return waited.outcome

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {}, key="1", principal=CLERK)
        assert await engine.result(run.id, within=5) == "expired"


async def test_a_late_signal_withdraws_the_open_gate(database, catalog, register, quick):
    async def ask():
        subjects = [e.Subject(kind="gate", ref="p"), e.Subject(kind="signal", ref="hold")]
        waited = await e.wait(subjects)
        return [waited.subject, waited.value]

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        for _ in range(2):
            async with database.transaction() as tx:
                await engine.signal(run.id, "hold", "customs", event="m-7", tx=tx)
        assert await engine.result(run.id, within=5) == [1, "customs"]
        with pytest.raises(ConflictError, match="withdrawn"):
            async with database.transaction() as tx:
                await engine.resume(e.WaitRef(run=run.id, key="0"), "yes", tx=tx)


async def test_a_signal_that_comes_early_is_kept(database, catalog, register, quick):
    async def ask():
        await e.wait("gate", "p")
        return (await e.wait("signal", "hold")).value

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        async with database.transaction() as tx:
            await engine.signal(run.id, "hold", 7, event="m-7", tx=tx)
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="0"), "go", tx=tx)
        assert await engine.result(run.id, within=5) == 7


async def test_an_answer_can_be_taken_back_during_its_grace(database, catalog, register, quick):
    async def ask():
        return (await e.wait("gate", "p")).value

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        ref = e.WaitRef(run=run.id, key="0")
        now = await database.fetch_value("select engine_now()")
        async with database.transaction() as tx:
            await engine.resume(ref, "yes", tx=tx, after=now + timedelta(seconds=60))
            assert await engine.take_back(ref, tx=tx)
            await engine.resume(ref, "no", tx=tx, after=now + timedelta(seconds=0.3))
        assert await engine.result(run.id, within=5) == "no"


async def test_gather_runs_branches_together_and_keeps_their_order(database, catalog, register, quick):
    async def work():
        async def branch(n: int):
            async def body() -> int:
                await asyncio.sleep(0.05 * (3 - n))
                return n

            first = await e.step("one", body, inputs=n)
            return first + await e.step("two", body, inputs=n)

        return await e.gather(branch(0), branch(1), branch(2))

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        assert await engine.result(run.id, within=5) == [0, 2, 4]
        keys = {entry.key: entry.kind async for entry in engine.history(run.id)}
    assert keys == {f"0.{b}": "scope" for b in range(3)} | {
        f"0.{b}.{s}": "step" for b in range(3) for s in range(2)
    }


async def test_children_run_by_themselves_and_wake_their_parent_once(database, catalog, register, quick):
    async def child(n: int):
        async def body() -> int:
            return n * n

        return await e.step("square", body, inputs=n)

    async def parent(count: int):
        return await e.gather(*(e.child("child", {"n": n}) for n in range(count)))

    register("child", child)
    register("parent", parent)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("parent", {"count": 40}, key="1", principal=CLERK)
        assert await engine.result(run.id, within=20) == [n * n for n in range(40)]
        assert (await engine.get(run.id)).segment == 1
        assert len(await engine.runs(parent=run.id)) == 40


async def test_a_failing_child_is_an_error_of_its_parent(database, catalog, register, quick):
    async def child():
        raise DataError("the manifest is empty", code="port.empty")

    async def parent():
        try:
            await e.child("child", {})
        except e.ChildError as error:
            return error.code
        return "no error"

    register("child", child)
    register("parent", parent)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("parent", {}, key="1", principal=CLERK)
        assert await engine.result(run.id, within=5) == "port.empty"


async def test_an_unavailable_source_is_asked_again_and_an_error_is_recorded(
    database, catalog, register, quick
):
    tries: list[int] = []

    async def work():
        async def flaky() -> int:
            tries.append(1)
            raise UnavailableError("down", code="sources.down", retry_after=0.0)

        try:
            await e.step("flaky", flaky, retry=e.Retry(tries=3, first=0.01))
        except UnavailableError as error:
            await e.wait("gate", "p")
            return error.code
        return None

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        async with database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key="1"), None, tx=tx)
        assert await engine.result(run.id, within=5) == "sources.down"
    assert len(tries) == 3


async def test_cancelling_stops_the_body_refuses_records_and_takes_the_children(
    database, catalog, register, quick
):
    reached: list[str] = []

    async def slow():
        async def body() -> None:
            reached.append("slow")
            await asyncio.sleep(30)

        await e.step("slow", body)

    async def parent():
        await e.gather(e.child("slow", {}), e.child("slow", {}))

    register("slow", slow)
    register("parent", parent)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("parent", {}, key="1", principal=CLERK)
        await eventually(lambda: len(reached) == 2)
        await engine.cancel(run.id, reason="wrong box")
        children = await engine.runs(parent=run.id)
        for child in children:
            with pytest.raises(e.ChildError, match="cancelled"):
                await engine.result(child.id, within=5)
        assert (await engine.get(run.id)).state == "cancelled"
        assert await engine.waits(run.id) == []


async def test_bad_input_is_refused_before_anything_is_stored(database, catalog, register, quick):
    async def work():
        return 1

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        for name, more, code in [
            ("nothing", {}, "engine.unknown_workflow"),
            ("work", {"queue": "fast"}, "engine.unknown_queue"),
            ("work", {"partition": "site-1"}, "engine.partition"),
        ]:
            with pytest.raises(UsageError) as caught:
                await engine.start(name, {}, key="1", principal=CLERK, **more)
            assert caught.value.code == code
        with pytest.raises(UsageError, match=r"args\.x"):
            await engine.start("work", {"x": {1, 2}}, key="1", principal=CLERK)
        assert await engine.runs() == []


async def test_a_body_that_swallows_the_wait_cannot_go_on(database, catalog, register, quick):
    after: list[str] = []

    async def ask():
        with suppress(BaseException):
            await e.wait("gate", "p")

        async def body() -> None:
            after.append("ran")

        await e.step("after", body)

    register("ask", ask)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("ask", {}, key="1", principal=CLERK)
        await eventually(lambda: engine.waits(run.id))
        await asyncio.sleep(0.1)
        assert (await engine.get(run.id)).state == "parked"
    assert after == []


async def test_an_effect_in_flight_ends_and_is_recorded_although_its_run_is_cancelled(
    database, catalog, register, quick
):
    reached: list[str] = []

    async def work():
        async def send() -> str:
            reached.append("sent")
            await asyncio.sleep(0.3)
            reached.append("answered")
            return "receipt 7"

        async def after() -> None:
            reached.append("after")

        await e.step("send", send, once=True)
        await e.step("after", after)

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        await eventually(lambda: reached)
        await engine.cancel(run.id, reason="wrong box")
        with pytest.raises(e.ChildError, match="cancelled"):
            await engine.result(run.id, within=5)
        (entry,) = [entry async for entry in engine.history(run.id)]
        assert await engine.output(entry) == "receipt 7"
    assert reached == ["sent", "answered"]


async def test_a_run_without_progress_is_blocked_as_poison(database, catalog, register, quick):
    async def work():
        return 1

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog, work=False) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        for _ in range(5):
            assert await engine.journal.claim(run.id, 0, owner="dies", attempts=5) is not None
        assert await engine.journal.claim(run.id, 0, owner="dies", attempts=5) is None
        assert "poison: 5 attempts" in str((await engine.get(run.id)).reason)
        assert await engine.unblock(run.id)


async def test_rights_are_those_of_today_and_a_gone_owner_blocks(database, catalog, register, quick):
    today = {"clerk": Principal(id="clerk", rights=frozenset({"sources:new"}))}

    class Directory:
        async def now(self, stored: Principal) -> Principal | None:
            return today.get(stored.id)

    async def work():
        await e.wait("gate", "p")
        return sorted(e.acting().rights)

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog, principals=Directory()) as engine:
        runs = []
        for name in ("clerk", "gone"):
            today.setdefault(name, Principal(id=name))
            runs.append(await engine.start("work", {}, key=name, principal=Principal(id=name)))
        for run in runs:
            await eventually(lambda run=run: engine.waits(run.id))
        del today["gone"]
        for run in runs:
            async with database.transaction() as tx:
                await engine.resume(e.WaitRef(run=run.id, key="0"), None, tx=tx)
        assert await engine.result(runs[0].id, within=5) == ["sources:new"]

        async def blocked():
            return (await engine.get(runs[1].id)).reason

        assert await eventually(blocked) == "owner 'gone' is gone"


async def test_a_deadline_cancels_a_run_and_an_event_is_emitted_once(database, catalog, register, quick):
    async def work():
        await e.emit("work.began", {"n": 1})
        await e.wait("gate", "p")

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        soon = await database.fetch_value("select engine_now() + interval '0.5 s'")
        run = await engine.start("work", {}, key="1", principal=CLERK, deadline=soon)
        await eventually(lambda: engine.waits(run.id))
        with pytest.raises(e.ChildError, match="deadline passed"):
            await engine.result(run.id, within=5)
        assert [event.topic for event in await Feed(database).read()] == ["work.began"]


async def test_a_long_pause_between_tries_parks_the_run(database, catalog, register, quick):
    tries: list[int] = []

    async def work():
        async def down() -> str:
            tries.append(1)
            if len(tries) < 3:
                raise UnavailableError("closed at night", retry_after=3600)
            return "open"

        return await e.step("ask", down, retry=e.Retry(tries=3, first=1, longest=7200))

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)
        for number in (1, 2):
            (wait,) = await eventually(lambda: engine.waits(run.id))
            assert (wait.kind, wait.subject) == ("timer", f"retry:{number}")
            await database.execute("update engine_wait set until = engine_now() where state = 'open'")
            await eventually(lambda number=number: len(tries) == number + 1)
        assert await engine.result(run.id, within=5) == "open"
        assert [entry.key async for entry in engine.history(run.id)] == ["0"]


async def test_a_loop_without_end_goes_on_as_a_new_run(database, catalog, register, quick):
    async def counts(n: int):
        async def body() -> int:
            return n

        await e.step("count", body, inputs=n)
        if n < 3:
            e.continue_as(n=n + 1)
        return n

    register("counts", counts)
    async with e.open_engine(database, quick, catalog=catalog) as engine:
        first = await engine.start("counts", {"n": 1}, key="1", principal=CLERK)
        assert await engine.result(first.id, within=5) is None

        async def ended():
            return (await engine.counts()).get("done") == 3

        await eventually(ended)
        last = (await engine.runs(workflow="counts"))[0]
        assert await engine.result(last.id, within=5) == 3
        assert last.key.endswith(":next")


async def test_left_over_runs_find_what_was_bound_before_the_engine_opened(
    database, catalog, register, quick
):
    async def work():
        async def body() -> str:
            return str(e.resources())

        return await e.step("look", body)

    register("work", work)
    async with e.open_engine(database, quick, catalog=catalog, work=False) as engine:
        run = await engine.start("work", {}, key="1", principal=CLERK)

    def ready(engine: e.Engine) -> None:
        engine.resources = "the desk"

    async with e.open_engine(database, quick, catalog=catalog, ready=ready) as engine:
        assert await engine.result(run.id, within=5) == "the desk"
