"""Owns who acts: a declared principal, an account, a session, a key, or the owner of this machine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import SYSTEM, DeniedError, Principal, UsageError

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.kernel import Authority
    from pilothouse.registry import Access, Accounts, Assets, Issued
    from pilothouse.storage import Database, SecretStore, Tx

__all__ = [
    "Directory",
    "Identity",
    "LogRecorder",
    "change_secret",
    "forget_session",
    "identity_of",
    "keep_session",
    "open_identity",
    "signed_in",
]

KEY = "PILOTHOUSE_KEY"


class LogRecorder:
    """Writes sign-ins and changes of rights into the audit log."""

    async def record(self, tx: Tx, kind: str, actor: str, body: Mapping[str, Any]) -> None:
        """Append an entry inside the transaction of the change."""
        from pilothouse.audit import AuditEntry, append

        await append(tx, AuditEntry(kind=kind, actor=actor, body=body))


class Directory:
    """Tells who somebody is today: what the project file declares, else the registry's account."""

    def __init__(self, project: Project, accounts: Accounts) -> None:
        self._project = project
        self._accounts = accounts

    async def find(self, id: str) -> Principal | None:
        """Return the principal with the rights of today; None if it is unknown or shut out.

        An account of the same name as a declared principal brings its password and may be shut out; groups
        and rights are those of the file, which somebody signed.
        """
        if id == SYSTEM.id:
            return SYSTEM
        account = await self._accounts.find(id)
        if account is not None and not account.active:
            return None
        declared = self._project.declared(id)
        if declared is not None or account is None:
            return declared
        return await self._accounts.principal(id)

    async def now(self, stored: Principal) -> Principal | None:
        """Return a stored principal with the rights of today, through the same agent; None if it is gone."""
        found = await self.find(stored.id)
        if found is None or stored.agent is None:
            return found
        return replace(found, agent=stored.agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Accounts, sign-in, assets, directory and secrets of one open project."""

    accounts: Accounts
    access: Access
    assets: Assets
    directory: Directory
    secrets: SecretStore

    async def acting(self, project: Project, wanted: str | None) -> Principal:
        """Return who acts here.

        A key in ``PILOTHOUSE_KEY`` or a kept session says who it is. Without one, whoever may read the
        project's data on this machine is its owner and acts as ``--as`` or the operator, unless the project
        asks everybody to sign in.

        Raises:
            DeniedError: ``project.sign_in``: nobody is signed in, or as somebody else; ``registry.refused``.
            UsageError: ``project.principal``: nobody of that name.
        """
        signed = await self._signed(project)
        required = project.file.project.sign_in == "required"
        if signed is None and required:
            raise DeniedError(
                f"the project {project.name!r} asks everybody to sign in; run `pilothouse login NAME` "
                f"or set {KEY}",
                code="project.sign_in",
            )
        if signed is None or (wanted not in (None, signed.id) and not required):
            return await self._named(project, wanted)
        if wanted not in (None, signed.id):
            raise DeniedError(
                f"you are signed in as {signed.id!r}, not {wanted!r}; sign in as that", code="project.sign_in"
            )
        return signed

    async def first_link(self, project: Project) -> Issued | None:
        """Return a one-time token for the operator while a sign-in is required and nobody can.

        Every start hands out a new one and ends the one before, until a password is set.
        """
        operator = project.file.project.operator
        if project.file.project.sign_in != "required" or operator is None:
            return None
        if not await self.access.needs_first():
            return None
        if await self.accounts.find(operator) is None:
            await self.accounts.add(operator, SYSTEM)
        return await self.access.invite(operator, SYSTEM)

    async def _signed(self, project: Project) -> Principal | None:
        key = os.environ.get(KEY)
        if key:
            found = await self.access.key(key)
        else:
            session = _kept().get(str(project.folder))
            if session is None:
                return None
            found = await self.access.session(session)
        return await self.directory.now(found)

    async def _named(self, project: Project, wanted: str | None) -> Principal:
        name = wanted or project.file.project.operator
        found = await self.directory.find(name) if name else None
        return found or project.principal(wanted)


def identity_of(project: Project, database: Database, authority: Authority) -> Identity:
    """Return the identity of a project over its open database."""
    from pilothouse.app.studio import storage_settings
    from pilothouse.registry import Access, Accounts, Assets
    from pilothouse.storage import SecretStore

    recorder = LogRecorder()
    accounts = Accounts(database, recorder=recorder, authority=authority)
    return Identity(
        accounts=accounts,
        access=Access(database, accounts, recorder=recorder, authority=authority),
        assets=Assets(database, recorder=recorder, authority=authority),
        directory=Directory(project, accounts),
        secrets=SecretStore(database, storage_settings(project), authority=authority),
    )


@contextlib.asynccontextmanager
async def open_identity(folder: Path) -> AsyncGenerator[tuple[Project, Database, Identity]]:
    """Open project, database, accounts and secrets; no sources, no engine."""
    from pilothouse.app.policy import load_authority
    from pilothouse.app.studio import open_project_database, storage_settings
    from pilothouse.audit import open_audit

    async with open_project_database(folder) as (project, database):
        data_dir = storage_settings(project).data_dir
        async with open_audit(database, data_dir=data_dir):
            yield project, database, identity_of(project, database, load_authority(project))


async def change_secret(folder: Path, name: str, value: str | None, *, acting: str | None) -> None:
    """Set a stored secret, or forget it where ``value`` is None; the change is recorded, the value is not.

    Raises:
        DeniedError: ``policy.denied``: without ``secrets:change``.
        UsageError: ``storage.secret``.
    """
    async with open_identity(folder) as (project, database, identity):
        by = await identity.acting(project, acting)
        async with database.transaction() as tx:
            if value is None:
                await identity.secrets.remove(tx, name, by)
            else:
                await identity.secrets.put(tx, name, value, by)
            kind = "storage.secret_removed" if value is None else "storage.secret_set"
            await LogRecorder().record(tx, kind, by.id, {"name": name})


def keep_session(folder: Path, session: str) -> None:
    """Keep a session for the commands of this user on this machine."""
    _keep({**_kept(), str(folder): session})


def forget_session(folder: Path) -> str | None:
    """Forget the kept session and return it."""
    kept = _kept()
    session = kept.pop(str(folder), None)
    _keep(kept)
    return session


def signed_in(project: Project) -> bool:
    """Whether a key or a kept session says who acts in this project."""
    return bool(os.environ.get(KEY)) or str(project.folder) in _kept()


def _sessions() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "pilothouse" / "sessions.json"


def _kept() -> dict[str, str]:
    path = _sessions()
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}); remove it and sign in again",
            code="project.sessions",
        ) from error


def _keep(sessions: Mapping[str, str]) -> None:
    path = _sessions()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dict(sessions), file)
    draft.replace(path)
