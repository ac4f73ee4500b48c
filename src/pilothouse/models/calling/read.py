"""Owns reading what a model wrote: parsed, validated, or refused; a partial object never acts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pilothouse.kernel import DataError, Json, loads
from pilothouse.models.calling.render import Mode
from pilothouse.models.errors import InvalidAnswerError
from pilothouse.models.ports import NativeChoice
from pilothouse.models.schema.fit import misfit
from pilothouse.models.schema.union import FINAL, Asked
from pilothouse.models.types import ToolChoice

__all__ = ["Read", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A valid answer: words, a value, or choices."""

    text: str
    value: Json = None
    choices: tuple[ToolChoice, ...] = ()


def read(
    text: str, natives: Sequence[NativeChoice], *, asked: Asked, mode: Mode, reason: str, attempt: str
) -> Read:
    """Return the answer in ``text``.

    Args:
        text: All that was written.
        natives: Tool calls of an endpoint that has them.
        asked: What it must fit.
        mode: How it was asked.
        reason: Why the endpoint stopped.
        attempt: Ids of choices are made from it.

    Raises:
        InvalidAnswerError: ``models.invalid``: it does not fit; says where.
    """
    if mode == "words":
        return Read(text=text)
    if mode == "native":
        return Read(text=text, choices=tuple(_native(one, asked) for one in natives))
    value = _parsed(text, reason)
    why = misfit(value, cast("Mapping[str, Any]", asked.whole))
    if why:
        raise InvalidAnswerError(why, text=text)
    if not asked.tools:
        return Read(text=text, value=value)
    found = cast("dict[str, Any]", value)
    if found["tool"] == FINAL:
        answer = found["answer"]
        return Read(text=answer) if asked.final is None else Read(text=text, value=answer)
    chosen = ToolChoice(id=_id(attempt), tool=found["tool"], arguments=found["arguments"])
    return Read(text="", choices=(chosen,))


def _native(one: NativeChoice, asked: Asked) -> ToolChoice:
    if one.tool not in asked.tools:
        known = ", ".join(asked.tools)
        raise InvalidAnswerError(f"there is no tool {one.tool!r}; choose among {known}", text=one.arguments)
    arguments = _parsed(one.arguments or "{}", "")
    why = misfit(arguments, asked.tools[one.tool], f"{one.tool}.arguments")
    if why:
        raise InvalidAnswerError(why, text=one.arguments)
    return ToolChoice(id=one.id, tool=one.tool, arguments=cast("dict[str, Json]", arguments))


def _parsed(text: str, reason: str) -> Json:
    try:
        return loads(text.strip())
    except DataError as error:
        cut = "; it was cut at the limit of output tokens" if reason == "length" else ""
        raise InvalidAnswerError(f"that is no JSON: {error.message}{cut}", text=text) from error


def _id(attempt: str) -> str:
    return f"call_{hashlib.sha256(attempt.encode()).hexdigest()[:16]}"
