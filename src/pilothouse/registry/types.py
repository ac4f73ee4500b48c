"""Owns the nouns of identity: account, API key, session, the claims of an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pilothouse.kernel import wired

__all__ = ["Account", "ApiKey", "Claims", "Issued"]


@wired("registry.account")
@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in, or a service that holds keys.

    Attributes:
        id: The principal's id, such as ``clerk.amira``.
        kind: Only a ``person`` has a password and may decide.
        active: Whether it may sign in or be acted for; an inactive one's runs pause.
        groups: Names a task may be addressed to.
        rights: Granted rights; a trailing ``*`` grants a prefix.
        has_password: Whether it has set one.
        external: ``issuer|subject`` at an identity provider; None for a local account.
        created_at: When.
        created_by: By whom.
    """

    id: str
    kind: Literal["person", "service"]
    active: bool
    groups: frozenset[str]
    rights: frozenset[str]
    has_password: bool
    external: str | None
    created_at: datetime
    created_by: str


@wired("registry.key")
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key as it may be shown; the secret is shown once, when it is made.

    Attributes:
        id: Stands in clear at the beginning of the key.
        account: Whom it acts for.
        scopes: Rights it is limited to; a trailing ``*`` grants a prefix.
        created_at: When.
        expires_at: From when on it opens nothing.
        last_used_at: When it last did, to the minute.
        revoked_at: When it was revoked.
    """

    id: str
    account: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A secret that is shown once: a key, a session or a one-time token.

    Attributes:
        secret: The text to hand over; only its hash is stored.
        account: Whom it acts for.
        expires_at: Until when it is good.
    """

    secret: str
    account: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Issued(account={self.account!r}, expires_at={self.expires_at!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an identity provider says of somebody who signed in there.

    Attributes:
        issuer: Its URL.
        subject: Stable id at the issuer.
        name: Preferred user name; the account's id when one is made.
        groups: Groups there; mapped by configuration, never taken as rights.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str] = frozenset()
