"""Owns calling a service: credentials, deadlines, retries, Retry-After, redirects, errors in words."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import anyio

from pilothouse.connectors.adapters.http.auth import Credentials
from pilothouse.connectors.adapters.http.settings import HttpOptions
from pilothouse.connectors.errors import (
    OutcomeUnknownError,
    SourceConflictError,
    SourceDataError,
    SourceDeniedError,
    SourceLimitError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.flatten import parse_json
from pilothouse.connectors.ports import SourceContext
from pilothouse.kernel import PilothouseError

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Client"]

BUSY = frozenset({429, 503})
MOVED = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self, source: str) -> Any:
        """Return the parsed body.

        Raises:
            SourceDataError: ``sources.rubbish``: it is no JSON.
        """
        try:
            return parse_json(self.content)
        except ValueError as error:
            start = self.content[:60].decode("utf-8", "replace")
            raise SourceDataError(
                source, f"{urlsplit(self.url).path} answered no JSON but {start!r}", code="sources.rubbish"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    params: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: Any


class Client:
    """Calls one service; opened at the first call.

    Args:
        context: The source.
        options: Its declaration.
    """

    def __init__(self, context: SourceContext, options: HttpOptions) -> None:
        self._context = context
        self._options = options
        self._credentials = Credentials(context, options.auth)
        self._client: httpx.AsyncClient | None = None
        self.calls = 0

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def url(self, path: str) -> str:
        """Return the address of a path of the service; an address stays what it is."""
        return path if "://" in path else self._options.url.rstrip("/") + "/" + path.lstrip("/")

    async def get(
        self, path: str, *, params: list[tuple[str, str]], until: float, missing: bool = False
    ) -> Answer:
        """Read; tried again while the time until ``until`` (monotonic) allows.

        Args:
            path: Path of the service or a whole address on its host.
            params: Query parameters.
            until: When the read must be over.
            missing: Whether 404 is an answer.
        """
        answer = await self._attempts("GET", path, until=until, repeatable=True, params=params)
        if answer.status == 404 and missing:
            return answer
        return self._checked(answer)

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: list[tuple[str, str]],
        headers: Mapping[str, str],
        body: Any,
        repeatable: bool,
        until: float,
    ) -> Answer:
        """Change something; tried again only if the service makes that safe."""
        answer = await self._attempts(
            method, path, until=until, repeatable=repeatable, params=params, headers=headers, body=body
        )
        return self._checked(answer)

    async def _attempts(
        self, method: str, path: str, *, until: float, repeatable: bool, **call: Any
    ) -> Answer:
        attempt = 0
        while True:
            wait, failure = 0.1 * 2**attempt, None
            try:
                answer = await self._once(method, path, until=until, repeatable=repeatable, **call)
            except SourceUnavailableError as error:
                failure = error
                if isinstance(error, OutcomeUnknownError) and not repeatable:
                    raise
            else:
                if answer.status == 401 and attempt == 0 and self._credentials.forget():
                    attempt += 1
                    continue
                if answer.status not in BUSY and answer.status < 500:
                    return answer
                wait = _retry_after(answer, wait)
                failure = self._busy(answer, wait, repeatable=repeatable)
                if isinstance(failure, OutcomeUnknownError) and not repeatable:
                    raise failure
            attempt += 1
            if attempt > self._options.retries or time.monotonic() + wait >= until:
                raise failure
            await anyio.sleep(wait)

    def _busy(self, answer: Answer, wait: float, *, repeatable: bool) -> SourceUnavailableError:
        path = urlsplit(answer.url).path
        if answer.status in BUSY:
            return SourceUnavailableError(
                self._context.name,
                f"{path} answered {answer.status}: come back in {wait:g} s",
                code="sources.busy",
                retry_after=wait,
            )
        kind = SourceUnavailableError if repeatable else OutcomeUnknownError
        return kind(self._context.name, f"{path} failed with {answer.status} {_detail(answer)}".rstrip())

    async def _once(
        self,
        method: str,
        path: str,
        *,
        until: float,
        repeatable: bool,
        params: list[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        import httpx

        source, url = self._context.name, self.url(path)
        left = until - time.monotonic()
        if left <= 0:
            raise SourceUnavailableError(
                source, f"gave no answer within {self._context.timeout:g} s", code="sources.timeout"
            )
        client = self._opened()
        try:
            signed = {**(headers or {}), **await self._credentials.headers(client, left)}
            return await self._follow(
                client, url, left, _Call(method=method, params=params, headers=signed, body=body)
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise SourceUnavailableError(
                source, f"{_host(url)} does not answer: {type(error).__name__}"
            ) from error
        except httpx.TransportError as error:
            late = isinstance(error, httpx.TimeoutException)
            why = f"{_host(url)} " + ("is too slow" if late else f"broke the connection: {error}")
            if method == "GET" or repeatable:
                code = "sources.timeout" if late else None
                raise SourceUnavailableError(source, why, code=code) from error
            raise OutcomeUnknownError(source, why) from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise SourceDataError(source, f"{_host(url)}: {error}", code="sources.rubbish") from error

    async def _follow(self, client: httpx.AsyncClient, url: str, left: float, call: _Call) -> Answer:
        """Send, and follow redirects that stay on the host."""
        params: Any = call.params or None
        for _ in range(MAX_REDIRECTS):
            self._refuse_other_host(url)
            request = client.build_request(
                call.method, url, params=params, headers=dict(call.headers), json=call.body, timeout=left
            )
            answer = await self._receive(client, request)
            if answer.status not in MOVED or "location" not in answer.headers:
                return answer
            if call.method != "GET" and answer.status not in (307, 308):
                raise SourceDataError(
                    self._context.name, f"a {call.method} was answered by a redirect {answer.status}"
                )
            url, params = urljoin(answer.url, answer.headers["location"]), None
        raise SourceDataError(self._context.name, f"redirects more than {MAX_REDIRECTS} times")

    async def _receive(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        self.calls += 1
        response = await client.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > self._options.max_bytes:
                    raise SourceLimitError(
                        self._context.name,
                        f"an answer is larger than {self._options.max_bytes} bytes; raise max_bytes",
                    )
        finally:
            await response.aclose()
        return Answer(
            status=response.status_code,
            headers=response.headers,
            content=bytes(content),
            url=str(response.url),
        )

    def _refuse_other_host(self, url: str) -> None:
        own, asked = urlsplit(self._options.url), urlsplit(url)
        allowed = {_origin(own.geturl()), _origin(self.url(self._options.openapi))}
        if _origin(url) not in allowed or (own.scheme == "https" and asked.scheme != "https"):
            raise SourceDeniedError(
                self._context.name,
                f"leads to another host, {asked.netloc!r}; nothing was sent there",
                code="sources.other_host",
                reasons=("redirect:other_host",),
            )

    def _opened(self) -> httpx.AsyncClient:
        import ssl

        import httpx

        if self._client is None:
            authority = self._options.ca_file
            verify = (
                ssl.create_default_context(cafile=str(self._context.path(authority))) if authority else True
            )
            headers = {name: self._context.secret(value) for name, value in self._options.headers.items()}
            self._client = httpx.AsyncClient(
                headers={"Accept": "application/json", "User-Agent": "pilothouse", **headers},
                follow_redirects=False,
                trust_env=False,
                proxy=self._options.proxy,
                verify=verify,
            )
        return self._client

    def _checked(self, answer: Answer) -> Answer:
        if 200 <= answer.status < 300:
            return answer
        raise self._error(answer)

    def _error(self, answer: Answer) -> PilothouseError:
        source, status = self._context.name, answer.status
        said = f"{urlsplit(answer.url).path} answered {status} {_detail(answer)}".rstrip()
        if status in (401, 403):
            return SourceDeniedError(source, said, reasons=(f"http:{status}",))
        if status in (409, 412):
            return SourceConflictError(source, said)
        if status in (404, 410):
            return SourceDataError(source, said, code="sources.object")
        if status in (400, 405, 406, 415):
            return SourceUsageError(source, said)
        return SourceDataError(source, said, code="sources.rejected")


def _origin(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _detail(answer: Answer) -> str:
    return " ".join(answer.content[:300].decode("utf-8", "replace").split())


def _retry_after(answer: Answer, default: float) -> float:
    said = answer.headers.get("retry-after", "").strip()
    if not said:
        return default
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return default
