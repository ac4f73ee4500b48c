"""Owns what a span says of an attempt: names, counts and costs, never a prompt or an answer."""

from __future__ import annotations

from pilothouse.models.calling.attempt import Attempt
from pilothouse.models.types import Answer
from pilothouse.telemetry import AttributeValue, SpanRecord

__all__ = ["asked_attributes", "tell_answer"]


def asked_attributes(attempt: Attempt) -> dict[str, AttributeValue]:
    """Return what is known before anything is sent."""
    provider, request = attempt.provider, attempt.request
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider.name,
        "gen_ai.request.model": provider.model,
        "gen_ai.request.max_tokens": request.limits.output_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.conversation.id": request.run or "",
        "pilothouse.task": request.task,
        "pilothouse.caller": request.caller,
        "pilothouse.call": attempt.call,
        "pilothouse.attempt": attempt.number,
        "pilothouse.label.integrity": attempt.label.integrity.name,
    }


def tell_answer(spoken: SpanRecord, answer: Answer) -> None:
    """Add what the answer tells."""
    spoken.attributes.update(
        {
            "gen_ai.response.model": answer.model,
            "gen_ai.response.id": answer.call,
            "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": answer.usage.output_tokens,
            "pilothouse.cost": float(answer.usage.cost),
            "pilothouse.degraded": answer.degraded,
        }
    )
