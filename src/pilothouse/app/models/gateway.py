"""Owns the assembly of the gateway: endpoints, the record, and the door as its only way out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.kernel import DeniedError, Principal, UsageError
from pilothouse.labels import Integrity, signed

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.effects import Directory, Door, EffectCall
    from pilothouse.models import Backend, Declared, Gateway, OutboundCall, Permit, PostgresKeeper, Provider
    from pilothouse.models.gateway import Replay
    from pilothouse.storage import Database

__all__ = [
    "TOOL",
    "DoorEgress",
    "ModelRecipients",
    "declared_models",
    "open_gateway",
    "permit_check",
    "switch_egress",
]

TOOL = "models.call"
HALTS = "effects_halt"
PREFIX = "model:"
SEEN = 10_000
SWEEP = 5.0
PRUNE_FIRST, PRUNE = 600.0, 86_400.0
log = logging.getLogger(__name__)


def declared_models(project: Project) -> Declared:
    """Return the ``[models]`` table of a project.

    Raises:
        UsageError: ``models.declaration`` or ``models.literal_secret``; names the key.
    """
    from pilothouse.models import declared

    def template(name: str) -> str:
        path = project.folder / name
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the template {path} cannot be read ({type(error).__name__}); correct it in [models.routes]",
                code="models.declaration",
            ) from error

    return declared(project.section("models"), template=template)


class ModelRecipients:
    """A ``Directory`` in which providers of models are recipients too: what their contract lets them read.

    Args:
        people: Knows everybody else.
        providers: As the project declares them.
    """

    def __init__(self, people: Directory, providers: tuple[Provider, ...]) -> None:
        self._people = people
        self._providers = {f"{PREFIX}{one.name}": one for one in providers}
        self._seen: set[str] = set()

    def see(self, readers: frozenset[str]) -> None:
        """Take note of ACL ids, so that a provider's patterns can be held against them."""
        if len(self._seen) > SEEN:
            self._seen.clear()
        self._seen |= readers

    def acls(self, recipient: str) -> frozenset[str]:
        """Return the ACL ids that ``recipient`` satisfies today; none for the unknown and the expired."""
        provider = self._providers.get(recipient)
        if provider is None:
            return self._people.acls(recipient)
        if provider.expires is not None and provider.expires < datetime.now(UTC).date():
            return frozenset()
        return frozenset(acl for acl in self._seen if provider.satisfies(acl))


class DoorEgress:
    """Lets an attempt leave by the door: right, label against audience, halt switch, audit; then it is sent.

    The effect is the permission. A provider may be asked twice for one answer, so nothing here promises that
    it is asked once; that every prompt that left has its entry in the log before is what is promised.

    Args:
        door: The only way out.
        recipients: The directory that the door asks.
    """

    def __init__(self, door: Door, recipients: ModelRecipients) -> None:
        self._door = door
        self._recipients = recipients
        declare(door)

    async def permit(self, call: OutboundCall) -> Permit:
        """Return the permission; see :class:`~pilothouse.models.ports.Egress`.

        Raises:
            DeniedError: ``policy.denied``, ``effects.denied``, ``effects.halted``, or ``models.shadowed``:
                the calling version stands at shadow and nothing of it leaves.
        """
        from pilothouse.effects import EffectRequest
        from pilothouse.models import Permit

        self._recipients.see(call.label.readers)
        provider = call.provider
        config = signed(f"models:{provider.name}", provider.model)
        args = {
            "provider": f"{PREFIX}{provider.name}",
            "model": provider.model,
            "address": call.place.address,
            "region": provider.region,
            "contract": provider.contract,
            "task": call.task,
            "bytes": call.bytes,
            "redactors": list(call.redactors),
            "content": call.content,
        }
        effect = f"{TOOL}:{call.attempt}"
        outcome = await self._door.perform(
            EffectRequest(
                tool=TOOL,
                args=args,
                effect_id=effect,
                principal=call.principal,
                labels={name: call.label if name in ("content", "bytes") else config for name in args},
                pc=call.label,
                # A prompt may hold a stranger's text: that it wants to leave is no question to anybody.
                may_ask=False,
                version=call.caller,
                run=call.run,
            )
        )
        if outcome.state != "done":
            raise DeniedError(
                f"a call of {provider.name!r} by {call.caller!r} was only recorded ({outcome.state}); raise "
                "its rung first",
                code="models.shadowed",
                reasons=(f"models.{outcome.state}",),
            )
        return Permit(effect=effect)


def declare(door: Door) -> None:
    """Declare the effect of a prompt that leaves the house."""
    from pilothouse.effects import EffectSpec, Recipient

    async def permitted(_: EffectCall) -> str:
        return "permitted"

    door.register(
        EffectSpec(
            tool=TOOL,
            effect="egress",
            tier=2,
            steering=("provider",),
            accepts=Integrity.UNTRUSTED,
            audience=Recipient(arg="provider"),
            idempotent_by_effect_id=True,
            phrase="a prompt of {bytes} bytes was let out to {provider}",
        ),
        permitted,
    )


@contextlib.asynccontextmanager
async def open_gateway(
    project: Project,
    database: Database,
    *,
    door: Door,
    recipients: ModelRecipients,
    reveal: Callable[[str, str], str],
    work: bool = True,
    replay: Replay = "off",
) -> AsyncGenerator[Gateway]:
    """Open the gateway of a project; providers are dialled by the first call only.

    Args:
        project: Declares providers, routes and budgets.
        database: Keeps calls.
        door: The way out.
        recipients: The directory that the door asks.
        reveal: Opens a stored secret, for credentials.
        work: Also settle what killed processes left behind, and forget calls that are old enough.
        replay: ``recorded`` answers from the record alone.
    """
    from pilothouse.models import BreakerNews, Budgets, Gateway, PostgresKeeper, with_measured

    found = declared_models(project)
    providers = await with_measured(database, found.providers)
    backends = [_backend(project, one, reveal) for one in providers]
    keeper = PostgresKeeper(database, budgets=Budgets(database, found.budgets))
    news = BreakerNews(database)
    gateway = Gateway(
        backends,
        found.routes,
        keeper=keeper,
        egress=DoorEgress(door, recipients),
        redactors=found.redactors,
        tell=news.changed,
        replay=replay,
    )
    tasks = [asyncio.create_task(_follow(database, door, gateway)), asyncio.create_task(news.send())]
    if work:
        tasks += [asyncio.create_task(_sweep(keeper)), asyncio.create_task(_prune(keeper))]
    await _switched(door, gateway)
    try:
        yield gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.close()


def _backend(project: Project, provider: Provider, reveal: Callable[[str, str], str]) -> Backend:
    from pilothouse.connectors import SecretReferences
    from pilothouse.models import ChildBackend, OpenAIBackend

    if provider.kind == "local":
        from pilothouse.app.models.packs import open_local_runtime

        return ChildBackend(provider, lambda: open_local_runtime(provider.model, folder=project.folder))
    references = SecretReferences(base=project.folder, reveal=reveal)
    return OpenAIBackend(provider, secret=references.resolve)


async def switch_egress(door: Door, by: Principal, reason: str, *, offline: bool) -> None:
    """Stop every prompt from leaving, or let them leave again; holds in all processes at once.

    Raises:
        DeniedError: ``policy.denied``, or ``effects.not_a_person`` for who wants to go online again.
        UsageError: ``effects.reason_missing``.
    """
    if offline:
        await door.halt(by, reason, scope=TOOL)
    else:
        await door.lift(by, reason, scope=TOOL)


async def permit_check(gateway: Gateway, name: str, principal: Principal) -> None:
    """Ask the door whether the contract suite may speak to a provider; its words are our own and public.

    Raises:
        DeniedError: ``policy.denied``, ``effects.halted`` and so on.
    """
    label = signed("models.check", "1")
    await gateway.let_out(name, principal=principal, label=label, task="models.check")


async def _follow(database: Database, door: Door, gateway: Gateway) -> None:
    """Cut what is leaving as soon as somebody switches."""
    async with database.listen(HALTS) as news:
        await _switched(door, gateway)
        async for _ in news:
            await _switched(door, gateway)


async def _switched(door: Door, gateway: Gateway) -> None:
    stopped = [one for one in await door.halts() if one.halted and one.scope in ("*", TOOL)]
    if not stopped:
        gateway.go_online()
    elif not gateway.offline:
        one = stopped[0]
        gateway.go_offline(f"{one.by!r} switched egress off: {one.reason}")


async def _sweep(keeper: PostgresKeeper) -> None:
    while True:
        try:
            await keeper.sweep()
        except Exception:
            # A database that is away comes back; leases wait.
            log.exception("calls of killed processes could not be settled; it is tried again")
        await asyncio.sleep(SWEEP)


async def _prune(keeper: PostgresKeeper) -> None:
    await asyncio.sleep(PRUNE_FIRST)  # not while everything starts
    while True:
        try:
            await keeper.prune()
        except Exception:
            log.exception("old calls of models could not be forgotten; it is tried again tomorrow")
        await asyncio.sleep(PRUNE)
