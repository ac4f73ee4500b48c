"""Owns saying who we are to a service: bearer, basic, key in a header, OAuth2 client credentials."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any, cast

from pilothouse.connectors.adapters.http.settings import ApiKey, Basic, Bearer, OAuth2
from pilothouse.connectors.errors import SourceDeniedError, SourceUnavailableError
from pilothouse.connectors.ports import SourceContext

if TYPE_CHECKING:
    import httpx

__all__ = ["Credentials"]

EARLY = 30.0
"""A token is renewed so many seconds before it ends."""


class Credentials:
    """Makes the headers of a call; secrets are resolved when needed and never kept in a message.

    Args:
        context: The source.
        auth: As declared.
    """

    def __init__(self, context: SourceContext, auth: Bearer | Basic | ApiKey | OAuth2 | None) -> None:
        self._context = context
        self._auth = auth
        self._token = ""
        self._until = 0.0

    async def headers(self, client: httpx.AsyncClient, timeout: float) -> dict[str, str]:
        """Return the headers that say who we are.

        Raises:
            UsageError: ``sources.secret``: a reference leads nowhere.
            SourceDeniedError: The token service refused us.
        """
        secret = self._context.secret
        match self._auth:
            case None:
                return {}
            case Bearer():
                return {"Authorization": f"Bearer {secret(self._auth.token)}"}
            case Basic():
                pair = f"{secret(self._auth.username)}:{secret(self._auth.password)}"
                return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
            case ApiKey():
                return {self._auth.header: secret(self._auth.api_key)}
            case OAuth2():
                return {"Authorization": f"Bearer {await self._granted(client, self._auth, timeout)}"}

    def forget(self) -> bool:
        """Drop a token that was refused; whether asking for another makes sense."""
        had, self._token = bool(self._token), ""
        return had

    async def _granted(self, client: httpx.AsyncClient, auth: OAuth2, timeout: float) -> str:
        if self._token and time.monotonic() < self._until:
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": self._context.secret(auth.client_id),
            "client_secret": self._context.secret(auth.client_secret),
        }
        if auth.scope:
            form["scope"] = auth.scope
        response = await client.post(auth.token_url, data=form, timeout=timeout)
        source = self._context.name
        if response.status_code == 429 or response.status_code >= 500:
            raise SourceUnavailableError(source, f"its token service answered {response.status_code}")
        granted = _granted_token(response)
        if response.status_code != 200 or granted is None:
            raise SourceDeniedError(
                source,
                f"its token service refused client {auth.client_id!r} ({response.status_code})",
                reasons=("oauth2:refused",),
            )
        self._token, seconds = granted
        self._until = time.monotonic() + max(0.0, seconds - EARLY)
        return self._token


def _granted_token(response: httpx.Response) -> tuple[str, float] | None:
    try:
        body: Any = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Any]", body)
    token = fields.get("access_token")
    return (token, float(fields.get("expires_in", 300))) if isinstance(token, str) else None
