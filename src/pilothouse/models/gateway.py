"""Owns the one door to models: routes, fail-over, budgets, records, and what may leave, for every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pilothouse.kernel import content_hash, new_id
from pilothouse.models.breaker import Breaker, BreakerState, RetryBudget
from pilothouse.models.calling.attempt import Keeper, NoKeeper
from pilothouse.models.calling.run import Call, Engines
from pilothouse.models.errors import ModelDeniedError, ModelUsageError, ReplayMissError
from pilothouse.models.ports import Backend, Egress, OutboundCall
from pilothouse.models.privacy.redact import Redactor
from pilothouse.models.provider import Provider, Route
from pilothouse.models.route import route_for
from pilothouse.models.types import Answer, ChatEvent, ChatRequest, Delta, Finished, Started

if TYPE_CHECKING:
    from pilothouse.kernel import Principal
    from pilothouse.labels import Label
    from pilothouse.models.settings import ModelsSettings

__all__ = ["Gateway", "Health", "Replay"]

Replay = Literal["off", "recorded"]
LANE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a provider does, as this process sees it.

    Attributes:
        state: Of its breaker, or ``lied``, or ``cut``.
        wait: Seconds until it is tried again.
        reason: Its last failure.
    """

    provider: str
    state: str
    wait: float = 0.0
    reason: str = ""


class Gateway:
    """Answers a request through the route of its task.

    Args:
        backends: The endpoints.
        routes: Which of them serve which task.
        keeper: Keeps calls and budgets; without one nothing is kept and nothing is limited.
        egress: The way out; without one only local endpoints are used.
        redactors: Registered redactors, by name in ``Route.redact``.
        settings: Patience and bounds.
        tell: Is told the new state of a provider's breaker.
        replay: ``recorded`` answers from the record alone and opens no socket.

    Raises:
        ModelUsageError: ``models.route``: a route names a redactor that is not registered.
    """

    def __init__(
        self,
        backends: Iterable[Backend],
        routes: Iterable[Route],
        *,
        keeper: Keeper | None = None,
        egress: Egress | None = None,
        redactors: Iterable[Redactor] = (),
        settings: ModelsSettings | None = None,
        tell: Callable[[str, BreakerState, str], None] | None = None,
        replay: Replay = "off",
    ) -> None:
        from pilothouse.models.settings import ModelsSettings

        chosen = settings or ModelsSettings()
        named = {backend.provider.name: backend for backend in backends}
        self._tell = tell
        self._replay: Replay = replay
        self._routes = {route.task: route for route in routes}
        self._engines = Engines(
            backends=named,
            settings=chosen,
            keeper=keeper or NoKeeper(),
            egress=egress,
            redactors={one.name: one for one in redactors},
            breakers={name: self._breaker(name) for name in named},
            retries={name: RetryBudget(chosen.retry_share) for name in named},
            lanes={name: asyncio.Semaphore(one.provider.concurrency or LANE) for name, one in named.items()},
        )
        _check(self._routes.values(), self._engines.redactors)

    @property
    def routes(self) -> Mapping[str, Route]:
        """The routes by task."""
        return dict(self._routes)

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers by name."""
        return self._engines.providers

    async def chat(self, request: ChatRequest) -> Answer:
        """Return the answer, when it is there as a whole.

        Raises:
            BudgetError: ``models.budget``: a budget is used up; names its scope.
            ContextError: ``models.context``: too long for every provider.
            InvalidAnswerError: ``models.invalid``: not what was asked for, after one repair.
            DeniedError: ``models.denied``, ``models.refused``, or what the door said.
            ModelUsageError: ``models.no_route``, ``models.no_candidate``, ``models.schema``,
                ``models.rejected``.
            NoAnswerError: ``models.unavailable``: with ``retry_after``.
            ReplayMissError: ``models.replay_miss``: in a replay, something that was never recorded.
        """
        return await self._answered(self._call(request, None))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Yield ``Started``, pieces, at last ``Finished``; closing it stops the generation.

        A slow reader makes the provider wait. After ``Restarted`` all text so far is void.

        Raises:
            PilothouseError: As :meth:`chat`.
        """
        queue: asyncio.Queue[ChatEvent | None] = asyncio.Queue(self._engines.settings.queue)
        call = self._call(request, queue.put)
        work = asyncio.create_task(self._streamed(call, queue))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await work

    def health(self) -> tuple[Health, ...]:
        """Return how each provider does."""
        return tuple(self._health(name) for name in self._engines.backends)

    def cut(self, name: str) -> None:
        """Cut a provider off as if its cable were pulled: for drills."""
        self._known(name)
        self._engines.cut.add(name)

    def mend(self, name: str) -> None:
        """Put back what :meth:`cut` pulled, and forget what the breaker learned of it."""
        self._known(name)
        self._engines.cut.discard(name)
        self._engines.lied.discard(name)
        self._engines.breakers[name] = self._breaker(name)

    def go_offline(self, reason: str) -> int:
        """Let nothing leave this machine any more, and cut what is leaving; return how much that was."""
        self._engines.offline = reason or "offline"
        leaving = list(self._engines.leaving)
        for task in leaving:
            task.cancel()
        return len(leaving)

    def go_online(self) -> None:
        """Let calls leave again, each through the door."""
        self._engines.offline = ""

    @property
    def offline(self) -> str:
        """Why nothing may leave; empty if it may."""
        return self._engines.offline

    def backend(self, name: str) -> Backend:
        """Return an endpoint, for whoever measures it.

        Raises:
            ModelUsageError: ``models.no_provider``.
        """
        self._known(name)
        return self._engines.backends[name]

    async def let_out(self, name: str, *, principal: Principal, label: Label, task: str) -> None:
        """Ask the way out once for traffic that is no call, such as the contract suite's own words.

        Raises:
            DeniedError: As for :meth:`chat`; nothing is asked of a provider on this machine.
        """
        backend = self.backend(name)
        place = await backend.locate()
        if place.local:
            return
        if self._engines.egress is None or self._engines.offline:
            why = self._engines.offline or "no way out is bound"
            raise ModelDeniedError(
                f"provider {name!r} is outside and nothing may leave: {why}",
                code="models.offline",
                reasons=("models.offline",),
            )
        await self._engines.egress.permit(
            OutboundCall(
                attempt=str(new_id()),
                provider=backend.provider,
                place=place,
                principal=principal,
                caller="",
                run=None,
                task=task,
                label=label,
                content=content_hash(task),
                bytes=0,
            )
        )

    async def close(self) -> None:
        """Close every endpoint."""
        for backend in self._engines.backends.values():
            await backend.close()

    def _call(self, request: ChatRequest, tell: object) -> Call:
        route = route_for(self._routes, request.task)
        return Call(self._engines, route, request, cast("None", tell))

    async def _answered(self, call: Call) -> Answer:
        found = await self._found(call)
        return found if found is not None else await call.answer()

    async def _found(self, call: Call) -> Answer | None:
        """Return a recorded answer where a replay or the route says so."""
        keeper, request = self._engines.keeper, call.request
        if self._replay == "recorded":
            found = await keeper.recorded(request, call.hash)
            if found is None:
                raise ReplayMissError(
                    f"task {request.task!r}: no answer to request {call.hash[:16]!r} was recorded for "
                    f"{request.principal.id!r}; replay the run that was recorded, or fork it"
                )
            return found
        if call.route.cache_seconds > 0:
            return await keeper.recorded(request, call.hash, within=call.route.cache_seconds)
        return None

    async def _streamed(self, call: Call, queue: asyncio.Queue[ChatEvent | None]) -> None:
        try:
            found = await self._found(call)
            if found is not None:
                await queue.put(Started(provider=found.provider, model=found.model, label=found.label))
                if found.text:
                    await queue.put(Delta(text=found.text))
            await queue.put(Finished(answer=found or await call.answer()))
        except Exception:
            await queue.put(None)
            raise
        await queue.put(None)

    def _health(self, name: str) -> Health:
        breaker = self._engines.breakers[name]
        state = (
            "cut" if name in self._engines.cut else "lied" if name in self._engines.lied else breaker.state
        )
        return Health(provider=name, state=state, wait=breaker.closed_for(), reason=breaker.reason)

    def _breaker(self, name: str) -> Breaker:
        made = Breaker()

        def told(state: BreakerState) -> None:
            if self._tell is not None:
                self._tell(name, state, made.reason)

        made.listen(told)
        return made

    def _known(self, name: str) -> None:
        if name not in self._engines.backends:
            known = ", ".join(sorted(self._engines.backends)) or "none"
            raise ModelUsageError(
                f"there is no provider {name!r} (declared: {known})", code="models.no_provider"
            )


def _check(routes: Iterable[Route], redactors: Mapping[str, Redactor]) -> None:
    for route in routes:
        missing: Sequence[str] = [name for name in route.redact if name not in redactors]
        if missing:
            raise ModelUsageError(
                f"route {route.task!r}: there is no redactor {missing[0]!r}; add it to [models.redactors]",
                code="models.route",
            )
