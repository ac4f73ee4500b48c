"""Owns the suite that every executor passes: limits, answers, releases, forks, sizes, a broken database.

An adapter's test file inherits :class:`ExecutorConformance` and names its executor. The numbers are the
cases of the engine's contract; killing and freezing processes is tested with real processes elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import pytest

from pilothouse import engine as e
from pilothouse.engine.testing.books import Bodies as Books
from pilothouse.engine.testing.books import park_all, replay_again
from pilothouse.engine.testing.story import TESTER, eventually
from pilothouse.kernel import ConflictError, DataError, LimitError, UsageError
from pilothouse.storage import Database

__all__ = ["ExecutorConformance"]

Open = Callable[..., AbstractAsyncContextManager[e.Engine]]


class ExecutorConformance:
    """Inherit, set ``executor``, and provide the fixtures ``database`` and a clean event loop."""

    executor: ClassVar[Literal["dbos", "direct"]]

    @pytest.fixture
    def bodies(self) -> Books:
        """What ran, and when."""
        return Books()

    @pytest.fixture
    def opened(self, database: Database, bodies: Books) -> Open:
        """Open an engine on this executor with quick settings."""

        def open_(**more: Any) -> AbstractAsyncContextManager[e.Engine]:
            settings = e.EngineSettings(
                executor=self.executor, sweep_s=0.2, beat_s=0.3, lease_s=3.0, poll_s=0.1, **more
            )
            return e.open_engine(database, settings, catalog=bodies.catalog)

        return open_

    async def _start(self, engine: e.Engine, count: int, name: str = "work", **more: Any) -> list[e.Run]:
        return [
            await engine.start(name, {"n": n}, key=f"{name}-{n}-{more}", principal=TESTER, **more)
            for n in range(count)
        ]

    async def _results(self, engine: e.Engine, runs: list[e.Run], *, within: float = 60) -> list[Any]:
        return [await engine.result(run.id, within=within) for run in runs]

    # -- 7 -------------------------------------------------------------------------------------

    async def test_7_two_clerks_and_the_deadline_at_the_same_moment_give_one_answer(
        self, opened: Open, bodies: Books
    ) -> None:
        """Ten answers race with the deadline: one counts, everyone else is told."""
        bodies.gate("ask", until=timedelta(seconds=0.4))
        async with opened() as engine:
            (run,) = await self._start(engine, 1, "ask")
            await park_all(engine, 1)
            await asyncio.sleep(0.35)

            async def clerk(n: int) -> str:
                try:
                    async with engine.database.transaction() as tx:
                        await engine.resume(e.WaitRef(run=run.id, key="0"), n, tx=tx)
                except ConflictError as error:
                    return error.code
                return "taken"

            words = await asyncio.gather(*(clerk(n) for n in range(10)))
            outcome = (await self._results(engine, [run]))[0]
            assert words.count("taken") == (1 if outcome["outcome"] == "met" else 0)
            assert set(words) <= {"taken", "engine.answered", "engine.wait_closed"}
            await replay_again(engine)

    # -- 8, 20 ---------------------------------------------------------------------------------

    async def test_8_parked_runs_are_checked_adopted_blocked_and_rescued(
        self, opened: Open, bodies: Books
    ) -> None:
        """A release with runs in flight: what the check says is what happens."""

        async def old(n: int) -> list[Any]:
            return [await bodies.step("a", n), (await e.wait("gate", "p")).value]

        async def longer(n: int) -> list[Any]:
            return [await bodies.step("a", n), (await e.wait("gate", "p")).value, await bodies.step("b", n)]

        async def inserted(n: int) -> list[Any]:
            return [await bodies.step("a", n), await bodies.step("x", n), (await e.wait("gate", "p")).value]

        bodies.add("flow", old, version="1")
        async with opened() as engine:
            runs = await self._start(engine, 2, "flow")
            await park_all(engine, 2)
            bodies.add("flow", longer, version="2")
            assert {found.verdict for found in await engine.check()} == {"adopt"}
            bodies.add("flow", inserted, version="3")
            checked = await engine.check()
            assert {found.verdict for found in checked} == {"block"}
            assert "the run waits for gate 'gate'" in checked[0].reason
            await self._answer(engine, runs[0])
            await eventually(lambda: self._state(engine, runs[0], "blocked"))
            assert "at '1' the journal holds gate" in str((await engine.get(runs[0].id)).reason)
            bodies.add("flow", longer, version="2")
            assert await engine.unblock(runs[0].id)
            await self._answer(engine, runs[1])
            assert await self._results(engine, runs) == [[0, "yes", 0], [1, "yes", 1]]
            assert {run.version for run in await engine.runs(workflow="flow")} == {"2"}
            await replay_again(engine)

    async def test_8_a_pinned_workflow_waits_for_its_own_version(self, opened: Open, bodies: Books) -> None:
        """Other code does not continue it, however well it fits."""
        bodies.gate("ask", pin=True, version="1")
        async with opened() as engine:
            (run,) = await self._start(engine, 1, "ask")
            await park_all(engine, 1)
            bodies.gate("ask", pin=True, version="2")
            assert [found.verdict for found in await engine.check()] == ["block"]
            await self._answer(engine, run, key="0")
            await eventually(lambda: self._state(engine, run, "blocked"))

    async def test_20_a_process_without_the_workflow_hands_the_run_back(
        self, opened: Open, bodies: Books
    ) -> None:
        """An old process beside a new one does no harm to what it does not know."""
        bodies.simple("work")
        definition = bodies.catalog.definitions["work"]
        async with opened() as engine:
            bodies.catalog.definitions["other"] = definition
            run = await engine.start("other", {"n": 1}, key="1", principal=TESTER, queue="bulk")
            del bodies.catalog.definitions["other"]
            await eventually(lambda: self._segment(engine, run, 1))
            bodies.catalog.definitions["other"] = definition
            assert await engine.result(run.id, within=30) == 1

    # -- 10, 11 --------------------------------------------------------------------------------

    async def test_10_concurrency_and_partitions_hold(self, opened: Open, bodies: Books) -> None:
        """Live segments of a queue, and of each of its partitions."""
        bodies.catalog.declare(
            queues=[e.QueueSpec(name="two", concurrency=2), e.QueueSpec(name="sites", per_partition=1)]
        )
        bodies.simple("work", pause=0.05)
        bodies.simple("site", pause=0.05)
        async with opened() as engine:
            runs = await self._start(engine, 12, queue="two")
            for n in range(12):
                args = {"n": n}
                runs.append(
                    await engine.start(
                        "site", args, key=str(n), principal=TESTER, queue="sites", partition=f"s{n % 3}"
                    )
                )
            await self._results(engine, runs)
            assert bodies.most("work") <= 2
            assert bodies.most("site") <= 3
            await replay_again(engine)

    async def test_10_rate_limits_claims_in_a_rolling_window(self, opened: Open, bodies: Books) -> None:
        """Four claims a second, whoever asks."""
        bodies.catalog.declare(queues=[e.QueueSpec(name="slow", rate=e.Rate(limit=4, period=1.0))])
        bodies.simple("work")
        async with opened() as engine:
            await self._results(engine, await self._start(engine, 9, queue="slow"))
            assert bodies.span("work") > 1.5

    async def test_10_priority_goes_before_order(self, opened: Open, bodies: Books) -> None:
        """Lower first; what was resumed before what is new."""
        bodies.catalog.declare(queues=[e.QueueSpec(name="one", concurrency=1)])
        bodies.simple("block", pause=1.0)
        bodies.simple("work")
        async with opened() as engine:
            await self._start(engine, 1, "block", queue="one")
            await eventually(lambda: bodies.ran("block"))
            runs = [
                await engine.start("work", {"n": n}, key=str(n), principal=TESTER, queue="one", priority=n)
                for n in (30, 10, 20)
            ]
            await self._results(engine, runs)
            assert [n for _, n in bodies.order("work")] == [10, 20, 30]

    async def test_10_a_dedup_id_is_one_live_run_of_its_queue(self, opened: Open, bodies: Books) -> None:
        """A second start returns the live run; after its end the id is free."""
        bodies.gate("ask")
        async with opened() as engine:
            first = await engine.start("ask", {"n": 1}, key="a", principal=TESTER, dedup="box-1")
            again = await engine.start("ask", {"n": 2}, key="b", principal=TESTER, dedup="box-1")
            assert again.id == first.id
            await park_all(engine, 1)
            await self._answer(engine, first, key="0")
            await engine.result(first.id, within=20)
            third = await engine.start("ask", {"n": 3}, key="c", principal=TESTER, dedup="box-1")
            assert third.id != first.id

    async def test_11_a_gate_in_a_queue_of_one_lets_the_next_go(self, opened: Open, bodies: Books) -> None:
        """A waiting run occupies no place."""
        bodies.catalog.declare(queues=[e.QueueSpec(name="one", concurrency=1)])
        bodies.gate("ask")
        bodies.simple("work")
        async with opened() as engine:
            gates = await self._start(engine, 3, "ask", queue="one")
            await park_all(engine, 3)
            assert await self._results(engine, await self._start(engine, 3, queue="one")) == [0, 1, 2]
            for run in gates:
                await self._answer(engine, run, key="0")
            await self._results(engine, gates)

    # -- 12 ------------------------------------------------------------------------------------

    async def test_12_only_the_clock_of_the_database_counts(self, opened: Open, bodies: Books) -> None:
        """A gate of 90 days expires when the database says so."""
        bodies.gate("ask", until=timedelta(days=90))
        async with opened() as engine:
            (run,) = await self._start(engine, 1, "ask")
            await park_all(engine, 1)
            await engine.database.execute(
                "create or replace function engine_now() returns timestamptz language sql stable"
                " as 'select clock_timestamp() + interval ''91 days'''"
            )
            assert (await self._results(engine, [run]))[0]["outcome"] == "expired"

    # -- 13 ------------------------------------------------------------------------------------

    async def test_13_many_children_and_a_cancelled_parent(self, opened: Open, bodies: Books) -> None:
        """Children wake their parent once; a cancelled parent takes the rest along."""
        bodies.simple("work")
        bodies.simple("slow", pause=60)

        async def parent(n: int) -> int:
            return sum(await e.gather(*(e.child("work", {"n": i}) for i in range(n))))

        async def stuck(n: int) -> int:
            return len(await e.gather(*(e.child("slow", {"n": i}) for i in range(n))))

        bodies.add("parent", parent)
        bodies.add("stuck", stuck)
        async with opened() as engine:
            run = await engine.start("parent", {"n": 60}, key="1", principal=TESTER)
            assert await engine.result(run.id, within=60) == sum(range(60))
            assert (await engine.get(run.id)).segment == 1
            doomed = await engine.start("stuck", {"n": 6}, key="1", principal=TESTER)
            await eventually(lambda: len(bodies.order("slow")) == 6)
            await engine.cancel(doomed.id, reason="wrong call")
            await eventually(lambda: self._all(engine, doomed, "cancelled"))

    # -- 14, 15 --------------------------------------------------------------------------------

    async def test_14_the_same_event_starts_one_run_however_often_it_comes(
        self, opened: Open, bodies: Books
    ) -> None:
        """A hundred deliveries at once."""
        bodies.simple("work")
        async with opened() as engine:
            runs = await asyncio.gather(
                *(engine.start("work", {"n": 1}, key="m-1", principal=TESTER) for _ in range(100))
            )
            assert len({run.id for run in runs}) == 1
            assert await engine.result(runs[0].id, within=20) == 1
            assert bodies.ran("work") == 1

    async def test_15_a_schedule_makes_up_for_downtime(self, opened: Open, bodies: Books) -> None:
        """Ticks that nobody was there for: none, the last one, or each, exactly once."""
        bodies.simple("work")
        for missed in ("skip", "one", "all"):
            bodies.catalog.declare(
                schedules=[
                    e.Schedule(name=missed, cron="0 * * * *", workflow="work", missed=missed, args={"n": 1})
                ]
            )
        async with opened():
            pass
        bodies.catalog.schedules, schedules = {}, bodies.catalog.schedules
        back = datetime.now(UTC) - timedelta(hours=5, minutes=1)
        bodies.catalog.schedules = schedules
        async with opened() as engine:
            await engine.database.execute("update engine_schedule set last = %(back)s", {"back": back})
            await eventually(lambda: self._count(engine, 6))
            await asyncio.sleep(0.5)
            keys = [run.key.split(":")[1] for run in await engine.runs(workflow="work")]
            assert (keys.count("all"), keys.count("one")) == (5, 1) or (
                keys.count("all"),
                keys.count("one"),
            ) == (6, 1)
            assert keys.count("skip") <= 1

    # -- 16 ------------------------------------------------------------------------------------

    async def test_16_a_sealed_fork_has_no_effects_and_asks_nobody(self, opened: Open, bodies: Books) -> None:
        """Effects and answers come from the recording; what was never recorded stops it."""

        async def flow(n: int) -> list[Any]:
            seen = await bodies.step("look", n)
            answer = (await e.wait("gate", "p", name="decide", inputs=n)).value
            return [seen, answer, await bodies.step(bodies.effect, n, once=True)]

        bodies.add("flow", flow)
        async with opened() as engine:
            (run,) = await self._start(engine, 1, "flow")
            await park_all(engine, 1)
            await self._answer(engine, run)
            expected = await engine.result(run.id, within=20)
            before = bodies.ran("effect")
            fork = await engine.fork(run.id, principal=TESTER, from_key="0")
            assert await engine.result(fork.id, within=20) == expected
            assert bodies.ran("effect") == before
            bodies.effect = "another effect"
            stray = await engine.fork(run.id, principal=TESTER, from_key="2")
            with pytest.raises(e.StepError, match="never recorded"):
                await engine.result(stray.id, within=20)
            assert bodies.ran("another effect") == 0

    # -- 17 ------------------------------------------------------------------------------------

    async def test_17_sizes_tags_and_poison(self, opened: Open, bodies: Books) -> None:
        """Large values lie beside the row, unknown types are refused, a run that never gets on is blocked."""

        async def large(n: int) -> int:
            return len(await bodies.step("large", "x" * 100_000))

        async def odd(n: int) -> Any:
            return await bodies.step("odd", object())

        bodies.add("large", large)
        bodies.add("odd", odd)
        async with opened() as engine:
            (big,) = await self._start(engine, 1, "large")
            assert await engine.result(big.id, within=20) == 100_000
            (row,) = await engine.database.fetch_all("select size from engine_payload")
            assert row["size"] > 100_000
            (strange,) = await self._start(engine, 1, "odd")
            with pytest.raises(UsageError, match="odd inputs: object has no wire form"):
                await engine.result(strange.id, within=20)
            await engine.database.execute(
                "update engine_entry set output = null, output_ref = '\\x00'::bytea"
            )
            fork = await engine.fork(big.id, principal=TESTER)
            with pytest.raises(DataError, match="erased"):
                await engine.result(fork.id, within=20)

    async def test_17_a_journal_is_full_at_five_thousand(
        self, opened: Open, bodies: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A loop without end stops with advice."""
        monkeypatch.setattr("pilothouse.engine.running.segment.MAX_ENTRIES", 20)

        async def endless(n: int) -> None:
            for i in range(100):
                await bodies.step("again", i)

        bodies.add("endless", endless)
        async with opened() as engine:
            (run,) = await self._start(engine, 1, "endless")
            with pytest.raises(LimitError, match="the limit is 20"):
                await engine.result(run.id, within=20)

    # -- 5, 18 ---------------------------------------------------------------------------------

    async def test_5_a_cut_connection_loses_and_doubles_nothing(self, opened: Open, bodies: Books) -> None:
        """Every connection is cut again and again while runs record."""

        async def ten(n: int) -> int:
            return sum([await bodies.step("s", [n, i], pause=0.01, give=i) for i in range(10)])

        bodies.add("ten", ten)
        async with opened() as engine:
            runs = await self._start(engine, 15, "ten")
            for _ in range(8):
                await asyncio.sleep(0.08)
                await self._cut(engine)
            assert await self._results(engine, runs) == [45] * 15
            count = "select count(*) from engine_entry where kind = 'step'"
            assert await engine.database.fetch_value(count) == 150

    async def test_18_a_full_disk_stops_and_breaks_nothing(self, opened: Open, bodies: Books) -> None:
        """PostgreSQL refuses every entry for a while; the runs wait and go on."""
        bodies.simple("work")
        async with opened() as engine:
            await engine.database.execute(
                "create function full_disk() returns trigger language plpgsql as"
                " $$ begin raise exception 'no space left on device' using errcode = '53100'; end $$"
            )
            await engine.database.execute(
                "create trigger full_disk before insert on engine_entry execute function full_disk()"
            )
            runs = await self._start(engine, 5)
            await eventually(lambda: bodies.ran("work") == 5)
            await asyncio.sleep(0.3)
            assert await engine.database.fetch_value("select count(*) from engine_entry") == 0
            assert (await engine.counts()).get("done", 0) == 0
            await engine.database.execute("drop trigger full_disk on engine_entry")
            assert await self._results(engine, runs) == [0, 1, 2, 3, 4]
            assert bodies.ran("work") == 5

    # -- words ---------------------------------------------------------------------------------

    async def _answer(self, engine: e.Engine, run: e.Run, *, key: str = "1") -> None:
        async with engine.database.transaction() as tx:
            await engine.resume(e.WaitRef(run=run.id, key=key), "yes", tx=tx)

    async def _state(self, engine: e.Engine, run: e.Run, state: str) -> bool:
        return (await engine.get(run.id)).state == state

    async def _segment(self, engine: e.Engine, run: e.Run, least: int) -> bool:
        return (await engine.get(run.id)).segment >= least

    async def _count(self, engine: e.Engine, least: int) -> bool:
        return len(await engine.runs(workflow="work")) >= least

    async def _all(self, engine: e.Engine, parent: e.Run, state: str) -> bool:
        family = [await engine.get(parent.id), *await engine.runs(parent=parent.id)]
        return all(run.state == state for run in family)

    async def _cut(self, engine: e.Engine) -> None:
        await engine.database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        )
