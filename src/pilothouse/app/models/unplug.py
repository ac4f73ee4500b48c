"""Owns the drill that pulls each provider in turn during live runs, and counts what became of the runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.engine import Retry, current_run
from pilothouse.kernel import DataError, UnavailableError, UsageError, new_id
from pilothouse.labels import signed
from pilothouse.workflows import sleep, step, workflow

if TYPE_CHECKING:
    from pilothouse.app.studio import Studio
    from pilothouse.models import Gateway

__all__ = ["Pulled", "unplug"]

TURNS = 12
PAUSE = 0.5
PATIENCE = 60.0
TRIES = 600
LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one provider's absence did.

    Attributes:
        task: The route.
        provider: Who was pulled; ``*`` is all at once.
        runs: How many were live.
        went_on: Runs that ended on first choices only while it was gone.
        degraded: Runs that ended, some answers from another provider or a template.
        waited: Runs that waited, with the reason they gave; they ended once it was back.
        failed: Runs that ended in an error.
        lost: Runs that neither ended nor say why they wait.
        reasons: What the answers and waits said.
    """

    task: str
    provider: str
    runs: int
    went_on: int = 0
    degraded: int = 0
    waited: int = 0
    failed: int = 0
    lost: int = 0
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Rig:
    """What the runs of a drill use; one drill at a time in one process."""

    gateway: Gateway
    task: str
    asked: dict[str, int] = field(default_factory=dict[str, int])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    degraded: dict[str, str] = field(default_factory=dict[str, str])
    waited: dict[str, str] = field(default_factory=dict[str, str])


_rigs: list[_Rig] = []


@step(name="drill.ask", retry=Retry(tries=1))
async def ask(turn: int, again: int) -> dict[str, str]:
    """Ask the route under test; that nobody answers is an answer too, and recorded."""
    from pilothouse.models import ChatRequest, Limits, Message, Part

    rig, run = _rigs[-1], current_run()
    said = Part(text=f"Say OK. ({turn})", label=signed("drill", "unplug"))
    request = ChatRequest(
        task=rig.task,
        messages=(Message(role="user", parts=(said,)),),
        principal=run.principal,
        caller="drill.unplug",
        run=str(run.id),
        call_id=f"{run.id}:{turn}:{again}",
        limits=Limits(output_tokens=16, seconds=20.0),
    )
    name = str(run.id)
    try:
        answer = await rig.gateway.chat(request)
    except UnavailableError as error:
        rig.waiting[name] = rig.waited[name] = error.message
        return {"state": "waiting", "why": error.message}
    rig.waiting.pop(name, None)
    rig.asked[name] = rig.asked.get(name, 0) + 1
    if answer.degraded:
        rig.degraded[name] = answer.degraded
    return {"state": "degraded" if answer.degraded else "answered", "why": answer.degraded}


@workflow(name="drill.unplug")
async def unplugged(turns: int) -> list[str]:
    """Ask some times; while nobody answers, wait and say so."""
    states: list[str] = []
    for turn in range(turns):
        answer = await ask(turn, 0)
        again = 0
        while answer["state"] == "waiting" and again < TRIES:
            await sleep(timedelta(seconds=PAUSE))
            again += 1
            answer = await ask(turn, again)
        states.append(answer["state"])
        await sleep(timedelta(seconds=PAUSE / 2))
    return states


async def unplug(
    studio: Studio, *, runs: int = 6, task: str | None = None, told: Callable[[Pulled], None] | None = None
) -> tuple[Pulled, ...]:
    """Pull each provider of the project's routes in turn, then all at once, while runs are live.

    Without routes, two scripted servers of this process stand in, and their sockets are really closed. The
    project's own providers are cut off inside this process: nothing is done to them.

    Args:
        studio: Opened to work.
        runs: Live runs at each pull.
        task: Only this route.
        told: Is told each result as it comes.

    Raises:
        UsageError: ``models.no_route``.
        DataError: ``models.drill``: the route does not answer even with everything plugged in.
    """
    if task is not None and task not in studio.models.routes:
        raise UsageError(
            f"there is no route {task!r}; see `pilothouse models routes`", code="models.no_route"
        )
    results: list[Pulled] = []
    if not studio.models.routes:
        async with _standing_in(studio) as (gateway, pulls):
            await _route(studio, gateway, "drill", pulls, runs, results, told)
        return tuple(results)
    for name, route in studio.models.routes.items():
        if task in (None, name) and route.use:
            pulls = {one: _in_process(studio.models, one) for one in route.use}
            await _route(studio, studio.models, name, pulls, runs, results, told)
    return tuple(results)


Pull = tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]


def _in_process(gateway: Gateway, name: str) -> Pull:
    async def pull() -> None:
        gateway.cut(name)

    async def mend() -> None:
        gateway.mend(name)

    return pull, mend


@contextlib.asynccontextmanager
async def _standing_in(studio: Studio) -> AsyncGenerator[tuple[Gateway, dict[str, Pull]]]:
    from pilothouse.models import Gateway, OpenAIBackend, PostgresKeeper, Route
    from pilothouse.models.testing import ScriptedServer, provider_of, scripted_server

    async with scripted_server("OK", model="stand-in") as one, scripted_server("OK", model="stand-in") as two:
        servers = {"one": one, "two": two}
        gateway = Gateway(
            [OpenAIBackend(provider_of(server, name)) for name, server in servers.items()],
            [Route(task="drill", use=("one", "two"))],
            keeper=PostgresKeeper(studio.database),
        )

        def pulls(name: str, server: ScriptedServer) -> Pull:
            async def mend() -> None:
                await server.start()
                gateway.mend(name)

            return server.kill, mend

        try:
            yield gateway, {name: pulls(name, server) for name, server in servers.items()}
        finally:
            await gateway.close()


async def _route(
    studio: Studio,
    gateway: Gateway,
    task: str,
    pulls: dict[str, Pull],
    runs: int,
    results: list[Pulled],
    told: Callable[[Pulled], None] | None,
) -> None:
    rig = _Rig(gateway=gateway, task=task)
    _rigs.append(rig)
    try:
        for name in [*pulls, "*"]:
            chosen = list(pulls) if name == "*" else [name]
            found = await _pulled(studio, rig, name, [pulls[one] for one in chosen], runs)
            results.append(found)
            if told is not None:
                told(found)
    finally:
        _rigs.remove(rig)


async def _pulled(studio: Studio, rig: _Rig, name: str, pulls: list[Pull], runs: int) -> Pulled:
    """Start runs, pull in the middle, look, put back, and look again."""
    since = time.monotonic()
    started = [await _started(studio) for _ in range(runs)]
    if not await _until(lambda: all(rig.asked.get(str(run)) for run in started), PATIENCE):
        said = "; ".join(dict.fromkeys(rig.waiting.values())) or "no answer"
        for run in started:
            await studio.engine.cancel(run, reason="the drill could not begin")
        raise DataError(
            f"route {rig.task!r} does not answer even with everything plugged in: {said}", code="models.drill"
        )
    for pull, _ in pulls:
        await pull()
    await _until_settled(studio, rig, started)
    gone = {str(run): await _state(studio, rig, run) for run in started}
    for _, mend in pulls:
        await mend()
    await _until_settled(studio, rig, started, waiting_counts=False)
    ends = {str(run): await _state(studio, rig, run) for run in started}
    return _counted(rig, name, gone, ends, time.monotonic() - since)


async def _started(studio: Studio) -> UUID:
    args, key = {"turns": TURNS}, f"drill:{new_id()}"
    return (await studio.engine.start("drill.unplug", args, key=key, principal=studio.principal)).id


def _counted(rig: _Rig, name: str, gone: dict[str, str], ends: dict[str, str], seconds: float) -> Pulled:
    def many(state: str) -> int:
        return sum(gone[run] == state and ends[run] == "done" for run in gone)

    degraded = sum(gone[run] == ends[run] == "done" and run in rig.degraded for run in gone)
    failed = sum(state == "failed" for state in ends.values())
    waited = many("waiting")
    went_on = many("done") - degraded
    reasons = [rig.degraded[run] for run in gone if run in rig.degraded]
    reasons += [why for run, why in rig.waited.items() if run in gone]
    return Pulled(
        task=rig.task,
        provider=name,
        runs=len(gone),
        went_on=went_on,
        degraded=degraded,
        waited=waited,
        failed=failed,
        lost=len(gone) - went_on - degraded - waited - failed,
        seconds=round(seconds, 1),
        reasons=tuple(dict.fromkeys(reasons))[:4],
    )


async def _state(studio: Studio, rig: _Rig, run: UUID) -> str:
    """Return ``done``, ``failed``, ``waiting`` with a reason that it gave, or ``silent``."""
    state = (await studio.engine.get(run)).state
    if state == "done":
        return "done"
    if state in ("failed", "blocked", "cancelled"):
        return "failed"
    return "waiting" if str(run) in rig.waiting else "silent"


async def _until_settled(studio: Studio, rig: _Rig, runs: list[UUID], *, waiting_counts: bool = True) -> None:
    until = time.monotonic() + PATIENCE
    settled = {"done", "failed", "waiting"} if waiting_counts else {"done", "failed"}
    while time.monotonic() < until:
        states: list[Any] = [await _state(studio, rig, run) for run in runs]
        if all(state in settled for state in states):
            return
        await asyncio.sleep(LOOK)


async def _until(holds: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        await asyncio.sleep(LOOK)
    return holds()
