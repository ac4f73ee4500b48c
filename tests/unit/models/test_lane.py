"""The queue before a native runtime: one at a time, callers in turn, nothing lost when somebody gives up."""

from __future__ import annotations

import asyncio
import random

import pytest

from pilothouse.models.runtime import Lane


async def _served(lane: Lane, order: list[str], name: str, caller: str) -> None:
    async with lane.turn(caller):
        order.append(name)
        await asyncio.sleep(0)


async def test_a_caller_with_many_calls_delays_another_by_one() -> None:
    lane, order = Lane(), list[str]()
    async with lane.turn("first"):
        many = [asyncio.create_task(_served(lane, order, f"greedy{n}", "greedy")) for n in range(5)]
        await asyncio.sleep(0)
        one = asyncio.create_task(_served(lane, order, "modest", "modest"))
        await asyncio.sleep(0)
        assert lane.waiting == 6
    await asyncio.gather(*many, one)
    assert order.index("modest") == 1
    assert [name for name in order if name != "modest"] == [f"greedy{n}" for n in range(5)]


async def test_a_waiting_call_that_gives_up_leaves_no_gap() -> None:
    lane, order = Lane(), list[str]()
    async with lane.turn():
        quitter = asyncio.create_task(_served(lane, order, "quitter", "a"))
        patient = asyncio.create_task(_served(lane, order, "patient", "a"))
        await asyncio.sleep(0)
        quitter.cancel()
        await asyncio.sleep(0)
        assert lane.waiting == 1
    await patient
    assert order == ["patient"]
    assert quitter.cancelled()


async def test_a_turn_that_comes_with_the_cancellation_is_passed_on() -> None:
    lane, order = Lane(), list[str]()
    await lane.enter()
    unlucky = asyncio.create_task(_served(lane, order, "unlucky", "a"))
    next_one = asyncio.create_task(_served(lane, order, "next", "b"))
    await asyncio.sleep(0)
    lane.leave()  # gives the turn to `unlucky`, which is cancelled before it can take it
    unlucky.cancel()
    await asyncio.wait_for(next_one, 5)
    assert order == ["next"]


@pytest.mark.parametrize("seed", range(20))
async def test_never_two_at_once_and_nobody_is_forgotten(seed: int) -> None:
    lane, lot, inside, served = Lane(), random.Random(seed), list[int](), list[int]()

    async def call(number: int) -> None:
        async with lane.turn(f"caller {number % 4}"):
            inside.append(number)
            assert len(inside) == 1
            for _ in range(lot.randrange(3)):
                await asyncio.sleep(0)
            inside.remove(number)
            served.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(40)]
    cancelled: set[int] = set()
    for _ in range(30):
        await asyncio.sleep(0)
        victim = lot.randrange(40)
        if not tasks[victim].done():
            tasks[victim].cancel()
            cancelled.add(victim)
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert lane.waiting == 0
    assert {n for n in range(40) if n not in cancelled} <= set(served) | set(inside)
    await asyncio.wait_for(lane.enter(), 5)  # the turn is free again
