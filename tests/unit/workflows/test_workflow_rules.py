"""The rules of a workflow's source: each refusal names the line and what to do instead."""

from __future__ import annotations

import asyncio
import datetime as datetime_module
import os
import random as random_module
import time
import uuid
from datetime import datetime, timedelta

import pytest

from pilothouse import child, decide, gather, now, perform, sleep, step, wait_for, workflow
from pilothouse.engine import Catalog
from pilothouse.kernel import UsageError
from pilothouse.workflows import broken_rules
from pilothouse.workflows.rules import source_hash

CATALOG = Catalog()


@step
async def look(n: int) -> int:
    return n


@workflow(catalog=CATALOG)
async def small(n: int) -> int:
    return await look(n)


def line_of(function, text: str) -> int:
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


def only(function) -> tuple[int, str]:
    (found,) = broken_rules(function)
    return found.line, found.text


async def reads_clock():
    return datetime.now()


async def reads_clock_by_module():
    return datetime_module.datetime.now()


async def measures():
    return time.time()


async def rolls():
    return random_module.randint(1, 6)


async def names():
    return uuid.uuid4()


async def environment():
    return os.environ["HOME"]


async def reads_file():
    return open("x").read()  # noqa: ASYNC230, PTH123


async def races():
    return await asyncio.gather(look(1), look(2))


async def spawns():
    return await asyncio.create_task(look(1))


@pytest.mark.parametrize(
    ("function", "text", "advice"),
    [
        (reads_clock, "datetime.now", "now()"),
        (measures, "time.time", "now()"),
        (names, "uuid4", "new_id()"),
        (environment, "os.environ", "an argument or a step"),
        (reads_file, "open(", "a step"),
        (races, "asyncio.gather", "use gather()"),
        (spawns, "create_task", "use gather()"),
    ],
)
def test_what_differs_at_every_replay_is_named_with_its_line(function, text, advice):
    line, words = only(function)
    assert line == line_of(function, text)
    assert advice in words


def test_modules_of_chance_and_time_are_refused_under_their_own_names_only():
    import random

    async def chance():
        return random.random()

    assert "use random()" in only(chance)[1]
    assert broken_rules(rolls) == []  # an alias is beyond what the source shows; the record still decides


async def in_try():
    try:
        return await decide("x")
    finally:
        pass


async def in_with():
    with open_nothing():
        await wait_for("x")


async def in_comprehension():
    return [await child(small, n) for n in range(3)]


async def in_nested():
    async def inner():
        return await decide("x")

    return await inner()


async def in_gather():
    return await gather(decide("x"))


async def perform_in_gather():
    return await gather(perform(None))


async def long_sleep_in_try():
    try:
        await sleep(timedelta(hours=1))
    except ValueError:
        return


def open_nothing():
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "text", "place"),
    [
        (in_try, "decide", "try"),
        (in_with, "wait_for", "with"),
        (in_comprehension, "child", "a comprehension"),
        (in_nested, "decide", "a nested function"),
        (in_gather, "decide", "a gather branch"),
        (perform_in_gather, "(perform(", "a gather branch"),
        (long_sleep_in_try, "sleep(", "try"),
    ],
)
def test_what_leaves_the_function_stands_at_its_top_level(function, text, place):
    found = [item for item in broken_rules(function) if place in item.text]
    assert [item.line for item in found] == [line_of(function, text)]


async def allowed(n: int):
    for i in range(n):
        if i % 2:
            answer = await decide("x")
            while not answer.approved:
                answer = await decide("again")
            try:
                await perform(None, answer)
            except Exception:
                continue
    match n:
        case 1:
            await wait_for("x")
    squares = await gather(*(child(small, i) for i in range(3)))
    await sleep(timedelta(seconds=2))
    return [now(), *squares, *[i * i for i in range(3)], await gather(look(1), look(2))]


def test_loops_branches_matches_and_gathered_children_are_fine():
    assert broken_rules(allowed) == []


def test_registering_names_file_and_line():
    with pytest.raises(UsageError) as caught:

        @workflow(catalog=CATALOG)
        async def wrong() -> None:
            time.sleep(1)  # noqa: ASYNC251

    assert caught.value.code == "workflows.rules"
    assert "test_workflow_rules.py:" in str(caught.value)
    assert "use sleep()" in str(caught.value)


def test_a_workflow_must_be_async():
    with pytest.raises(UsageError, match="async def"):

        @workflow(catalog=CATALOG)
        def plain() -> None:
            return None


def test_the_version_follows_the_code_and_not_the_comments():
    def make(text: str):
        import linecache

        name = f"<made {hash(text)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        scope: dict[str, object] = {}
        exec(compile(text, name, "exec"), scope)
        return source_hash(scope["f"])

    plain = make("async def f(n):\n    return n + 1\n")
    commented = make('async def f(n):\n    """What it does."""\n    # why\n    return n + 1\n')
    changed = make("async def f(n):\n    return n + 2\n")
    defaults = make("async def f(n=1):\n    return n + 1\n")
    assert plain == commented
    assert len({plain, changed, defaults}) == 3


async def test_a_step_outside_of_a_run_is_just_a_function():
    @step
    def blocking(n: int) -> int:
        return n + 1

    assert await look(3) == 3
    assert await blocking(3) == 4
