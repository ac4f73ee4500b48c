"""Owns dialling: connections go to the one address that was looked at, and to no proxy or redirect."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from pilothouse.models.provider import Place, Provider

if TYPE_CHECKING:
    import httpx2

__all__ = ["AT", "CONNECT", "client_for"]

CONNECT = 5.0
AT: contextvars.ContextVar[Place] = contextvars.ContextVar("pilothouse_model_place")
"""Where the request under way goes; set by the adapter beside each request."""


def client_for(
    provider: Provider, *, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    """Return the HTTP client of one provider.

    Args:
        provider: Whose.
        transport: Instead of dialling, such as a test's.
    """
    import httpx2

    return httpx2.AsyncClient(
        transport=transport or _pinned(provider),
        timeout=httpx2.Timeout(provider.timeout, connect=CONNECT),
        follow_redirects=False,
        trust_env=False,
    )


def _pinned(provider: Provider) -> httpx2.AsyncBaseTransport:
    import ssl

    import httpx2

    limits = httpx2.Limits(max_connections=provider.concurrency or 64, max_keepalive_connections=16)
    if provider.url.startswith("unix://"):
        return httpx2.AsyncHTTPTransport(uds=provider.url.removeprefix("unix://"), limits=limits)
    verify = ssl.create_default_context(cafile=provider.ca_file) if provider.ca_file else True

    class Pinned(httpx2.AsyncHTTPTransport):
        """Connects to the address that was judged, whatever the name resolves to by now."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            place = AT.get()
            if request.url.host != place.host:
                raise httpx2.ConnectError(f"{request.url.host!r} is not the judged host {place.host!r}")
            host = request.url.host
            request.extensions = {**request.extensions, "sni_hostname": host}
            # The Host header was set from the name; only the connection goes by the address.
            request.url = request.url.copy_with(host=place.address)
            return await super().handle_async_request(request)

    return Pinned(verify=verify, limits=limits, retries=0)
