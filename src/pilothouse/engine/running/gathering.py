"""Owns gather: branches that run together, each in a scope of its own, with the same keys at every replay."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

from pilothouse.engine.errors import error_text
from pilothouse.engine.ports import NewEntry
from pilothouse.engine.running.children import ChildCall, await_children
from pilothouse.engine.running.labelling import join_seen, label_from, label_text
from pilothouse.engine.running.scope import CURRENT, Scope, here
from pilothouse.engine.running.values import EMPTY_HASH, dump
from pilothouse.kernel import UsageError

__all__ = ["gather"]


async def gather(*branches: Awaitable[Any]) -> list[Any]:
    """Run ``branches`` together and return their results in order.

    Every branch is a scope; steps inside it are recorded one by one, and a branch of more than one
    step gets an entry of its own, so that a replay does not descend into it. All branches end
    before the first error (in order of the branches) is raised. Children are allowed only without
    other branches beside them.

    Raises:
        UsageError: ``engine.gather``: nothing to gather, or children mixed with other branches.
    """
    try:
        return await _gather(here("gather"), branches)
    finally:
        # Whatever was never started (an error before, a cancellation) must not be left hanging.
        _close(branches)


async def _gather(scope: Scope, branches: tuple[Awaitable[Any], ...]) -> list[Any]:
    if scope.kind == "step":
        raise UsageError("gather() stands in a workflow, not in a step", code="engine.gather")
    calls = [branch for branch in branches if isinstance(branch, ChildCall)]
    if calls:
        if len(calls) != len(branches):
            raise UsageError("gather children apart from other branches", code="engine.gather")
        return await await_children(scope, calls)
    key = scope.take("gather")
    try:
        return await _run_branches(scope, key, branches)
    finally:
        scope.free()


def _close(branches: tuple[Awaitable[Any], ...]) -> None:
    for branch in branches:
        if inspect.iscoroutine(branch):
            branch.close()


async def _run_branches(scope: Scope, key: str, branches: tuple[Awaitable[Any], ...]) -> list[Any]:
    # A recorded single entry at this key belongs to another call than a gather.
    scope.segment.scope_entry(key)
    inner = [
        Scope(scope.segment, kind="branch", path=f"{key}.{i}", last=scope.last) for i in range(len(branches))
    ]
    tasks = [
        asyncio.create_task(_branch(place, branch)) for place, branch in zip(inner, branches, strict=True)
    ]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for place in inner:
        if place.label is not None:
            scope.label = join_seen(scope.label, place.label)
    scope.last = max((place.last for place in inner), default=scope.last)
    _raise_first(scope, tasks)
    return [task.result() for task in tasks]


def _raise_first(scope: Scope, tasks: list[asyncio.Task[Any]]) -> None:
    errors = [None if task.cancelled() else task.exception() for task in tasks]
    scope.segment.check_live()
    for error in errors:
        if error is not None:
            raise error


async def _branch(place: Scope, branch: Awaitable[Any]) -> Any:
    entry = place.segment.scope_entry(place.path)
    if entry is not None:
        _close((branch,))
        place.last = entry.ended or place.last
        place.see(None if entry.label is None else label_from(entry.label))
        return await place.segment.value(entry)
    token = CURRENT.set(place)
    try:
        return await _live_branch(place, branch)
    finally:
        CURRENT.reset(token)


async def _live_branch(place: Scope, branch: Awaitable[Any]) -> Any:
    segment = place.segment
    try:
        result, error = await branch, None
    except Exception as raised:
        result, error = None, raised
    segment.check_live()
    # A branch of one entry replays as cheaply from that entry; a second record would only cost.
    if place.recorded > 1 and not segment.dry:
        entry = NewEntry(
            key=place.path, seq=segment.take_seq(), kind="scope", name="gather", input_hash=EMPTY_HASH,
            output=None if error else dump(result, path=f"branch {place.path}"),
            outcome="error" if error else "ok", error=error_text(error) if error else None,
            label=None if place.label is None else label_text(place.label),
        )  # fmt: skip
        written = await segment.record(entry)
        place.last = written.ended or place.last
        return await segment.value(written)
    if error is not None:
        raise error
    return result
