"""Owns one attempt: budget, permission, the provider's answer, its validation, its record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from pilothouse.kernel import Json, canonical, content_hash, new_id
from pilothouse.models.calling.attempt import Attempt, Ended
from pilothouse.models.calling.read import Read, read
from pilothouse.models.calling.render import rendered
from pilothouse.models.calling.spans import asked_attributes, tell_answer
from pilothouse.models.errors import (
    InvalidAnswerError,
    ModelDeniedError,
    ProviderError,
    ProviderLiedError,
)
from pilothouse.models.ports import Chunk, NativeChoice, Opened, OutboundCall, Outgoing, Replied
from pilothouse.models.prompts import Prompt
from pilothouse.models.provider import Place
from pilothouse.models.route import estimate
from pilothouse.models.types import Answer, Delta, Usage
from pilothouse.telemetry import span

if TYPE_CHECKING:
    from pilothouse.models.calling.run import Call
    from pilothouse.models.route import Candidate
    from pilothouse.models.types import ChatRequest

__all__ = ["Try"]

SHARE = 0.6
LEAST = 2.0
WHOLE_PROMPT = 2


class Try:
    """The attempts of one call at one provider: the first, and one repair."""

    def __init__(self, call: Call, candidate: Candidate, *, others: int) -> None:
        self._call = call
        self._candidate = candidate
        self._others = others
        self._messages, self._label, self._redactors = call.sent(candidate)
        request = replace(call.request, messages=self._messages)
        self._wire = rendered(request, call.asked, candidate.mode)
        self._text: list[str] = []
        self._natives: tuple[NativeChoice, ...] = ()
        self._usage: Usage | None = None
        self._reason = ""
        self._model = ""

    async def made(self) -> Answer:
        """Ask once."""
        self._call.engines.retries[self._candidate.provider.name].called()
        return await self._attempted(self._wire, repair=False)

    async def repaired(self, error: InvalidAnswerError) -> Answer:
        """Ask once more, with what was wrong."""
        said: list[dict[str, Json]] = [
            {"role": "assistant", "content": error.text[:20_000] or "(nothing)"},
            {"role": "user", "content": Prompt.REPAIR.render(why=error.message[:1000])},
        ]
        return await self._attempted([*self._wire, *said], repair=True)

    async def _attempted(self, wire: Sequence[dict[str, Json]], *, repair: bool) -> Answer:
        attempt = self._new(wire, repair=repair)
        call, name = self._call, attempt.provider.name
        with span("chat", kind="client", attributes=asked_attributes(attempt)) as spoken:
            await call.engines.keeper.open(attempt)
            breaker = call.engines.breakers[name]
            breaker.begin()
            try:
                answer = await self._sent(attempt, wire)
            except BaseException as error:
                await _shielded(call.engines.keeper.close(attempt, self._failed(error)))
                self._judge(error)
                raise
            breaker.succeeded()
            await _shielded(call.engines.keeper.close(attempt, self._fine(answer)))
            tell_answer(spoken, answer)
            return answer

    def _new(self, wire: Sequence[dict[str, Json]], *, repair: bool) -> Attempt:
        call, provider = self._call, self._candidate.provider
        call.number += 1
        self._text, self._natives, self._usage, self._reason, self._model = [], (), None, "", provider.model
        size = sum(len(str(one.get("content") or "").encode()) for one in wire)
        most = Usage(
            # Twice what it takes on average: a reservation must not be too small.
            prompt_tokens=WHOLE_PROMPT * estimate(size, len(wire)),
            output_tokens=call.request.limits.output_tokens,
            cpu_seconds=call.left if provider.price.cpu_second else 0.0,
        )
        whole = call.asked.whole
        return Attempt(
            id=new_id(),
            call=call.id,
            number=call.number,
            request=call.request,
            messages=self._messages,
            label=self._label,
            provider=provider,
            mode=self._candidate.mode,
            route=call.route.version,
            request_hash=call.hash,
            schema_hash="" if whole is None else content_hash(whole),
            estimate=most,
            cost=provider.price.cost(most),
            seconds=max(0.0, call.left),
            dropped=dict(call.against),
            redactors=self._redactors,
            repair=repair,
        )

    async def _sent(self, attempt: Attempt, wire: Sequence[dict[str, Json]]) -> Answer:
        engines, name = self._call.engines, attempt.provider.name
        backend = engines.backends[name]
        if name in engines.cut:
            raise ProviderError(
                f"provider {name!r} is cut off by a drill", code="models.cut_off", connected=False
            )
        place = await backend.locate()
        attempt.local = place.local
        if not place.local:
            await self._permitted(attempt, place, wire)
        seconds = self._patience()
        try:
            async with asyncio.timeout(seconds), engines.lanes[name]:
                await self._received(
                    backend.send(self._outgoing(attempt, wire), at=place, seconds=seconds), attempt
                )
        except TimeoutError as error:
            raise ProviderError(
                f"provider {name!r} did not finish within {seconds:.1f} s", code="models.timeout"
            ) from error
        return self._answer(attempt)

    async def _permitted(self, attempt: Attempt, place: Place, wire: Sequence[dict[str, Json]]) -> None:
        """Ask the door; what leaves is judged by what is sent, and noted whatever the answer is."""
        engines, request = self._call.engines, self._call.request
        if engines.egress is None or engines.offline:
            why = engines.offline or "no way out is bound here"
            raise ModelDeniedError(
                f"provider {attempt.provider.name!r} is outside and nothing may leave: {why}",
                code="models.offline" if engines.offline else "models.outside",
                reasons=("models.offline",),
            )
        body = canonical(list(wire))
        permit = await engines.egress.permit(
            OutboundCall(
                attempt=str(attempt.id),
                provider=attempt.provider,
                place=place,
                principal=request.principal,
                caller=request.caller,
                run=request.run,
                task=request.task,
                label=self._label,
                content=content_hash(list(wire)),
                bytes=len(body),
                redactors=self._redactors,
            )
        )
        attempt.effect = permit.effect

    def _patience(self) -> float:
        """Return how long to wait for this one: not all there is while others could still answer."""
        left, provider = self._call.left, self._candidate.provider
        mine = left if self._others == 0 else max(LEAST, left * SHARE)
        return max(0.05, min(left, mine, provider.timeout if self._call.tell is None else left))

    def _outgoing(self, attempt: Attempt, wire: Sequence[dict[str, Json]]) -> Outgoing:
        request, asked = self._call.request, self._call.asked
        native = self._candidate.mode == "native"
        return Outgoing(
            messages=wire,
            output_tokens=request.limits.output_tokens,
            temperature=request.temperature,
            seed=request.seed,
            attempt=str(attempt.id),
            caller=_caller(request),
            schema=cast("Any", asked.whole) if self._candidate.mode == "schema" else None,
            tools=_native_tools(self._call) if native else (),
            stream=self._call.tell is not None,
        )

    async def _received(self, events: Any, attempt: Attempt) -> None:
        engines = self._call.engines
        task = cast("asyncio.Task[object]", asyncio.current_task())
        if not attempt.local:
            engines.leaving.add(task)
        try:
            async with aclosing(events):
                async for one in events:
                    await self._take(one, attempt)
        except asyncio.CancelledError:
            if not attempt.local and engines.offline:
                task.uncancel()
                raise ModelDeniedError(
                    f"provider {attempt.provider.name!r}: cut off while it answered: {engines.offline}",
                    code="models.offline",
                    reasons=("models.offline",),
                ) from None
            raise
        finally:
            engines.leaving.discard(task)

    async def _take(self, one: Opened | Chunk | Replied, attempt: Attempt) -> None:
        call = self._call
        if isinstance(one, Chunk):
            if attempt.first is None:
                attempt.first = attempt.took()
            self._text.append(one.text)
            if call.tell is not None:
                await call.tell(Delta(text=one.text))
        elif isinstance(one, Opened):
            await call.begin(attempt.provider)
        else:
            self._usage, self._reason, self._natives = one.usage, one.reason, one.choices
            self._model = one.model or self._model
            self._same(one.model)

    def _same(self, model: str) -> None:
        provider = self._candidate.provider
        asked, said = provider.model.casefold(), model.casefold()
        if provider.same_model and said and not (said.startswith(asked) or asked.endswith(said)):
            raise ProviderLiedError(
                f"provider {provider.name!r} was asked for {provider.model!r} and answered as {model!r}; "
                "its abilities are void, run `pilothouse models check`"
            )

    def _answer(self, attempt: Attempt) -> Answer:
        call = self._call
        found = read(
            "".join(self._text), self._natives, asked=call.asked, mode=self._candidate.mode,
            reason=self._reason, attempt=str(attempt.id),
        )  # fmt: skip
        if self._redactors:
            found = self._restored(found)
        degraded = call.degraded(attempt.provider.name)
        if self._reason == "length" and self._candidate.mode == "words":
            degraded = "; ".join(filter(None, [degraded, "cut at the limit of output tokens"]))
        return Answer(
            text=found.text,
            value=found.value,
            choices=found.choices,
            label=call.label,
            provider=attempt.provider.name,
            model=self._model,
            call=str(attempt.id),
            usage=self._used(),
            degraded=degraded,
        )

    def _restored(self, found: Read) -> Read:
        from pilothouse.models.privacy.redact import restored

        return restored(found, self._call.request.messages, self._call.engines.redactors, self._redactors)

    def _used(self) -> Usage:
        """Return what was used: as the provider says, else as the texts tell."""
        price = self._candidate.provider.price
        used = self._usage
        if used is None or not (used.prompt_tokens or used.output_tokens):
            size = sum(len(str(one.get("content") or "").encode()) for one in self._wire)
            used = Usage(
                prompt_tokens=estimate(size, len(self._wire)),
                output_tokens=estimate(len("".join(self._text).encode()), 0),
                cpu_seconds=used.cpu_seconds if used else 0.0,
            )
        return replace(used, cost=price.cost(used))

    def _fine(self, answer: Answer) -> Ended:
        return Ended(outcome="ok", usage=answer.usage, answer=answer, model=answer.model)

    def _failed(self, error: BaseException) -> Ended:
        reached = bool(self._text) or self._usage is not None
        usage = self._used() if reached else Usage()
        code = str(getattr(error, "code", "")) or type(error).__name__
        why = str(getattr(error, "message", ""))[:500]
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            return Ended(outcome="cancelled", usage=usage, code="models.cancelled", raw="".join(self._text))
        if isinstance(error, InvalidAnswerError):
            return Ended(
                outcome="invalid", usage=usage, code=code, why=why, raw=error.text or "".join(self._text)
            )
        outcome = "failed" if isinstance(error, ProviderError | ProviderLiedError) else "refused"
        return Ended(outcome=outcome, usage=usage, code=code, why=why, raw="".join(self._text))

    def _judge(self, error: BaseException) -> None:
        """Tell the breaker what an end says of the provider; a caller that left says nothing."""
        engines, name = self._call.engines, self._candidate.provider.name
        breaker = engines.breakers[name]
        if isinstance(error, ProviderError):
            breaker.failed(error.code, connected=error.connected, retry_after=error.retry_after)
        elif isinstance(error, ProviderLiedError):
            engines.lied.add(name)
            breaker.left()
        elif isinstance(error, InvalidAnswerError):
            breaker.succeeded()
        else:
            breaker.left()


async def _shielded(work: Any) -> None:
    """Store an end although the caller is gone."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _caller(request: ChatRequest) -> str:
    """Return who takes turns with whom before a local model: a principal's agents do not share one turn."""
    agent = request.principal.agent
    return f"{request.principal.id}/{request.caller if agent is None else agent.id}"


def _native_tools(call: Call) -> list[dict[str, Json]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": cast("Json", dict(call.asked.tools[tool.name])),
            },
        }
        for tool in call.request.tools
    ]
