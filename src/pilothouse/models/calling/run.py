"""Owns one call from its route to its answer: candidates in order, fail-over, rounds, the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.kernel import Json, new_id
from pilothouse.labels import Label
from pilothouse.models.breaker import Breaker, RetryBudget
from pilothouse.models.calling.attempt import Keeper
from pilothouse.models.calling.ending import nothing_left
from pilothouse.models.calling.render import check_labels
from pilothouse.models.calling.trying import Try
from pilothouse.models.errors import InvalidAnswerError, ProviderError, ProviderLiedError
from pilothouse.models.ports import Backend, Egress
from pilothouse.models.privacy.redact import Redactor
from pilothouse.models.provider import Provider, Route
from pilothouse.models.route import Candidate, Drop, choose
from pilothouse.models.schema.hold import Bounds
from pilothouse.models.schema.union import Asked, asked
from pilothouse.models.types import Answer, ChatEvent, ChatRequest, Message, Started

if TYPE_CHECKING:
    from pilothouse.models.settings import ModelsSettings

__all__ = ["Call", "Engines"]

Tell = Callable[[ChatEvent], Awaitable[None]]
PROMPT = 0.01
MENDABLE = (ProviderError, InvalidAnswerError, ProviderLiedError)


@dataclass(kw_only=True)
class Engines:
    """What all calls of one gateway share.

    Attributes:
        lied: Providers that answered as another model; left out until they are checked again.
        cut: Providers that a drill has cut off.
        offline: Says why nothing may leave; empty if it may.
    """

    backends: Mapping[str, Backend]
    settings: ModelsSettings
    keeper: Keeper
    egress: Egress | None
    redactors: Mapping[str, Redactor]
    breakers: dict[str, Breaker]
    retries: dict[str, RetryBudget]
    lanes: dict[str, asyncio.Semaphore]
    lied: set[str] = field(default_factory=set[str])
    cut: set[str] = field(default_factory=set[str])
    offline: str = ""
    leaving: set[asyncio.Task[object]] = field(default_factory=set["asyncio.Task[object]"])

    @property
    def providers(self) -> dict[str, Provider]:
        """The declared providers by name."""
        return {name: backend.provider for name, backend in self.backends.items()}

    @property
    def bounds(self) -> Bounds:
        """The bounds of structured answers."""
        chosen = self.settings
        return Bounds(text=chosen.max_text, items=chosen.max_items, depth=chosen.max_depth)


class Call:
    """One call: made once for a request, and asked for its answer."""

    def __init__(self, engines: Engines, route: Route, request: ChatRequest, tell: Tell | None) -> None:
        self.engines = engines
        self.route = route
        self.request = request
        self.label: Label = check_labels(request)
        self.asked: Asked = asked(request.tools, request.schema, bounds=engines.bounds)
        self.id = request.call_id or str(new_id())
        self.hash = request_hash(request)
        self.tell = tell
        self.until = time.monotonic() + request.limits.seconds
        self.number = 0
        self.waited = 0.0
        self.started = ""
        self.against: dict[str, str] = {}

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.until - time.monotonic()

    async def answer(self) -> Answer:
        """Return the first valid answer.

        Raises:
            PilothouseError: See :class:`~pilothouse.models.gateway.Gateway`.
        """
        candidates, drops = self._chosen()
        self.against |= {drop.provider: drop.reason for drop in drops}
        waits: list[float] = []
        last: Exception | None = None
        number = 0
        while True:
            waits, failed = [], False
            for place, candidate in enumerate(candidates):
                drop = await self._against(candidate, again=number > 0)
                if drop is not None:
                    self.against.setdefault(drop.provider, drop.reason)
                    waits += [] if drop.wait is None else [drop.wait]
                    continue
                try:
                    return await self._tried(candidate, others=len(candidates) - place - 1)
                except MENDABLE as error:
                    last, failed = error, True
                    self.against[candidate.provider.name] = error.code
            number += failed
            if not await self._paused(number, waits, failed=failed):
                return await nothing_left(self, drops, waits, last)

    def _chosen(self) -> tuple[list[Candidate], list[Drop]]:
        size = sum(len(part.text.encode()) for one in self.request.messages for part in one.parts)
        return choose(
            self.route,
            self.request,
            self.engines.providers,
            label=self.label,
            prompt_bytes=size,
            today=datetime.now(UTC).date(),
        )

    async def _against(self, candidate: Candidate, *, again: bool) -> Drop | None:
        """Return what the moment has against a candidate; None if it may be tried."""
        name = candidate.provider.name
        if name in self.engines.lied:
            return Drop(provider=name, reason="wrong_model")
        wait = self.engines.breakers[name].closed_for()
        if wait > 0:
            return Drop(provider=name, reason="open", wait=wait)
        if again and not self.engines.retries[name].take():
            return Drop(provider=name, reason="retry_budget")
        return await self._kept_in(candidate)

    async def _kept_in(self, candidate: Candidate) -> Drop | None:
        """Return what is against a provider outside; a look at the label saves useless attempts."""
        provider = candidate.provider
        try:
            place = await self.engines.backends[provider.name].locate()
        except ProviderError as error:
            return Drop(provider=provider.name, reason=error.code, wait=1.0)
        if place.local:
            return None
        if self.engines.egress is None:
            return Drop(provider=provider.name, reason="outside")
        if self.engines.offline:
            return Drop(provider=provider.name, reason="offline")
        readers = self.sent(candidate)[1].readers
        if not all(provider.satisfies(acl) for acl in readers):
            return Drop(provider=provider.name, reason="label")
        return None

    def sent(self, candidate: Candidate) -> tuple[tuple[Message, ...], Label, tuple[str, ...]]:
        """Return the messages as this provider would get them, their label, and the redactors used."""
        provider, names = candidate.provider, self.route.redact
        if not names or all(provider.satisfies(acl) for acl in self.label.readers):
            return self.request.messages, self.label, ()
        from pilothouse.models.privacy.redact import redacted

        found = redacted(self.request.messages, [self.engines.redactors[name] for name in names])
        return found.messages, found.label, names

    async def _tried(self, candidate: Candidate, *, others: int) -> Answer:
        """Try one provider, with one repair of an answer that does not fit."""
        attempt = Try(self, candidate, others=others)
        try:
            return await attempt.made()
        except InvalidAnswerError as error:
            if self.left <= 0:
                raise
            return await attempt.repaired(error)

    async def _paused(self, number: int, waits: list[float], *, failed: bool) -> bool:
        """Sleep before another round; False if there is no sense in one.

        Retries are counted, and paused for by chance. Beyond them a call waits for whoever is to be left
        alone for a moment: one provider just died and the other has only now come back.
        """
        settings = self.engines.settings
        pause = random.uniform(0, min(settings.backoff_longest, settings.backoff_first * 2 ** (number - 1)))  # noqa: S311
        if not failed or number >= settings.rounds:
            if not waits or self.route.template:
                return False
            pause = min(waits) + PROMPT
            self.waited += pause
            if self.waited > settings.patience:
                return False
        if pause >= self.left:
            return False
        await asyncio.sleep(pause)
        return True

    async def begin(self, provider: Provider) -> None:
        """Tell who answers, or that all said so far is void."""
        if self.tell is None:
            return
        from pilothouse.models.types import Restarted

        if self.started:
            reason = self.against.get(self.started, "") or "models.invalid"
            await self.tell(Restarted(provider=provider.name, reason=reason))
        else:
            await self.tell(Started(provider=provider.name, model=provider.model, label=self.label))
        self.started = provider.name

    def degraded(self, provider: str) -> str:
        """Return why this is not the route's first choice; empty when it is."""
        if provider == self.route.use[0]:
            return ""
        before = self.route.use[: self.route.use.index(provider)]
        return "; ".join(f"{name}: {self.against.get(name, 'failed')}" for name in before)


def request_hash(request: ChatRequest) -> str:
    """Return the hash of what is asked: who asks, and for which run, is no part of it."""
    asked: dict[str, Json] = {
        "task": request.task,
        "messages": [_worded(message) for message in request.messages],
        "tools": [[tool.name, tool.description, dict(tool.parameters)] for tool in request.tools],
        "schema": None if request.schema is None else dict(request.schema),
        "output": request.limits.output_tokens,
        "sampling": [request.temperature, request.seed],
    }
    # Sorted and compact, but not RFC 8785: only this program compares it, and conversations are long.
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _worded(message: Message) -> Json:
    return [
        message.role,
        [part.text for part in message.parts],
        [[one.id, one.tool, one.arguments] for one in message.choices],
        message.answers,
    ]
