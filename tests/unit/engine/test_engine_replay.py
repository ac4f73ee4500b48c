"""Replay on the fake journal: random crashes equal the uncrashed run; edits of the code are seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse import engine as e
from pilothouse.engine.running.handler import SegmentHandler
from pilothouse.engine.testing import Crash, FakeExecutor, FakeJournal
from pilothouse.kernel import DataError

Program = list[Any]


def program(depth: int = 2) -> st.SearchStrategy[Program]:
    """A random workflow: steps, failing steps, gathers, gates, children, drawn ids."""
    step = st.tuples(st.just("step"), st.integers(0, 9))
    fail = st.tuples(st.just("fail"), st.integers(0, 9))
    draw = st.tuples(st.just("draw"), st.just(0))
    op = st.one_of(step, fail, draw)
    if depth:
        branch = st.lists(st.one_of(step, fail, draw), max_size=3)
        gather = st.tuples(st.just("gather"), st.lists(branch, min_size=1, max_size=3))
        gate = st.tuples(st.just("gate"), st.integers(0, 9))
        child = st.tuples(st.just("child"), st.lists(step, max_size=2))
        op = st.one_of(step, fail, draw, gather, gate, child)
    return st.lists(op, max_size=6)


async def interpret(ops: Program) -> list[Any]:
    out: list[Any] = []
    for word, what in ops:
        out.append(await WORDS[word](what))
    return out


async def do_step(n: int) -> Any:
    async def body() -> int:
        await asyncio.sleep(0)
        return n * 2

    return await e.step(f"step{n}", body, inputs=n)


async def do_fail(n: int) -> Any:
    async def body() -> int:
        raise DataError(f"no {n}", code="test.no")

    try:
        return await e.step(f"fail{n}", body, inputs=n)
    except DataError as error:
        return [error.code, e.now().isoformat()]


async def do_draw(_: int) -> Any:
    return [str(e.new_id()), e.random().randint(0, 10**9)]


async def do_gather(branches: list[Program]) -> Any:
    return await e.gather(*(interpret(branch) for branch in branches))


async def do_gate(n: int) -> Any:
    return (await e.wait("gate", str(n), inputs=n)).value


async def do_child(ops: Program) -> Any:
    return await e.child("program", {"ops": ops})


WORDS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "step": do_step, "fail": do_fail, "draw": do_draw, "gather": do_gather,
    "gate": do_gate, "child": do_child,
}  # fmt: skip


def catalog(body: Callable[..., Awaitable[Any]] = interpret, version: str = "1") -> e.Catalog:
    found = e.Catalog()
    found.register(e.Definition(name="program", version=version, body=body))
    return found


def handler(journal: FakeJournal, found: e.Catalog, owner: str) -> SegmentHandler:
    return SegmentHandler(journal, found, e.EngineSettings(), owner=owner)


async def to_the_end(journal: FakeJournal, run, crashes: list[tuple[int, bool]]) -> None:
    """Drive a run, answering its gates, through processes that die where told."""
    found, crashes = catalog(), list(crashes)
    for life in range(200):
        if crashes:
            after, lose = crashes.pop()
            journal.crash_after, journal.lose_reply = journal.writes + after, lose
        try:
            await FakeExecutor(journal).drive(handler(journal, found, f"life-{life}"))
        except Crash:
            continue
        waiting = [row for row in journal.rows.values() if row.run.state == "parked"]
        answered = [row for row in waiting if row.parking and row.parking.kind == "gate"]
        if not answered:
            return
        for row in answered:
            journal.answer(row.run.id, f"yes {row.parking.key}")
    raise AssertionError(f"{run} never ended")


def strip(value: Any) -> Any:
    """Times differ between two journals; everything else must not."""
    if isinstance(value, list):
        return [strip(item) for item in value if not (isinstance(item, str) and item.startswith("2026-"))]
    return value


@given(ops=program(), crashes=st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_workflows_with_random_crashes_equal_the_uncrashed_run(ops, crashes):
    async def story() -> None:
        calm, rough = FakeJournal(), FakeJournal()
        first, second = calm.start("program", {"ops": ops}), rough.start("program", {"ops": ops})
        rough._set(rough.rows[second], root=first)
        await to_the_end(calm, first, [])
        await to_the_end(rough, second, crashes)
        assert strip(calm.result(first)) == strip(rough.result(second))
        assert set(calm.entries[first]) == set(rough.entries[second])
        # once more, from the journal alone: no new entry, the same result
        rough.crash_after = None
        before = len(rough.entries[second])
        rough._set(rough.rows[second], state="ready")
        await FakeExecutor(rough).drive(handler(rough, catalog(), "again"))
        assert len(rough.entries[second]) == before
        assert strip(rough.result(second)) == strip(calm.result(first))

    asyncio.run(story())


async def a_then_b_then_gate() -> list[Any]:
    return [await do_step(1), await do_step(2), await do_gate(0), await do_step(3)]


async def parked() -> tuple[FakeJournal, Any]:
    journal = FakeJournal()
    run = journal.start("program", {})
    await FakeExecutor(journal).drive(handler(journal, catalog(a_then_b_then_gate), "old"))
    journal.answer(run, "yes")
    return journal, run


async def inserted() -> list[Any]:
    return [await do_step(9), await do_step(1), await do_step(2), await do_gate(0), await do_step(3)]


async def removed() -> list[Any]:
    return [await do_step(1), await do_gate(0), await do_step(3)]


async def reordered() -> list[Any]:
    return [await do_step(2), await do_step(1), await do_gate(0), await do_step(3)]


async def cut_short() -> list[Any]:
    return [await do_step(1)]


async def gathered() -> list[Any]:
    return [await do_gather([[("step", 1)]]), await do_step(2), await do_gate(0), await do_step(3)]


async def other_argument() -> list[Any]:
    async def body() -> int:
        return 2

    return [await e.step("step1", body, inputs=7), await do_step(2), await do_gate(0), await do_step(3)]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (inserted, "at '0' the journal holds step 'step1' but the code asks for step 'step9'"),
        (removed, "at '1' the journal holds step 'step2' but the code asks for gate 'gate'"),
        (reordered, "at '0' the journal holds step 'step1' but the code asks for step 'step2'"),
        (cut_short, "the end of the function"),
        (gathered, "at '0' the journal holds step 'step1' but the code asks for a gather"),
        (other_argument, "at '0' the journal holds step 'step1' with other arguments"),
    ],
)
async def test_an_edit_that_does_not_fit_blocks_before_anything_new_has_run(edit, words):
    journal, run = await parked()
    writes = len(journal.entries[run])
    await FakeExecutor(journal).drive(handler(journal, catalog(edit, "2"), "new"))
    assert journal.rows[run].run.state == "blocked"
    assert words in str(journal.rows[run].run.reason)
    assert len(journal.entries[run]) == writes


async def test_an_edit_after_the_wait_is_adopted_and_noted():
    async def longer() -> list[Any]:
        return [await do_step(1), await do_step(2), await do_gate(0), await do_step(4), await do_step(5)]

    journal, run = await parked()
    await FakeExecutor(journal).drive(handler(journal, catalog(longer, "2"), "new"))
    assert journal.result(run) == [2, 4, "yes", 8, 10]
    assert journal.rows[run].run.version == "2"
    assert [entry.kind for entry in journal.entries[run].values()].count("adopt") == 1


async def test_patched_keeps_old_runs_on_the_old_way_and_new_ones_on_the_new():
    async def patched_body() -> list[Any]:
        out = []
        if await e.patched("weigh-first"):
            out.append(await do_step(9))
        out += [await do_step(1), await do_step(2), await do_gate(0)]
        if await e.patched("after"):
            out.append(await do_step(8))
        return [*out, await do_step(3)]

    found = catalog(patched_body, "2")
    journal, old = await parked()
    new = journal.start("program", {}, version="2")
    await FakeExecutor(journal).drive(handler(journal, found, "new"))
    journal.answer(new, "yes")
    await FakeExecutor(journal).drive(handler(journal, found, "new"))
    assert journal.result(old) == [2, 4, "yes", 16, 6]
    assert journal.result(new) == [18, 2, 4, "yes", 16, 6]


async def test_a_second_step_beside_a_running_one_is_a_mistake_not_a_race():
    async def racing() -> Any:
        return await asyncio.gather(do_step(1), do_step(2))

    journal = FakeJournal()
    run = journal.start("program", {})
    await FakeExecutor(journal).drive(handler(journal, catalog(racing), "p"))
    assert journal.rows[run].run.state == "failed"
    assert "use gather()" in str(journal.rows[run].run.reason)


async def test_waiting_anywhere_but_at_the_top_level_is_refused():
    async def in_branch() -> Any:
        return await e.gather(do_gate(1))

    async def in_step() -> Any:
        async def body() -> Any:
            return await do_gate(1)

        return await e.step("s", body)

    for body in (in_branch, in_step):
        journal = FakeJournal()
        run = journal.start("program", {})
        await FakeExecutor(journal).drive(handler(journal, catalog(body), "p"))
        assert "top level" in str(journal.rows[run].run.reason)


async def test_a_segment_called_twice_at_once_is_fenced_and_recorded_once():
    bodies: list[int] = []

    async def slow() -> list[Any]:
        async def body() -> int:
            bodies.append(1)
            await asyncio.sleep(0.01)
            return 1

        return [await e.step("a", body), await e.step("b", body)]

    journal = FakeJournal()
    run = journal.start("program", {})
    found = catalog(slow)
    words = await asyncio.gather(*(handler(journal, found, f"p{i}")(run, 0) for i in range(3)))
    assert sorted(words) == ["done", "fenced", "fenced"]
    assert list(journal.entries[run]) == ["0", "1"]
    assert journal.result(run) == [1, 1]
