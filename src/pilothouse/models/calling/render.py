"""Owns how a request becomes messages on the wire: words, one schema for tools, or native tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pilothouse.kernel import Json, UsageError
from pilothouse.labels import Label
from pilothouse.models.prompts import Prompt
from pilothouse.models.provider import Abilities
from pilothouse.models.schema.union import Asked
from pilothouse.models.types import ChatRequest, Message, ToolChoice

__all__ = ["Mode", "check_labels", "mode_for", "rendered"]

Mode = Literal["words", "schema", "native"]
Wire = dict[str, Json]


def check_labels(request: ChatRequest) -> Label:
    """Return the label of the whole prompt.

    Raises:
        UsageError: ``labels.missing``: a part has no label; ``models.empty``: there is no part.
    """
    for place, message in enumerate(request.messages):
        for part in message.parts:
            if part.label.__class__ is not Label:
                raise UsageError(
                    f"messages[{place}]: a part without a label ({part.label!r}); unlabelled is never sent",
                    code="labels.missing",
                )
    return request.label


def mode_for(request: ChatRequest, abilities: Abilities) -> Mode | None:
    """Return how this provider would be asked; None if it cannot give what is wanted."""
    if not request.tools and request.schema is None:
        return "words"
    if request.tools and request.schema is None and abilities.native_tools:
        return "native"
    return "schema" if abilities.json_schema else None


def rendered(request: ChatRequest, asked: Asked, mode: Mode) -> list[Wire]:
    """Return the messages as OpenAI's chat completions take them."""
    named = {choice.id: choice.tool for message in request.messages for choice in message.choices}
    if mode == "native":
        return [_native(message) for message in request.messages]
    messages = [_plain(message, named) for message in request.messages]
    if not request.tools:
        return messages
    return _told(messages, _tools(request, asked))


def _told(messages: list[Wire], words: str) -> list[Wire]:
    """Put ``words`` into the first message where that is the system's, else before it."""
    if messages and messages[0]["role"] == "system":
        return [{"role": "system", "content": f"{messages[0]['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _tools(request: ChatRequest, asked: Asked) -> str:
    lines = [
        f"- {tool.name}: {tool.description} Arguments: {_compact(asked.tools[tool.name])}"
        for tool in request.tools
    ]
    final = "your answer in words" if asked.final is None else f"an object that fits {_compact(asked.final)}"
    return Prompt.TOOLS.render(tools="\n".join(lines), final=final)


def _plain(message: Message, named: dict[str, str]) -> Wire:
    text = _text(message)
    if message.role == "tool":
        tool = named.get(message.answers, "the tool")
        return {"role": "user", "content": Prompt.RESULT.render(tool=tool, text=text)}
    if message.choices:
        # As the model wrote it: one object a choice.
        chosen = [_compact({"tool": one.tool, "arguments": one.arguments}) for one in message.choices]
        return {"role": message.role, "content": "\n".join([*([text] if text else []), *chosen])}
    return {"role": message.role, "content": text}


def _native(message: Message) -> Wire:
    made: Wire = {"role": message.role, "content": _text(message)}
    if message.role == "tool":
        made["tool_call_id"] = message.answers
    if message.choices:
        made["tool_calls"] = _calls(message.choices)
    return made


def _calls(choices: Sequence[ToolChoice]) -> list[Json]:
    return [
        {
            "id": one.id,
            "type": "function",
            "function": {"name": one.tool, "arguments": _compact(one.arguments)},
        }
        for one in choices
    ]


def _text(message: Message) -> str:
    return "\n\n".join(part.text for part in message.parts)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
