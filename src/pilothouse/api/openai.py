"""Owns the OpenAI-compatible routes: models, chat completions, embeddings; each call is the gateway's."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import JSONResponse, Response, StreamingResponse

from pilothouse.api.chat import Asked, asked_of, choice_of, chunk_of, refused, usage_of
from pilothouse.api.endpoint import Endpoint
from pilothouse.api.guard import principal_of, studio_of
from pilothouse.kernel import PilothouseError, UnavailableError, UsageError, new_id
from pilothouse.models import Delta, Finished, Restarted

if TYPE_CHECKING:
    from starlette.requests import Request

    from pilothouse.models import ChatEvent, Encoder

__all__ = ["ENDPOINTS"]

MEBIBYTE = 1 << 20
MOST_TEXTS = 256


async def _models(request: Request) -> Response:
    """List the routes: a model here is a task, and which model serves it is the route's affair."""
    routes = studio_of(request).models.routes.values()
    data = [{"id": one.task, "object": "model", "created": 0, "owned_by": "pilothouse"} for one in routes]
    return JSONResponse({"object": "list", "data": data})


async def _chat(request: Request) -> Response:
    """Answer a conversation, whole or piece by piece."""
    asked = asked_of(await _body(request), principal_of(request))
    gateway = studio_of(request).models
    id = f"chatcmpl-{new_id().hex}"
    if asked.stream:
        # The first event is awaited here, so that what is refused is an HTTP error and no broken stream.
        events = gateway.stream(asked.request)
        first = await anext(events)
        return StreamingResponse(_streamed(first, events, asked, id), media_type="text/event-stream")
    answer = await gateway.chat(asked.request)
    return JSONResponse(
        {
            "id": id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.request.task,
            "choices": [choice_of(answer)],
            "usage": usage_of(answer),
            "pilothouse": {"provider": answer.provider, "call": answer.call, "degraded": answer.degraded},
        }
    )


async def _streamed(
    first: ChatEvent, events: AsyncGenerator[ChatEvent], asked: Asked, id: str
) -> AsyncGenerator[bytes]:
    """Yield server-sent events; a client that leaves closes the generation."""
    yield _event(chunk_of(asked, id, {"role": "assistant", "content": ""}, None))
    said = isinstance(first, Delta)
    try:
        async with aclosing(events):
            async for one in events:
                if isinstance(one, Restarted) and said:
                    # This protocol cannot take words back: better an error than two halves.
                    raise _broken(one)
                said = said or (isinstance(one, Delta) and not asked.held)
                for piece in _pieces(one, asked, id):
                    yield piece
    except PilothouseError as error:
        yield _event({"error": refused(error)})
        return
    yield b"data: [DONE]\n\n"


def _pieces(one: ChatEvent, asked: Asked, id: str) -> list[bytes]:
    if isinstance(one, Delta) and not asked.held:
        return [_event(chunk_of(asked, id, {"content": one.text}, None))]
    return _last(one, asked, id) if isinstance(one, Finished) else []


def _last(finished: Finished, asked: Asked, id: str) -> list[bytes]:
    answer, choice = finished.answer, choice_of(finished.answer)
    pieces: list[bytes] = []
    if answer.choices:
        calls = [dict(one, index=n) for n, one in enumerate(choice["message"]["tool_calls"])]
        pieces.append(_event(chunk_of(asked, id, {"tool_calls": calls}, None)))
    elif asked.held and answer.text:
        pieces.append(_event(chunk_of(asked, id, {"content": choice["message"]["content"]}, None)))
    pieces.append(_event(chunk_of(asked, id, {}, choice["finish_reason"])))
    if asked.usage:
        pieces.append(_event(chunk_of(asked, id, None, None) | {"usage": usage_of(answer)}))
    return pieces


def _broken(restarted: Restarted) -> PilothouseError:
    return UnavailableError(
        f"the provider broke off ({restarted.reason}) after words were sent; ask again",
        code="models.restarted",
    )


async def _embeddings(request: Request) -> Response:
    """Return vectors of texts, by the encoder of this machine."""
    body = await _body(request)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in cast("list[Any]", texts)):
        raise UsageError(f"input is {given!r}; send a text or a list of texts", code="api.body")
    found = cast("list[str]", texts)
    if not 0 < len(found) <= MOST_TEXTS:
        raise UsageError(f"{len(found)} texts; send 1 to {MOST_TEXTS} at a time", code="api.body")
    encoder = _encoder(request)
    rows = await encoder.encode(found, kind="passage")
    data = [
        {"object": "embedding", "index": n, "embedding": [float(x) for x in row]}
        for n, row in enumerate(rows)
    ]
    tokens = sum(len(one) for one in found) // 4
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse(
        {"object": "list", "model": f"minilm@{encoder.version[:12]}", "data": data, "usage": usage}
    )


def _encoder(request: Request) -> Encoder:
    """Return the encoder of this machine, opened by the first who asks.

    Raises:
        UnavailableError: ``packs.missing``.
    """
    state = request.app.state
    found: Encoder | None = getattr(state, "encoder", None)
    if found is None:
        from pilothouse.app import open_encoder

        found = state.encoder = open_encoder()
    return found


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body())
    except ValueError as error:
        raise UsageError(f"the body is no JSON: {error}", code="api.body") from error
    if not isinstance(found, dict):
        raise UsageError("the body is no JSON object", code="api.body")
    return cast("dict[str, Any]", found)


def _event(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def _refusal(error: PilothouseError, status: int) -> Response:
    from pilothouse.api.problems import headers_of

    return JSONResponse({"error": refused(error)}, status_code=status, headers=headers_of(error, status))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(method="GET", path="/v1/models", call=_models, refusal=_refusal),
    Endpoint(
        method="POST",
        path="/v1/chat/completions",
        call=_chat,
        right="models:call",
        size=16 * MEBIBYTE,
        seconds=600.0,
        refusal=_refusal,
    ),
    Endpoint(
        method="POST",
        path="/v1/embeddings",
        call=_embeddings,
        right="models:call",
        size=4 * MEBIBYTE,
        refusal=_refusal,
    ),
)
