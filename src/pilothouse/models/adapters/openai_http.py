"""Owns the one adapter for every server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from pilothouse.models.adapters.address import Locator
from pilothouse.models.adapters.dial import AT, CONNECT, client_for
from pilothouse.models.adapters.faults import broken, refusal
from pilothouse.models.errors import InvalidAnswerError, ProviderError
from pilothouse.models.ports import Chunk, Incoming, NativeChoice, Opened, Outgoing, Replied
from pilothouse.models.provider import Place, Provider
from pilothouse.models.types import Usage

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["OpenAIBackend"]

CHARACTERS_A_TOKEN = 32
LONGEST_LINE = 4 * 1024 * 1024
AFTER_DONE = 0.25


class OpenAIBackend:
    """One model behind one OpenAI-compatible server.

    Args:
        provider: Its declaration.
        secret: Opens the credential's reference; the secret stays in here.
        transport: Instead of dialling: a child's socket, a test's.
        place: Where that transport leads.
        caller_header: Tells who asks; without one, nobody is told.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        secret: Callable[[str], str] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        place: Place | None = None,
        caller_header: str = "",
    ) -> None:
        self._provider = provider
        self._secret = secret
        self._transport = transport
        self._place = place
        self._caller_header = caller_header
        self._locator = Locator(provider)
        self._client: AsyncOpenAI | None = None

    @property
    def provider(self) -> Provider:
        """Who it is."""
        return self._provider

    async def locate(self) -> Place:
        """Return where the server is."""
        return self._place or await self._locator.locate()

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def send(self, outgoing: Outgoing, *, at: Place, seconds: float) -> AsyncGenerator[Incoming]:
        """Send one attempt; see :class:`~pilothouse.models.ports.Backend`."""
        import httpx2
        import openai

        AT.set(at)
        timeout = httpx2.Timeout(min(seconds, self._provider.timeout), connect=min(seconds, CONNECT))
        # Its answers are read here, not by its classes: rubbish must have our words, and costs less.
        create: Any = cast("Any", self._opened().chat.completions).with_streaming_response.create
        try:
            async with create(**self._body(outgoing), timeout=timeout) as response:
                yield Opened()
                reading = _streamed(response.iter_lines()) if outgoing.stream else _whole(response)
                async with aclosing(reading):
                    async for one in _limited(reading, outgoing.output_tokens * CHARACTERS_A_TOKEN):
                        yield one
        except openai.APIStatusError as error:
            raise refusal(self._provider, error.status_code, error.response.headers, _said(error)) from error
        except (openai.APIError, httpx2.HTTPError) as error:
            raise broken(self._provider, error) from error

    def _body(self, outgoing: Outgoing) -> dict[str, Any]:
        # What is long goes by extra_body: the library looks at each field of each message by its type,
        # 0.1 s for a thousand messages, and these are ours and already plain JSON.
        body: dict[str, Any] = {"messages": list(outgoing.messages)}
        if outgoing.stream:
            body["stream_options"] = {"include_usage": True}
        if outgoing.schema is not None:
            named = {"name": "answer", "schema": outgoing.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if outgoing.tools:
            body["tools"] = list(outgoing.tools)
        return {
            "model": self._provider.model,
            "messages": [],
            "max_tokens": outgoing.output_tokens,
            "temperature": outgoing.temperature,
            "seed": outgoing.seed,
            "stream": outgoing.stream,
            "extra_headers": self._headers(outgoing),
            "extra_body": {**self._provider.options, **body},
        }

    def _headers(self, outgoing: Outgoing) -> dict[str, str]:
        headers = {"Idempotency-Key": outgoing.attempt}
        if self._caller_header and outgoing.caller:
            headers[self._caller_header] = quote(
                outgoing.caller, safe="/@:"
            )  # a header holds no other letters
        return headers

    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            import openai

            reference = self._provider.credential
            key = self._secret(reference) if self._secret is not None and reference else "none"
            url = self._provider.url
            base = "http://localhost/v1" if url.startswith("unix://") else url
            self._client = openai.AsyncOpenAI(
                api_key=key,
                base_url=base,
                # Hidden retries would be in no budget and in no record.
                max_retries=0,
                http_client=client_for(self._provider, transport=self._transport),
            )
        return self._client


async def _whole(response: Any) -> AsyncGenerator[Incoming]:
    answer = _parsed(await response.read())
    choice = _first(answer)
    message: Mapping[str, Any] = choice.get("message") or {}
    content = message.get("content")
    if content:
        yield Chunk(text=str(content))
    calls = {n: _Call(one) for n, one in enumerate(message.get("tool_calls") or [])}
    yield _replied(answer, choice.get("finish_reason"), calls)


async def _streamed(lines: AsyncIterator[str]) -> AsyncGenerator[Incoming]:
    last: dict[str, Any] = {}
    reason: str | None = None
    calls: dict[int, _Call] = {}
    async for line in lines:
        data = line[5:].strip() if line.startswith("data:") else ""
        if not data:
            continue
        if data == "[DONE]":
            await _drained(lines)
            break
        found = _parsed(data)
        if found.get("error"):
            raise ProviderError(f"it broke off: {_shown(found['error'])}", code="models.cut")
        last = {**last, **{name: found[name] for name in ("model", "usage") if found.get(name)}}
        for choice in cast("list[dict[str, Any]]", found.get("choices") or [])[:1]:
            reason = choice.get("finish_reason") or reason
            delta: Mapping[str, Any] = choice.get("delta") or {}
            _collect(calls, delta.get("tool_calls") or [])
            if delta.get("content"):
                yield Chunk(text=str(delta["content"]))
    if reason is None:
        raise ProviderError("its stream ended in the middle", code="models.cut")
    yield _replied(last, reason, calls)


async def _drained(lines: AsyncIterator[str]) -> None:
    """Read to the end, so that the connection serves the next call; a server that goes on is left alone."""
    import httpx2

    with suppress(TimeoutError, httpx2.HTTPError):  # the answer is whole, whatever happens now
        async with asyncio.timeout(AFTER_DONE):
            async for line in lines:
                if line.strip():
                    return


class _Call:
    """A tool call, which may come in pieces."""

    def __init__(self, piece: Mapping[str, Any] | None = None) -> None:
        self.id, self.tool, self.arguments = "", "", ""
        if piece is not None:
            self.add(piece)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Take in another piece."""
        function: Mapping[str, Any] = piece.get("function") or {}
        self.id = str(piece.get("id") or self.id)
        self.tool += str(function.get("name") or "")
        self.arguments += str(function.get("arguments") or "")


def _collect(calls: dict[int, _Call], pieces: list[dict[str, Any]]) -> None:
    for piece in pieces:
        calls.setdefault(int(piece.get("index") or 0), _Call()).add(piece)


def _replied(answer: Mapping[str, Any], reason: Any, calls: Mapping[int, _Call]) -> Replied:
    return Replied(
        reason=str(reason or "stop"),
        model=str(answer.get("model") or ""),
        usage=_usage(answer.get("usage")),
        choices=tuple(
            NativeChoice(id=one.id or f"call_{n}", tool=one.tool, arguments=one.arguments)
            for n, one in sorted(calls.items())
        ),
    )


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    told = cast("dict[str, Any]", found)
    details: Mapping[str, Any] = told.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=_count(told.get("prompt_tokens")),
        output_tokens=_count(told.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")),
        cpu_seconds=float(told.get("cpu_seconds") or 0.0),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


async def _limited(events: AsyncIterator[Incoming], most: int) -> AsyncGenerator[Incoming]:
    """Stop what goes on beyond any length that was asked for."""
    length = 0
    async for one in events:
        if isinstance(one, Chunk):
            length += len(one.text)
            if length > most:
                raise InvalidAnswerError(f"it goes on beyond {most} characters", code="models.endless")
        yield one


def _parsed(data: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise ProviderError(f"it answered no JSON but {_shown(data)}", code="models.rubbish") from error
    if not isinstance(found, dict):
        raise ProviderError(f"it answered no object but {_shown(data)}", code="models.rubbish")
    return cast("dict[str, Any]", found)


def _first(answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ProviderError(f"it answered without a choice: {_shown(answer)}", code="models.rubbish")
    return cast("dict[str, Any]", choices[0])


def _said(error: Any) -> str:
    try:
        return error.response.text
    except Exception:  # the body was never read: the status says enough
        return ""


def _shown(value: object) -> str:
    from pilothouse.labels.pii import redact

    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return repr(redact(" ".join(text.split())[:120]))
