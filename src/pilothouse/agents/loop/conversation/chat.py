"""Owns one call of a model for an agent: the request with its limits, its span, the answer as stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pilothouse.agents.loop.steps import Steps
from pilothouse.kernel import Json, Principal, UnavailableError
from pilothouse.labels import Label, condensed_label
from pilothouse.models import (
    Answer,
    ChatModel,
    ChatRequest,
    Finished,
    Limits,
    Message,
    ToolChoice,
    ToolSpec,
    Usage,
)
from pilothouse.telemetry import span

if TYPE_CHECKING:
    from pilothouse.telemetry import SpanRecord

__all__ = ["Chat", "Turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a model answered, as the journal has it; its label stands on the entry.

    Attributes:
        text: Its words.
        choices: Tools it chose.
        value: With a schema, the parsed answer.
        usage: What it took.
        provider: Who answered.
        model: Which model.
        call: Id of the gateway's record.
        degraded: Why it was not the route's first choice.
    """

    text: str
    choices: tuple[ToolChoice, ...] = ()
    value: Json = None
    usage: Usage = field(default_factory=Usage)
    provider: str = ""
    model: str = ""
    call: str = ""
    degraded: str = ""


@dataclass(kw_only=True)
class Chat:
    """Calls models for one agent; every call is a step.

    Attributes:
        model: The gateway.
        steps: How steps are recorded.
        principal: On whose rights, and through which agent.
        caller: The agent version.
        run: Id of the run.
        output_tokens: Most of one answer.
    """

    model: ChatModel
    steps: Steps
    principal: Principal
    caller: str
    run: str
    output_tokens: int

    async def ask(
        self,
        task: str,
        messages: Sequence[Message],
        *,
        digest: str,
        seconds: float,
        tools: Sequence[ToolSpec] = (),
        schema: Mapping[str, Json] | None = None,
    ) -> tuple[Turn, Label]:
        """Return the answer and its label; an answered call is never made again.

        Args:
            task: The route.
            messages: All that is sent.
            digest: Hash of what was said; a replay is matched by it.
            seconds: What is left of the run's time.
            tools: What the model may choose.
            schema: What its answer fits.
        """
        found: list[Label] = []

        async def body() -> dict[str, Any]:
            request = ChatRequest(
                task=task, messages=tuple(messages), principal=self.principal, caller=self.caller,
                run=self.run, call_id=self.steps.call_id(), tools=tuple(tools), schema=schema,
                limits=Limits(output_tokens=self.output_tokens, seconds=max(1.0, seconds)),
            )  # fmt: skip
            answer = await self._spanned(request)
            # Made from many places is made from all: a label is stored with every call.
            found.append(condensed_label(answer.label))
            return _stored(answer)

        def label() -> Label:
            return found[-1] if found else condensed_label(_label(messages))

        def told(recorded: Label | None) -> None:
            if recorded is not None:
                found.append(recorded)

        # Not what was offered: a source that comes back with another column must not block a run.
        inputs = {"said": digest}
        stored = await self.steps.model(f"chat {task}", body, inputs=inputs, label=label, told=told)
        return _turn(stored), found[-1]

    async def _spanned(self, request: ChatRequest) -> Answer:
        with span("chat", kind="client", attributes={"gen_ai.operation.name": "chat"}) as here:
            here.attributes["pilothouse.route"] = request.task
            here.attributes["gen_ai.agent.name"] = self.caller
            answer = await self._answer(request)
            _describe(here, answer)
            return answer

    async def _answer(self, request: ChatRequest) -> Answer:
        async for event in self.model.stream(request):
            if isinstance(event, Finished):
                return event.answer
        raise UnavailableError(
            f"the route {request.task!r} ended without an answer; see `pilothouse models`",
            code="agents.silent",
        )


def _stored(answer: Answer) -> dict[str, Any]:
    """Return the answer as the journal has it: what is empty is left out, a run may hold thousands."""
    usage = answer.usage
    counts = [
        usage.prompt_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cpu_seconds,
        str(usage.cost),
    ]
    found: dict[str, Any] = {
        "text": answer.text,
        "choices": [[one.id, one.tool, one.arguments] for one in answer.choices],
        "value": answer.value,
        "usage": counts,
        "by": [answer.provider, answer.model, answer.call],
        "degraded": answer.degraded,
    }
    return {name: one for name, one in found.items() if one}


def _turn(stored: dict[str, Any]) -> Turn:
    provider, model, call = stored.get("by", ("", "", ""))
    prompt, output, cached, cpu, cost = stored["usage"]
    return Turn(
        text=stored.get("text", ""), value=stored.get("value"), degraded=stored.get("degraded", ""),
        choices=tuple(
            ToolChoice(id=id, tool=tool, arguments=args) for id, tool, args in stored.get("choices", ())
        ),
        usage=Usage(
            prompt_tokens=prompt,
            output_tokens=output,
            cached_tokens=cached,
            cpu_seconds=cpu,
            cost=Decimal(cost),
        ),
        provider=provider, model=model, call=call,
    )  # fmt: skip


def _label(messages: Sequence[Message]) -> Label:
    return ChatRequest(task="", messages=tuple(messages), principal=Principal(id="nobody")).label


def _describe(here: SpanRecord, answer: Answer) -> None:
    usage = answer.usage
    here.attributes |= {
        "gen_ai.request.model": answer.model,
        "gen_ai.response.model": answer.model,
        "gen_ai.provider.name": answer.provider,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "pilothouse.cost": str(usage.cost),
        "pilothouse.label.integrity": answer.label.integrity.name.lower(),
    }
