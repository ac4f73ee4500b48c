"""Owns OpenAI's chat completions in both directions: a body becomes a request, an answer a choice."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pilothouse.kernel import (
    DeniedError,
    Json,
    LimitError,
    PilothouseError,
    Principal,
    UnavailableError,
    UsageError,
)
from pilothouse.labels import Label, unknown
from pilothouse.models import Answer, ChatRequest, Limits, Message, Part, ToolChoice, ToolSpec

__all__ = ["Asked", "asked_of", "choice_of", "chunk_of", "refused", "usage_of"]

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
MOST_OUTPUT = 32_768
SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client wants.

    Attributes:
        stream: Piece by piece.
        usage: Whether the last piece tells the usage.
        held: Whether pieces are held back until the answer is validated: tools and structured answers.
    """

    request: ChatRequest
    stream: bool
    usage: bool
    held: bool


def asked_of(body: Mapping[str, Any], principal: Principal) -> Asked:
    """Return the request of a body.

    Nobody knows where the words of a client come from: they are untrusted, and for the caller alone.

    Raises:
        UsageError: ``api.body`` naming the field.
    """
    label = unknown(principal.id)
    task = body.get("model")
    if not isinstance(task, str) or not task:
        raise _wrong("model", task, "name a route; GET /v1/models lists them")
    found: object = body.get("messages")
    if not isinstance(found, list) or not found:
        raise _wrong("messages", cast("object", found), "send at least one")
    tools = tuple(_tool(one, n) for n, one in enumerate(_objects(body.get("tools") or [], "tools")))
    if body.get("tool_choice") == "none":
        tools = ()
    schema = _schema(body.get("response_format"))
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 1024
    if not isinstance(most, int) or not 0 < most <= MOST_OUTPUT:
        raise _wrong("max_tokens", most, f"send 1 to {MOST_OUTPUT}")
    if body.get("n") not in (None, 1):
        raise _wrong("n", body.get("n"), "one answer at a time is given")
    request = ChatRequest(
        task=task,
        messages=tuple(_message(one, n, label) for n, one in enumerate(_objects(found, "messages"))),
        principal=principal,
        caller="api.openai",
        tools=tools,
        schema=schema,
        limits=Limits(output_tokens=most, seconds=SECONDS),
        temperature=float(body.get("temperature") or 0.0),
        seed=int(body.get("seed") or 0),
    )
    options = body.get("stream_options")
    usage = bool(cast("dict[str, Any]", options).get("include_usage")) if isinstance(options, dict) else False
    held = bool(tools) or schema is not None
    return Asked(request=request, stream=bool(body.get("stream")), usage=usage, held=held)


def _message(found: Mapping[str, Any], place: int, label: Label) -> Message:
    path = f"messages[{place}]"
    role = ROLES.get(str(found.get("role")))
    if role is None:
        raise _wrong(f"{path}.role", found.get("role"), f"it is one of {', '.join(ROLES)}")
    text = _text(found.get("content"), path)
    choices = tuple(
        _call(one, f"{path}.tool_calls[{n}]")
        for n, one in enumerate(_objects(found.get("tool_calls") or [], f"{path}.tool_calls"))
    )
    return Message(
        role=cast("Any", role),
        parts=(Part(text=text, label=label),) if text or not choices else (),
        choices=choices,
        answers=str(found.get("tool_call_id") or ""),
    )


def _text(content: Any, path: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    pieces: list[str] = []
    for n, one in enumerate(_objects(content, f"{path}.content")):
        if one.get("type") != "text" or not isinstance(one.get("text"), str):
            raise _wrong(f"{path}.content[{n}].type", one.get("type"), "only text is taken here")
        pieces.append(one["text"])
    return "\n".join(pieces)


def _call(found: Mapping[str, Any], path: str) -> ToolChoice:
    function: Mapping[str, Any] = found.get("function") or {}
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (ValueError, TypeError) as error:
        raise _wrong(f"{path}.function.arguments", function.get("arguments"), "it is no JSON") from error
    if not isinstance(arguments, dict):
        raise _wrong(f"{path}.function.arguments", arguments, "it is no object")
    return ToolChoice(
        id=str(found.get("id") or ""),
        tool=str(function.get("name") or ""),
        arguments=cast("dict[str, Json]", arguments),
    )


def _tool(found: Mapping[str, Any], place: int) -> ToolSpec:
    function = found.get("function")
    if found.get("type") != "function" or not isinstance(function, dict):
        raise _wrong(f"tools[{place}].type", found.get("type"), "only functions are taken")
    named = cast("dict[str, Any]", function)
    return ToolSpec(
        name=str(named.get("name") or ""),
        description=str(named.get("description") or ""),
        parameters=named.get("parameters") or {"type": "object", "properties": {}},
    )


def _schema(found: Any) -> Mapping[str, Json] | None:
    if not isinstance(found, dict):
        return None
    wanted = cast("dict[str, Any]", found)
    if wanted.get("type") == "json_schema":
        return cast("dict[str, Any]", wanted.get("json_schema") or {}).get("schema") or {}
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    return None


def choice_of(answer: Answer) -> dict[str, Any]:
    """Return the one choice of a completion."""
    text = answer.text
    if answer.value is not None:
        # With tools the model wrote the value inside an envelope; a client gets the value.
        text = json.dumps(answer.value, ensure_ascii=False)
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if not answer.choices:
        message["content"] = text
    else:
        message["tool_calls"] = [
            {
                "id": one.id,
                "type": "function",
                "function": {"name": one.tool, "arguments": json.dumps(one.arguments, ensure_ascii=False)},
            }
            for one in answer.choices
        ]
    reason = "tool_calls" if answer.choices else "length" if "cut at the limit" in answer.degraded else "stop"
    return {"index": 0, "message": message, "finish_reason": reason}


def chunk_of(asked: Asked, id: str, delta: Mapping[str, Any] | None, reason: str | None) -> dict[str, Any]:
    """Return one piece of a stream; without a delta it has no choice."""
    choices = [] if delta is None else [{"index": 0, "delta": dict(delta), "finish_reason": reason}]
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked.request.task,
        "choices": choices,
    }


def usage_of(answer: Answer) -> dict[str, int]:
    """Return the usage as clients know it."""
    used = answer.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.prompt_tokens + used.output_tokens,
    }


def refused(error: PilothouseError) -> dict[str, Any]:
    """Return an error as clients know it."""
    kinds = (
        (UsageError, "invalid_request_error"),
        (DeniedError, "permission_error"),
        (LimitError, "rate_limit_error"),
        (UnavailableError, "server_error"),
    )
    kind = next((name for known, name in kinds if isinstance(error, known)), "server_error")
    return {"message": error.message, "type": kind, "code": error.code, "param": None}


def _objects(value: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in cast("list[Any]", value)):
        raise _wrong(path, cast("object", value), "send a list of objects")
    return cast("list[dict[str, Any]]", value)


def _wrong(path: str, value: object, why: str) -> UsageError:
    shown = repr(value)
    return UsageError(f"{path} is {shown[:60]}; {why}", code="api.body")
