"""Owns accounts: who there is, with which groups and rights, and whether they may sign in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pilothouse.kernel import RIGHTS, Authority, ConflictError, Principal, UsageError, require
from pilothouse.registry.types import Account
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.registry.ports import Recorder
    from pilothouse.registry.types import Claims
    from pilothouse.storage import Database

__all__ = ["MANAGE", "Accounts"]

Q = load_queries("pilothouse.registry")
MANAGE = "registry:accounts"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class Accounts:
    """The accounts of one database.

    Args:
        database: Where they are.
        recorder: Gets every change.
        authority: Says who may change them.
    """

    def __init__(self, database: Database, *, recorder: Recorder, authority: Authority = RIGHTS) -> None:
        self._database = database
        self._recorder = recorder
        self._authority = authority

    async def list(self) -> tuple[Account, ...]:
        """Return every account, by id."""
        return tuple(_account(row) for row in await self._database.fetch_all(Q.accounts, {"id": None}))

    async def find(self, id: str) -> Account | None:
        """Return one account; None if there is none."""
        row = await self._database.fetch_one(Q.accounts, {"id": id})
        return None if row is None else _account(row)

    async def principal(self, id: str) -> Principal | None:
        """Return whom an active account makes, with the rights of today; None if there is none."""
        account = await self.find(id)
        if account is None or not account.active:
            return None
        return Principal(id=account.id, kind=account.kind, rights=account.rights, groups=account.groups)

    async def add(
        self,
        id: str,
        by: Principal,
        *,
        kind: Literal["person", "service"] = "person",
        groups: Collection[str] = (),
        rights: Collection[str] = (),
        external: str | None = None,
    ) -> Account:
        """Make an account; a person signs in only after setting a password through a one-time link.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:accounts``, or granting what one has not.
            UsageError: ``registry.account``: the name cannot be.
            ConflictError: ``registry.exists``.
        """
        self._may_grant(by, rights)
        if not NAME.fullmatch(id):
            raise UsageError(
                f"{id!r} is no name for an account; use letters, digits, '.', '_', '@' and '-'",
                code="registry.account",
            )
        async with self._database.transaction() as tx:
            made = await tx.execute(
                Q.insert_account, {"id": id, "kind": kind, "external": external, "by": by.id}
            )
            if not made:
                raise ConflictError(
                    f"account {id!r} is there already; change it instead", code="registry.exists"
                )
            for what, names in (("group", groups), ("right", rights)):
                await tx.execute(Q.insert_grants, {"id": id, "kind": what, "names": sorted(set(names))})
            body = {"account": id, "kind": kind, "groups": sorted(groups), "rights": sorted(rights)}
            await self._recorder.record(tx, "registry.account_added", by.id, body)
        return await self._known(id)

    async def grant(
        self, id: str, by: Principal, *, groups: Collection[str], rights: Collection[str]
    ) -> Account:
        """Replace groups and rights; what runs and asks for this account sees them at its next query.

        Raises:
            DeniedError: ``policy.denied``: as of :meth:`add`.
            UsageError: ``registry.unknown``.
        """
        self._may_grant(by, rights)
        before = await self._known(id)
        async with self._database.transaction() as tx:
            await tx.execute(Q.clear_grants, {"id": id})
            for what, names in (("group", groups), ("right", rights)):
                await tx.execute(Q.insert_grants, {"id": id, "kind": what, "names": sorted(set(names))})
            body = {
                "account": id,
                "before": sorted(before.groups | before.rights),
                "after": sorted({*groups, *rights}),
            }
            await self._recorder.record(tx, "registry.granted", by.id, body)
        return await self._known(id)

    async def set_active(self, id: str, active: bool, by: Principal) -> Account:
        """Let an account in or shut it out at once: its sessions, tokens and keys end.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:accounts``.
            UsageError: ``registry.unknown``.
        """
        require(by, MANAGE, authority=self._authority)
        await self._known(id)
        async with self._database.transaction() as tx:
            await tx.execute(Q.set_active, {"id": id, "active": active})
            if not active:
                await tx.execute(Q.revoke_all, {"account": id, "keys": True})
            kind = "registry.account_activated" if active else "registry.account_shut_out"
            await self._recorder.record(tx, kind, by.id, {"account": id})
        return await self._known(id)

    async def of_claims(self, claims: Claims) -> Principal | None:
        """Return whom an identity provider's claims make; None for somebody nobody has let in yet."""
        row = await self._database.fetch_one(Q.by_external, {"external": f"{claims.issuer}|{claims.subject}"})
        return None if row is None else await self.principal(row["id"])

    def _may_grant(self, by: Principal, rights: Collection[str]) -> None:
        """Nobody gives away more than they have."""
        require(by, MANAGE, authority=self._authority)
        for right in rights:
            require(by, right, authority=self._authority)

    async def _known(self, id: str) -> Account:
        found = await self.find(id)
        if found is None:
            raise UsageError(
                f"there is no account {id!r}; see `pilothouse accounts list`", code="registry.unknown"
            )
        return found


def _account(row: Mapping[str, Any]) -> Account:
    return Account(
        id=row["id"],
        kind=row["kind"],
        active=row["active"],
        groups=frozenset(row["groups"]),
        rights=frozenset(row["rights"]),
        has_password=row["password"] is not None,
        external=row["external"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )
