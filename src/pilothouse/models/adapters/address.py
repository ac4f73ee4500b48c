"""Owns where an endpoint really is: resolved once, normalised, and refused where nothing may be sent."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from urllib.parse import urlsplit

from pilothouse.models.errors import ModelUsageError, ProviderError
from pilothouse.models.provider import Place, Provider

__all__ = ["Locator"]

KEEP = 30.0
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Locator:
    """Finds the place of one provider; what a name resolved to is kept for half a minute.

    Whether it is local is read off the address, never off the name: ``localhost`` that resolves elsewhere
    is elsewhere. A tunnel to another machine ends on this one's loopback, which no address tells: declare
    such a provider with ``leaves = true``.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._found: Place | None = None
        self._until = 0.0

    async def locate(self) -> Place:
        """Return the place.

        Raises:
            ModelUsageError: ``models.address``.
            ProviderError: ``models.no_address``.
        """
        if self._found is None or time.monotonic() > self._until:
            self._found = await self._look()
            self._until = time.monotonic() + KEEP
        return self._found

    async def _look(self) -> Place:
        parts = urlsplit(self._provider.url)
        if parts.scheme == "unix":
            return Place(host="localhost", address=parts.path, local=not self._provider.leaves)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise self._wrong("write http://HOST, https://HOST or unix:///PATH")
        found = await self._resolved(host, parts.port or (443 if parts.scheme == "https" else 80))
        for address in found:
            self._check(address)
        # One address outside makes the name an outside one: it may be dialled next time.
        local = all(address.is_loopback for address in found) and not self._provider.leaves
        return Place(host=host, address=str(found[0]), local=local)

    async def _resolved(self, host: str, port: int) -> list[Address]:
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
        except OSError as error:
            raise ProviderError(
                f"provider {self._provider.name!r}: {host!r} does not resolve ({error})",
                code="models.no_address",
                connected=False,
            ) from error
        return [_normal(str(row[4][0])) for row in rows]

    def _check(self, address: Address) -> None:
        if address.is_loopback:
            return
        if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            raise self._wrong(f"it leads to {address}, where no model is served")
        if not address.is_global and not self._provider.internal:
            raise self._wrong(
                f"it leads to {address}, inside a private network; say internal = true if it is your own"
            )

    def _wrong(self, why: str) -> ModelUsageError:
        return ModelUsageError(
            f"provider {self._provider.name!r}: url {self._provider.url!r}: {why}", code="models.address"
        )


def _normal(text: str) -> Address:
    """Return the address with an IPv4 one inside an IPv6 one taken out."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped
