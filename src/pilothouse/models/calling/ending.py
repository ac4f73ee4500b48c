"""Owns what becomes of a call that no provider answered: a template, or the error that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.models.errors import (
    ContextError,
    InvalidAnswerError,
    ModelDeniedError,
    ModelUsageError,
    NoAnswerError,
)
from pilothouse.models.types import Answer, Started

if TYPE_CHECKING:
    from pilothouse.models.calling.run import Call
    from pilothouse.models.route import Drop

__all__ = ["TEMPLATES", "nothing_left"]

TEMPLATES = "templates"
PRIVATE = frozenset({"label", "offline", "outside", "expired"})


async def nothing_left(
    call: Call, drops: Sequence[Drop], waits: Sequence[float], last: Exception | None
) -> Answer:
    """Return the route's template, or raise what fits best.

    Raises:
        InvalidAnswerError: The last that answered wrote nonsense, twice.
        NoAnswerError: Waiting may help.
        ModelDeniedError: The prompt may go to none of them.
        ContextError: It is too long for all of them.
        ModelUsageError: None of them can do what is asked.
    """
    said = "; ".join(f"{name}: {why}" for name, why in call.against.items()) or "the route names nobody"
    if call.route.template:
        return await _template(call, said)
    words = f"task {call.request.task!r}: no provider could answer ({said})"
    if isinstance(last, InvalidAnswerError):
        raise last
    if last is not None or waits:
        retry = min(waits) if waits else max(1.0, getattr(last, "retry_after", 0.0))
        raise NoAnswerError(f"{words}; try again later or add a provider", retry_after=retry) from last
    reasons = list(call.against.values())
    if any(reason.split(":")[0] in PRIVATE for reason in reasons):
        raise ModelDeniedError(
            f"{words}; name a local provider, a redactor, or one whose `reads` covers the prompt",
            reasons=tuple(f"models.{reason}" for reason in reasons),
        )
    context = [reason.partition(":")[2] for reason in reasons if reason.startswith("context:")]
    if context:
        wanted, _, most = context[-1].partition(">")
        raise ContextError(
            f"task {call.request.task!r}: {wanted} tokens of prompt and answer are over the context of "
            f"{most}; shorten the conversation, nothing was cut"
        )
    raise ModelUsageError(f"{words}; run `pilothouse models check`", code="models.no_candidate")


async def _template(call: Call, said: str) -> Answer:
    if call.tell is not None and not call.started:
        await call.tell(Started(provider=TEMPLATES, model="", label=call.label))
    return Answer(
        text=call.route.template,
        label=call.label,
        provider=TEMPLATES,
        model="",
        call=call.id,
        degraded=f"template: {said}",
    )
