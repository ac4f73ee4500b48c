"""Owns the assembly: opens the database, the engine, the sources, the inbox and the door of one project."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.app.identity import identity_of, signed_in
from pilothouse.app.project import Project, find_project, load_project
from pilothouse.kernel import PilothouseError, Principal, UsageError

if TYPE_CHECKING:
    from pilothouse.agents import Agents
    from pilothouse.app.identity import Identity
    from pilothouse.app.models import ModelRecipients
    from pilothouse.connectors import Sources
    from pilothouse.decisions import Inbox, Ladder
    from pilothouse.documents import Documents
    from pilothouse.effects import Door
    from pilothouse.engine import Engine, Run
    from pilothouse.kernel import Authority
    from pilothouse.models import Gateway
    from pilothouse.storage import Database, HighWater, StorageSettings
    from pilothouse.traces import Traces

__all__ = [
    "Studio",
    "load_modules",
    "open_engine_only",
    "open_project_database",
    "open_sources",
    "open_studio",
    "storage_settings",
]

SWEEP = 1.0
SERVER = Principal(id="server", kind="service")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """One open project.

    Attributes:
        project: Its file.
        principal: Who acts.
        authority: Says who may do what.
        identity: Accounts, sign-in and stored secrets.
        database: Its PostgreSQL.
        sources: Its systems of record.
        inbox: What people are asked.
        door: The only way out.
        ladder: How far each version may act alone.
        engine: Its runs.
        traces: What happened in them, span by span.
        models: The models that it may ask.
        agents: Runs agents on them.
        documents: Reads files, in a cage.
    """

    project: Project
    principal: Principal
    authority: Authority
    identity: Identity
    database: Database
    sources: Sources
    inbox: Inbox
    door: Door
    ladder: Ladder
    engine: Engine
    traces: Traces
    models: Gateway
    agents: Agents
    documents: Documents

    async def find_proposal(self, text: str) -> UUID:
        """Return the proposal whose id is ``text`` or ends with it.

        Raises:
            UsageError: ``decisions.not_found`` or ``decisions.ambiguous``.
        """
        from pilothouse.decisions import find_ids

        found = await find_ids(self.database, text)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UsageError(
                f"there is no proposal {text!r}; see `pilothouse inbox --list --all`",
                code="decisions.not_found",
            )
        raise UsageError(
            f"{text!r} fits {len(found)} proposals; give more characters", code="decisions.ambiguous"
        )

    async def settle(self, run: UUID, *, within: float) -> Run:
        """Wait until a run has ended, waits for something, or ``within`` seconds are over; return it."""
        until = asyncio.get_running_loop().time() + within
        while True:
            found = await self.engine.get(run)
            if found.state not in ("ready", "running") or asyncio.get_running_loop().time() >= until:
                return found
            await asyncio.sleep(0.05)


def storage_settings(project: Project) -> StorageSettings:
    """Return the settings of the database: the environment first, then the project's folder."""
    from pilothouse.storage import StorageSettings

    settings = StorageSettings()
    if "data_dir" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"data_dir": project.data_dir})


def load_modules(project: Project) -> None:
    """Import the project's modules and named solutions, so that their workflows and effects are declared.

    Raises:
        UsageError: ``project.module``: a module or solution cannot be imported; names it and why.
    """
    folder = str(project.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    installed = {point.name: point for point in entry_points(group="pilothouse.solutions")}
    for name in project.file.project.solutions:
        if name not in installed:
            known = ", ".join(sorted(installed)) or "none"
            raise UsageError(
                f"solution {name!r} is not installed (installed: {known})", code="project.module"
            )
        _imported(f"solution {name!r}", installed[name].load)
    for name in project.file.project.modules:
        _imported(f"module {name!r} of {folder}", functools.partial(importlib.import_module, name))


def _imported(what: str, load: Callable[[], object]) -> None:
    try:
        load()
    except PilothouseError:
        raise
    except Exception as error:
        raise UsageError(
            f"{what} cannot be imported: {type(error).__name__}: {error}", code="project.module"
        ) from error


@contextlib.asynccontextmanager
async def open_project_database(folder: Path) -> AsyncGenerator[tuple[Project, Database]]:
    """Open the project at or above ``folder`` and its database, nothing else."""
    from pilothouse.storage import open_database

    project = load_project(find_project(folder))
    async with open_database(storage_settings(project)) as database:
        yield project, database


@contextlib.asynccontextmanager
async def open_engine_only(folder: Path) -> AsyncGenerator[Engine]:
    """Open the project's runs for reading, starting and cancelling; nothing runs here."""
    from pilothouse.engine import open_engine

    async with open_project_database(folder) as (_, database), open_engine(database, work=False) as engine:
        yield engine


@contextlib.asynccontextmanager
async def open_sources(
    folder: Path, *, acting: str | None = None
) -> AsyncGenerator[tuple[Sources, Principal]]:
    """Open the project's sources; its database only where who acts, or a secret, stands there."""
    from pilothouse.app.policy import load_authority

    project = load_project(find_project(folder))
    async with contextlib.AsyncExitStack() as stack:
        if not _needs_database(project):
            sources = _sources(project, load_authority(project), None)
            yield await stack.enter_async_context(sources), project.principal(acting)
            return
        _, database = await stack.enter_async_context(open_project_database(folder))
        authority = load_authority(project)
        identity = identity_of(project, database, authority)
        await identity.secrets.refresh()
        sources = _sources(project, authority, identity)
        yield await stack.enter_async_context(sources), await identity.acting(project, acting)


def _needs_database(project: Project) -> bool:
    """Whether the sources cannot be opened from the project file alone."""
    return (
        project.file.project.sign_in == "required"
        or signed_in(project)
        or "secret://store/" in repr(project.file.sources)
    )


def _sources(project: Project, authority: Authority, identity: Identity | None) -> Sources:
    from pilothouse.connectors import SecretReferences, Sources

    reveal = None if identity is None else identity.secrets.reveal
    return Sources.from_config(
        {"sources": project.file.sources},
        base=project.folder,
        secrets=SecretReferences(base=project.folder, reveal=reveal),
        authority=authority,
    )


@contextlib.asynccontextmanager
async def open_studio(
    folder: Path, *, acting: str | None = None, work: bool = True, serve: bool = False
) -> AsyncGenerator[Studio]:
    """Open everything of the project at or above ``folder``; closing hands live runs over.

    Args:
        folder: Where to look for the project file.
        acting: Principal; the project's operator by default.
        work: Also run segments, timers and the sweeper here; without, runs are only started and answered.
        serve: Open for nobody in particular where a sign-in is required: the server itself has no rights.
    """
    from pilothouse.app.agents import agents_of
    from pilothouse.app.documents import open_reader
    from pilothouse.app.models import open_gateway
    from pilothouse.app.policy import load_authority
    from pilothouse.app.traces import open_project_traces
    from pilothouse.audit import open_audit
    from pilothouse.engine import open_engine
    from pilothouse.storage import HighWater
    from pilothouse.workflows import Resources, bind, unbind

    async with contextlib.AsyncExitStack() as stack:
        project, database = await stack.enter_async_context(open_project_database(folder))
        authority = load_authority(project)
        identity = identity_of(project, database, authority)
        nobody = serve and project.file.project.sign_in == "required"
        principal = SERVER if nobody else await identity.acting(project, acting)
        await identity.secrets.refresh()
        sources = await stack.enter_async_context(_sources(project, authority, identity))
        data_dir = storage_settings(project).data_dir
        await stack.enter_async_context(open_audit(database, data_dir=data_dir))
        clock = HighWater(database)
        await clock.push()
        # Before the engine, so that it is closed after it: what ends last is stored too.
        traces = await stack.enter_async_context(open_project_traces(project, database, authority))
        recipients = _recipients(project, sources, authority)
        inbox, ladder, door = _trust(project, database, sources, identity, authority, recipients)
        gateway = open_gateway(
            project, database, door=door, recipients=recipients, reveal=identity.secrets.reveal, work=work
        )
        models = await stack.enter_async_context(gateway)
        documents = await stack.enter_async_context(open_reader(project))
        load_modules(project)
        agents = agents_of(
            project, model=models, door=door, inbox=inbox, sources=sources, identity=identity,
            authority=authority,
        )  # fmt: skip

        def ready(engine: Engine) -> None:
            # Before anything runs: what was left behind by a killed process goes on at once. Unbound after
            # the engine closed: what runs to its end needs it.
            use = Resources(
                engine=engine, sources=sources, inbox=inbox, door=door, agents=agents, documents=documents
            )
            stack.callback(unbind, bind(use))

        engine = await stack.enter_async_context(
            open_engine(database, ready=ready, work=work, principals=identity.directory)
        )
        studio = Studio(
            project=project, principal=principal, authority=authority, identity=identity, database=database,
            sources=sources, inbox=inbox, door=door, ladder=ladder, engine=engine, traces=traces,
            models=models, agents=agents, documents=documents,
        )  # fmt: skip
        if work:
            await _work(stack, studio, clock)
        yield studio


async def _work(stack: contextlib.AsyncExitStack, studio: Studio, clock: HighWater) -> None:
    """Begin what is done again and again while the project is open; it ends with ``stack``."""
    from pilothouse.app.traces import open_export
    from pilothouse.audit import keep_chained

    database, identity, ladder = studio.database, studio.identity, studio.ladder
    export = await stack.enter_async_context(open_export(studio.project, database, identity))
    duties = _keep(
        studio.inbox.expire, studio.door.sweep, identity.secrets.refresh, ladder.sweep, studio.traces.sweep,
        *export,
    )  # fmt: skip
    for duty in (keep_chained(database), clock.keep(), ladder.keep_fresh(), duties):
        stack.push_async_callback(_ended, asyncio.create_task(duty))


def _recipients(project: Project, sources: Sources, authority: Authority) -> ModelRecipients:
    """Return what whoever an effect reaches may read: people, and providers of models."""
    from pilothouse.app.models import ModelRecipients, declared_models
    from pilothouse.app.recipients import Recipients

    people = Recipients(project, sources, authority)
    return ModelRecipients(people, declared_models(project).providers)


def _trust(
    project: Project,
    database: Database,
    sources: Sources,
    identity: Identity,
    authority: Authority,
    recipients: ModelRecipients,
) -> tuple[Inbox, Ladder, Door]:
    """Return the queue of questions, the rungs, and the one way out, bound to each other."""
    from pilothouse.app.reread import SourceRereader
    from pilothouse.decisions import Inbox, Ladder, LadderPolicy
    from pilothouse.effects import Door
    from pilothouse.workflows import DeclaredVersions

    inbox = Inbox(database, authority=authority)
    policy = LadderPolicy.of(project.section("ladder"))
    ladder = Ladder(database, inbox, policy=policy, authority=authority)
    door = Door(
        database,
        inbox,
        rereader=SourceRereader(sources),
        versions=DeclaredVersions(),
        authority=authority,
        principals=identity.directory,
        directory=recipients,
        ladder=ladder,
    )
    ladder.follow_decisions(door.unit_of)
    return inbox, ladder, door


async def _keep(*duties: Callable[[], Awaitable[object]]) -> None:
    """Every second: expire what is due, finish what was left behind, see rotated secrets, settle labels."""
    while True:
        for duty in duties:
            try:
                await duty()
            except Exception:
                # One broken item must not stop the others from expiring.
                log.exception("a periodic duty failed; it is tried again")
        await asyncio.sleep(SWEEP)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
