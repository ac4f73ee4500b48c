"""Owns the declaration of a source of kind ``http``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilothouse.connectors.types import Effect

__all__ = ["ApiKey", "Basic", "Bearer", "HttpOptions", "OAuth2", "Paging"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bearer(_Strict):
    """``Authorization: Bearer``; ``token`` is a secret reference."""

    type: Literal["bearer"]
    token: str


class Basic(_Strict):
    """User name and password; ``password`` is a secret reference."""

    type: Literal["basic"]
    username: str
    password: str


class ApiKey(_Strict):
    """A key in a header; ``api_key`` is a secret reference."""

    type: Literal["api_key"]
    header: str = "X-API-Key"
    api_key: str


class OAuth2(_Strict):
    """Client credentials; ``client_secret`` is a secret reference."""

    type: Literal["oauth2"]
    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None


class Paging(_Strict):
    """How pages follow, where the service's answers do not say it.

    Attributes:
        style: ``cursor``, ``page``, ``offset``, ``link`` or ``none``.
        param: Query parameter that asks for the next page.
        field: JSON path of the next cursor in an answer, such as ``meta.next``.
        first: Number of the first page.
    """

    style: Literal["cursor", "page", "offset", "link", "none"]
    param: str | None = None
    field: str | None = None
    first: int = 1


class ObjectOptions(_Strict):
    """What the contract does not say about one resource.

    Attributes:
        key: Fields that find one record again.
        items: Name of the list inside an answer.
        paging: How its pages follow.
    """

    key: tuple[str, ...] = ()
    items: str | None = None
    paging: Paging | None = None


class ToolOptions(_Strict):
    """What the contract does not say about one operation."""

    effect: Effect = "write"
    idempotent: bool | None = None


class HttpOptions(_Strict):
    """Options of ``kind = "http"``.

    Attributes:
        url: Where the service's paths begin.
        openapi: Its contract: a file, an address, or a path of the service.
        auth: How we say who we are.
        headers: Sent with every call.
        paging: How pages follow, for all resources.
        objects: What the contract does not say about resources.
        tools: What it does not say about operations.
        per_value: A parameter that takes one value is asked so many times at most; for more values the
            whole collection is read and filtered here.
        max_pages: More pages are an error, never a cut.
        max_bytes: A larger answer is an error.
        retries: Further attempts, within the source's timeout.
        proxy: Address of a proxy; the environment's is not used.
        ca_file: Certificates of the authority that signed the service's.
    """

    url: str = Field(pattern=r"^https?://")
    openapi: str = "/openapi.json"
    auth: Annotated[Bearer | Basic | ApiKey | OAuth2, Field(discriminator="type")] | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    paging: Paging | None = None
    objects: dict[str, ObjectOptions] = Field(default_factory=dict[str, ObjectOptions])
    tools: dict[str, ToolOptions] = Field(default_factory=dict[str, ToolOptions])
    per_value: int = Field(default=10, ge=1)
    max_pages: int = Field(default=1000, ge=1)
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    retries: int = Field(default=4, ge=0)
    proxy: str | None = None
    ca_file: str | None = None
