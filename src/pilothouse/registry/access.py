"""Owns signing in: one-time links, passwords, sessions, API keys; every one is recorded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pilothouse.kernel import RIGHTS, Authority, DeniedError, Principal, UsageError, require
from pilothouse.registry import secrets
from pilothouse.registry.accounts import MANAGE, Accounts
from pilothouse.registry.passwords import Passwords
from pilothouse.registry.types import ApiKey, Issued
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.registry.ports import Recorder
    from pilothouse.registry.settings import RegistrySettings
    from pilothouse.storage import Database, Row

__all__ = ["KEYS", "Access"]

Q = load_queries("pilothouse.registry")
KEYS = "registry:keys"
LONGEST = timedelta(days=366)


class Access:
    """Lets people and programs in.

    Args:
        database: Where accounts and hashes are.
        accounts: The accounts.
        recorder: Gets every sign-in, refusal and key.
        authority: Says who may make keys and links.
        settings: Lifetimes and limits.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        *,
        recorder: Recorder,
        authority: Authority = RIGHTS,
        settings: RegistrySettings | None = None,
    ) -> None:
        from pilothouse.registry.settings import RegistrySettings

        self._database = database
        self._accounts = accounts
        self._recorder = recorder
        self._authority = authority
        self._settings = settings or RegistrySettings()
        self._passwords = Passwords(self._settings)

    async def needs_first(self) -> bool:
        """Whether nobody can sign in yet, so that the first start hands out a link."""
        return not await self._database.fetch_value(Q.has_password)

    async def invite(self, account: str, by: Principal) -> Issued:
        """Return a one-time token with which a person sets a password; older ones end.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:accounts``.
            UsageError: ``registry.unknown``, or ``registry.account`` for a service.
        """
        require(by, MANAGE, authority=self._authority)
        found = await self._accounts.find(account)
        if found is None or found.kind != "person":
            raise UsageError(
                f"there is no person {account!r} to invite; see `pilothouse accounts list`",
                code="registry.unknown",
            )
        async with self._database.transaction() as tx:
            await tx.execute(Q.revoke_all, {"account": account, "keys": False})
            issued = await secrets.issue(tx, "token", account, lifetime=self._settings.token_lifetime)
            await self._recorder.record(tx, "registry.invited", by.id, {"account": account})
        return issued

    async def redeem(self, token: str, password: str) -> Principal:
        """Set a password with a one-time token, which ends; so do all open sessions.

        Raises:
            DeniedError: ``registry.refused``.
            UsageError: ``registry.password``; the token stays good.
        """
        row = await secrets.find(self._database, "token", token)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            if not await tx.execute(Q.use_token, {"id": row["id"]}):
                raise _refused("this token opens nothing here: it was used meanwhile; get a new one")
            await tx.execute(Q.set_password, {"id": row["account"], "password": hashed})
            await tx.execute(Q.revoke_all, {"account": row["account"], "keys": False})
            await self._recorder.record(tx, "registry.password_set", row["account"], {})
        return await self._principal(row["account"])

    async def sign_in(self, account: str, password: str) -> Issued:
        """Return a session for the right password; wrong ones are counted and lock the account.

        Raises:
            DeniedError: ``registry.refused``: says neither whether the account exists nor what was wrong.
        """
        async with self._database.transaction() as tx:
            row = await tx.fetch_one(Q.lock_account, {"id": account})
            stored = None if row is None or not row["active"] or row["locked"] else row["password"]
            if await self._passwords.verify(stored, password):
                await tx.execute(Q.succeeded, {"id": account})
                await self._recorder.record(tx, "registry.signed_in", account, {})
                return await secrets.issue(tx, "session", account, lifetime=self._settings.session_lifetime)
            limits = {"id": account, "most": self._settings.failures, "lock": self._settings.lock}
            await tx.execute(Q.failed, limits)
            await self._recorder.record(tx, "registry.refused", _shown(account), {"how": "password"})
        raise _refused(
            f"{account!r} cannot sign in with this password; after {self._settings.failures} wrong ones the "
            "account is locked for a while"
        )

    async def session(self, text: str) -> Principal:
        """Return whom a session acts for, with the rights of today.

        Raises:
            DeniedError: ``registry.refused``.
        """
        return await self._principal((await self._used("session", text))["account"])

    async def sign_out(self, text: str) -> None:
        """End a session.

        Raises:
            DeniedError: ``registry.refused``.
        """
        row = await secrets.find(self._database, "session", text)
        await self._database.execute(Q.revoke, {"id": row["id"]})

    async def make_key(
        self, account: str, by: Principal, *, scopes: Collection[str], lifetime: timedelta | None = None
    ) -> Issued:
        """Return an API key that acts for ``account`` within ``scopes``; the text is shown this once.

        Raises:
            DeniedError: ``policy.denied``: for oneself without ``registry:keys``, for others without
                ``registry:accounts``.
            UsageError: ``registry.key``: no scope, or a lifetime over a year; ``registry.unknown``.
        """
        require(by, KEYS if account == by.id else MANAGE, authority=self._authority)
        wanted = lifetime or self._settings.key_lifetime
        if not scopes or not timedelta(0) < wanted <= LONGEST:
            raise UsageError(
                f"a key needs at least one scope and lives at most {LONGEST.days} days, got "
                f"{sorted(scopes)!r} for {wanted}; name what it may do, such as 'sources:orders:read'",
                code="registry.key",
            )
        await self._principal(account)
        async with self._database.transaction() as tx:
            issued = await secrets.issue(tx, "key", account, lifetime=wanted, scopes=scopes)
            body = {"account": account, "scopes": sorted(scopes), "until": issued.expires_at.isoformat()}
            await self._recorder.record(tx, "registry.key_made", by.id, body)
        return issued

    async def keys(self, account: str | None = None) -> tuple[ApiKey, ...]:
        """Return the API keys of one account, or all."""
        rows = await self._database.fetch_all(Q.keys, {"account": account})
        return tuple(_key(row) for row in rows)

    async def revoke_key(self, id: str, by: Principal) -> None:
        """End a key at once.

        Raises:
            DeniedError: ``policy.denied``: another's key without ``registry:accounts``.
            UsageError: ``registry.key``: there is no such key, or it has ended.
        """
        found = next((key for key in await self.keys() if key.id == id), None)
        require(by, KEYS if found and found.account == by.id else MANAGE, authority=self._authority)
        async with self._database.transaction() as tx:
            if found is None or not await tx.execute(Q.revoke, {"id": id}):
                raise UsageError(
                    f"there is no live key {id!r}; see `pilothouse keys list`", code="registry.key"
                )
            await self._recorder.record(
                tx, "registry.key_revoked", by.id, {"account": found.account, "key": id}
            )

    async def key(self, text: str) -> Principal:
        """Return whom an API key acts for: the account's rights of today, within the key's scopes.

        Raises:
            DeniedError: ``registry.refused``.
        """
        row = await self._used("key", text)
        principal = await self._principal(row["account"])
        limits = Principal(id=f"key:{row['id']}", kind="service", rights=frozenset(row["scopes"]))
        return replace(principal, agent=limits)

    async def _used(self, kind: secrets.Kind, text: str) -> Row:
        row = await secrets.find(self._database, kind, text)
        await self._database.execute(Q.touch, {"id": row["id"]})
        return row

    async def _principal(self, account: str) -> Principal:
        found = await self._accounts.principal(account)
        if found is None:
            raise _refused(f"account {account!r} is not there or shut out; ask who keeps the accounts")
        return found


def _refused(message: str) -> DeniedError:
    return DeniedError(message, code="registry.refused", reasons=("registry.refused",))


def _shown(account: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in account[:100]) or "?"


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        account=row["account"],
        scopes=frozenset(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
