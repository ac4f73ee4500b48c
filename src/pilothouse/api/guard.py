"""Owns what stands before every route: sign-in, right, size, time, and errors that become answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pilothouse.api.problems import problem, status_of
from pilothouse.kernel import (
    DataError,
    DeniedError,
    LimitError,
    PilothouseError,
    Principal,
    UnavailableError,
    UsageError,
    require,
)
from pilothouse.telemetry import parse_traceparent, span

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from pilothouse.api.endpoint import Endpoint
    from pilothouse.app import Studio

__all__ = ["SecurityHeaders", "guarded", "principal_of", "studio_of"]

log = logging.getLogger(__name__)
DRAIN = 5.0
FAULT = "something went wrong here; ask whoever keeps this server"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class SecurityHeaders:
    """Says to every browser that nothing here is for it; a route's own headers win."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers added to the answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + [pair for pair in HEADERS if pair[0] not in present]
            await send(message)

        await self._app(scope, receive, with_headers)


def studio_of(request: Request) -> Studio:
    """Return the open project that a request is about."""
    return cast("Studio", request.app.state.studio)


def principal_of(request: Request) -> Principal:
    """Return who asks: the key's account with the rights of today, within the key's scopes."""
    return cast("Principal", request.state.principal)


def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Return the route's function behind its guards."""

    async def call(request: Request) -> Response:
        if not endpoint.traced:
            return await answered(request)
        came = parse_traceparent(request.headers.get("traceparent")) or ("", "")
        # The route, not the path: names of spans have few values, and ids may be anybody's words.
        name = f"{endpoint.method} {endpoint.path}"
        with span(name, kind="server", trace=came[0], parent=came[1]) as written:
            answer = await answered(request)
            written.attributes["http.response.status_code"] = answer.status_code
            return answer

    async def answered(request: Request) -> Response:
        body = _Body(request.receive, endpoint.size)
        limited = Request(request.scope, receive=body.receive)
        try:
            return await _called(endpoint, limited)
        except PilothouseError as error:
            answer = _refused(endpoint, request, error)
            if request.method not in ("GET", "HEAD") and not await body.drained():
                # Without this a sender could go on for ever.
                answer.headers["Connection"] = "close"
            return answer
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            # What went wrong inside is for the log, not for the caller.
            log.exception("%s %s failed", endpoint.method, endpoint.path)
            return _refused(endpoint, request, PilothouseError(FAULT))

    return call


async def _called(endpoint: Endpoint, request: Request) -> Response:
    try:
        async with asyncio.timeout(endpoint.seconds):
            if not endpoint.open:
                # Before a byte of the body is read.
                request.state.principal = await _signed_in(request)
                if endpoint.right:
                    authority = studio_of(request).authority
                    require(request.state.principal, endpoint.right, authority=authority)
            _check_length(request, endpoint.size)
            return await endpoint.call(request)
    except TimeoutError as error:
        raise UnavailableError(
            f"{endpoint.path!r} gave no answer within {endpoint.seconds:g} s; ask for less, or later",
            code="api.late",
        ) from error


async def _signed_in(request: Request) -> Principal:
    """Return whom the key acts for, with the rights of today.

    Raises:
        DeniedError: ``api.sign_in`` without a key, ``registry.refused`` with one that opens nothing.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise DeniedError(
            "no API key came with this request; send `Authorization: Bearer ph_key_...` "
            "(`pilothouse keys make` makes one)",
            code="api.sign_in",
        )
    identity = studio_of(request).identity
    found = await identity.directory.now(await identity.access.key(text.strip()))
    if found is None:
        raise DeniedError(
            "this key opens nothing here: its account is shut out; get a new one", code="registry.refused"
        )
    return found


def _check_length(request: Request, size: int) -> None:
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > size:
        raise _too_large(size)


class _Body:
    """Counts the body as it comes, whatever its length was said to be."""

    def __init__(self, receive: Receive, size: int) -> None:
        self._receive = receive
        self._size = size
        self._seen = 0
        self._ended = False

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            LimitError: ``api.too_large``.
        """
        message = await self._next()
        if self._seen > self._size:
            raise _too_large(self._size)
        return message

    async def drained(self) -> bool:
        """Read on without keeping anything, so that a sender that ends soon can read the refusal."""
        try:
            async with asyncio.timeout(DRAIN):
                while not self._ended and self._seen <= 4 * self._size:
                    await self._next()
        except TimeoutError:
            return False
        return self._ended

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _too_large(size: int) -> LimitError:
    return LimitError(f"the body is over {size} bytes; send less at a time", code="api.too_large")


def _refused(endpoint: Endpoint, request: Request, error: PilothouseError) -> Response:
    if error.code.startswith("storage.") and isinstance(error, UsageError | DataError):
        # A statement, or a setting, of ours is wrong: that is no business of the caller.
        log.error("%s %s failed: %s", endpoint.method, endpoint.path, error)
        error = PilothouseError(FAULT)
    status = status_of(error)
    if endpoint.refusal is not None:
        answer = endpoint.refusal(error, status)
    else:
        answer = problem(error, status, instance=request.url.path)
    return answer
