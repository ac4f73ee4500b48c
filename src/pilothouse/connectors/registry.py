"""Owns the sources of a project: opens adapters when first used, checks rights, keeps time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import anyio

from pilothouse.connectors.errors import (
    OutcomeUnknownError,
    SourceDataError,
    SourceUnavailableError,
    SourceUsageError,
    near,
    unknown_tool,
)
from pilothouse.connectors.marks import CALLER
from pilothouse.connectors.ports import (
    Connect,
    Connector,
    Inspector,
    Pinger,
    Secrets,
    Selecting,
    SourceContext,
    Writer,
)
from pilothouse.connectors.secrets import SecretReferences
from pilothouse.connectors.settings import declared
from pilothouse.connectors.sight import Asked, Sight, answered, seen, sight_of
from pilothouse.connectors.types import (
    Finding,
    Health,
    ObjectSchema,
    Query,
    Row,
    WriteTool,
    promised_label,
)
from pilothouse.kernel import (
    RIGHTS,
    Authority,
    Clock,
    Json,
    PilothouseError,
    Principal,
    SystemClock,
    UnavailableError,
    UsageError,
    require,
    require_passing,
)
from pilothouse.labels import Label
from pilothouse.telemetry import span

__all__ = ["GROUP", "Sources", "installed_kinds"]

GROUP = "pilothouse.connectors"
GRACE = 1.25
"""The registry waits this much longer than an adapter's own deadline, whose error says more."""

T = TypeVar("T")


def installed_kinds() -> dict[str, Callable[[], Connect]]:
    """Return the installed kinds and a loader for each; nothing is imported yet."""
    from importlib.metadata import entry_points

    return {point.name: point.load for point in entry_points(group=GROUP)}


class Sources:
    """The declared sources of one project, used with a principal's rights.

    Reading needs ``sources:<name>:read`` and shows what policy and the declaration let the principal see, SQL
    needs ``sources:<name>:sql`` too, writing ``sources:<name>:write:<tool>``. Adapters open when first
    used and close with :meth:`close`.

    Args:
        contexts: One per source.
        kinds: Kind to a loader of its ``connect`` function.
        authority: Says who may read and write what.
    """

    def __init__(
        self,
        contexts: Mapping[str, SourceContext],
        *,
        kinds: Mapping[str, Callable[[], Connect]],
        authority: Authority = RIGHTS,
    ) -> None:
        self._contexts = dict(contexts)
        self._authority = authority
        self._kinds = kinds
        self._open: dict[str, Connector] = {}

    @classmethod
    def from_config(
        cls,
        project: Mapping[str, Any],
        *,
        base: Path,
        secrets: Secrets | None = None,
        clock: Clock | None = None,
        kinds: Mapping[str, Callable[[], Connect]] | None = None,
        authority: Authority = RIGHTS,
    ) -> Sources:
        """Return the sources that a project file declares under ``[sources.<name>]``.

        Args:
            project: The parsed ``pilothouse.toml``.
            base: Its folder.
            secrets: Where references are resolved; environment and files by default.
            clock: Tells when a row was read.
            kinds: Kinds to know; the installed ones by default.
            authority: Says who may read and write what.

        Raises:
            UsageError: ``sources.declaration``, ``sources.kind``, ``sources.literal_secret``.
        """
        tables = project.get("sources", {})
        if not isinstance(tables, Mapping):
            raise UsageError("'sources' is no table; declare [sources.<name>]", code="sources.declaration")
        known = installed_kinds() if kinds is None else kinds
        contexts: dict[str, SourceContext] = {}
        for name, table in cast("Mapping[str, Any]", tables).items():
            if not isinstance(table, Mapping):
                raise SourceUsageError(
                    name, f"{table!r} is no table; declare [sources.{name}]", code="sources.declaration"
                )
            context = declared(
                name,
                cast("Mapping[str, Any]", table),
                base=base,
                secrets=secrets or SecretReferences(base=base),
                clock=clock or SystemClock(),
            )
            if context.kind not in known:
                raise SourceUsageError(
                    name,
                    f"there is no kind {context.kind!r}; {near(context.kind, known)}",
                    code="sources.kind",
                )
            contexts[name] = context
        return cls(contexts, kinds=known, authority=authority)

    def names(self) -> list[str]:
        """Return the declared names, sorted."""
        return sorted(self._contexts)

    def readers(self) -> frozenset[str]:
        """Return every ACL id that a declaration names, but for those made of a row's fields."""
        named: set[str] = set()
        for context in self._contexts.values():
            named |= context.readers
            for marks in context.marks.values():
                named |= marks.marks.readers.union(*(field.readers for field in marks.fields.values()))
        return frozenset(named - {CALLER})

    def kind(self, source: str) -> str:
        """Return the kind of a source."""
        return self._context(source).kind

    def connector(self, source: str) -> Connector:
        """Return the open adapter of a source, without any right: for tests and the doctor.

        Raises:
            UsageError: ``sources.unknown``, or the declaration does not suit the kind.
        """
        context = self._context(source)
        if source not in self._open:
            self._open[source] = self._connect(context)
        return self._open[source]

    def promised(self, source: str, object: str | None = None, *, reader: str | None = None) -> Label:
        """Return what the declaration of a source promises at least about everything it gives.

        Args:
            source: Which source.
            object: Of one object; else of all that the declaration names.
            reader: Stands in where the declaration names no readers; None leaves the mark ``user:?``.

        Raises:
            UsageError: ``sources.unknown``.
        """
        context = self._context(source)
        readers, integrity = set(context.readers), context.integrity
        for name, tighter in context.marks.items():
            if object in (None, name):
                readers |= {tighter.row} if tighter.row else set[str]()
                for mark in (tighter.marks, *tighter.fields.values()):
                    readers |= mark.readers
                    integrity = mark.lowered(integrity)
        if reader is not None and CALLER in readers:
            readers = readers - {CALLER} | {f"user:{reader}"}
        return promised_label(source, object or "", frozenset(readers), integrity)

    async def read(
        self, principal: Principal, source: str, query: Query, *, reader: str | None = None
    ) -> list[Row]:
        """Read rows of a source with the rights of ``principal``, labelled as the source is declared.

        Args:
            principal: Who reads.
            source: Which source.
            query: What to read.
            reader: For whom, where the declaration names no readers; default the principal.

        Raises:
            DeniedError: ``policy.denied``: without ``sources:<source>:read``.
            UsageError, DataError, UnavailableError, LimitError: See :class:`Connector`; all name the source.
        """
        self._require(principal, source, "read")
        return await self._seen(principal, source, query, reader or principal.id, self._reading(source))

    async def sample(self, principal: Principal, source: str, object: str, *, n: int = 5) -> list[Row]:
        """Read up to ``n`` rows to look at; rights and errors as :meth:`read`."""
        self._require(principal, source, "read")

        async def sample(query: Query) -> list[Row]:
            # Only who sees less than all asks for more than the connector would choose to show.
            if query == first:
                return await self.connector(source).sample(object, n)
            return await self.connector(source).read(query)

        first = Query(object, limit=n)
        return await self._seen(principal, source, first, principal.id, sample)

    async def select(
        self, principal: Principal, source: str, text: str, *, limit: int = 1000, label: Label | None = None
    ) -> list[Row]:
        """Answer a SELECT that somebody wrote, over the rows and columns that ``principal`` sees.

        Args:
            principal: Who asks.
            source: Which source; its kind understands SQL.
            text: One SELECT.
            limit: Rows the answer may have; more is an error, never a cut.
            label: Of the text, which chooses and makes values; without one the answer is untrusted.

        Raises:
            DeniedError: ``policy.denied``: without ``sources:<source>:sql`` and ``sources:<source>:read``;
                ``policy.sql``: no single SELECT over tables and columns that exist for him.
            SourceDataError: ``sources.sql``: the database refused it; names a code, never a value.
            UsageError, UnavailableError, LimitError: See :class:`Selecting`; all name the source.
        """
        self._require(principal, source, "sql")
        self._require(principal, source, "read")
        connector, context = self.connector(source), self._context(source)
        if not isinstance(connector, Selecting):
            raise SourceUsageError(
                source, f"kind {context.kind!r} understands no SQL; read it", code="sources.no_sql"
            )
        asked = Asked(principal=principal, text=text, label=label, limit=limit)
        return await self._within(
            source, lambda: answered(context, connector, asked, self._authority), verb="select"
        )

    async def objects(self, principal: Principal, source: str) -> list[ObjectSchema]:
        """Return what a source holds; rights and errors as :meth:`read`."""
        self._require(principal, source, "read")
        found = await self._within(source, lambda: self.connector(source).objects())
        limited = [item.name for item in found if self._sight(principal, source, item.name).admits]
        # A count of all rows tells of those that he does not see.
        return [replace(item, row_count=None) if item.name in limited else item for item in found]

    async def findings(
        self, principal: Principal, source: str, *, object: str | None = None
    ) -> list[Finding]:
        """Return what is damaged, ambiguous or decided in a source; empty for kinds that do not inspect."""
        self._require(principal, source, "read")
        connector = self.connector(source)
        if not isinstance(connector, Inspector):
            return []
        return await self._within(source, lambda: connector.findings(object))

    async def tools(self, principal: Principal, source: str) -> list[WriteTool]:
        """Return the write tools of a source that ``principal`` may use."""
        self._context(source)
        connector = self.connector(source)
        if not isinstance(connector, Writer):
            return []
        found = await self._within(source, connector.tools)
        return [
            tool for tool in found if self._authority.may(principal, f"sources:{source}:write:{tool.name}")
        ]

    async def write(
        self, principal: Principal, source: str, tool: str, args: Mapping[str, Any], *, effect_id: str
    ) -> dict[str, Json]:
        """Change a source once with the rights of ``principal``, as the effect that the door is letting out.

        Raises:
            DeniedError: ``policy.denied``: without ``sources:<source>:write:<tool>``; ``effects.no_door``.
            OutcomeUnknownError: Sent, but no answer came; probe before sending again.
            UsageError, DataError, ConflictError, UnavailableError: See :class:`Writer`.
        """
        self._require(principal, source, f"write:{tool}")
        require_passing(effect_id)
        connector = self.connector(source)
        if not isinstance(connector, Writer):
            raise unknown_tool(source, tool, ())
        return await self._within(
            source,
            lambda: connector.write(tool, args, effect_id=effect_id),
            late=OutcomeUnknownError,
            verb=f"write {tool}",
        )

    async def health(self, source: str) -> Health:
        """Return whether a source answers now; never raises for a declared source."""
        self._context(source)
        start = time.monotonic()
        try:
            await self._within(source, lambda: _ping(self.connector(source)))
        except PilothouseError as error:
            return Health(
                source=source,
                state="down" if isinstance(error, UnavailableError) else "wrong",
                seconds=time.monotonic() - start,
                message=error.message,
                code=error.code,
            )
        return Health(source=source, state="up", seconds=time.monotonic() - start)

    async def close(self) -> None:
        """Close every open adapter."""
        while self._open:
            _, connector = self._open.popitem()
            await connector.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def _reading(self, source: str) -> Callable[[Query], Awaitable[list[Row]]]:
        return lambda query: self.connector(source).read(query)

    def _sight(self, principal: Principal, source: str, object: str) -> Sight:
        return sight_of(principal, self._context(source).marks.get(object), self._authority)

    async def _seen(
        self,
        principal: Principal,
        source: str,
        query: Query,
        reader: str,
        read: Callable[[Query], Awaitable[list[Row]]],
    ) -> list[Row]:
        declared = self._context(source).marks.get(query.object)
        sight = self._sight(principal, source, query.object)
        return await seen(
            lambda wanted: self._within(source, lambda: read(wanted)), query, declared, sight, reader=reader
        )

    def _require(self, principal: Principal, source: str, what: str) -> None:
        require(principal, f"sources:{self._context(source).name}:{what}", authority=self._authority)

    def _context(self, source: str) -> SourceContext:
        if source in self._contexts:
            return self._contexts[source]
        raise UsageError(
            f"there is no source {source!r}; {near(source, self._contexts)}", code="sources.unknown"
        )

    def _connect(self, context: SourceContext) -> Connector:
        try:
            connect = self._kinds[context.kind]()
        except ImportError as error:
            raise SourceUsageError(
                context.name,
                f"kind {context.kind!r} needs a package that is not installed ({error}); "
                f"install the extra that brings it, such as pilothouse[all]",
                code="sources.extra",
            ) from error
        return connect(context)

    async def _within(
        self,
        source: str,
        call: Callable[[], Awaitable[T]],
        *,
        late: type[SourceUnavailableError] = SourceUnavailableError,
        verb: str = "read",
    ) -> T:
        """Run ``call`` in a span; see :meth:`_in_time`."""
        kind = self._contexts[source].kind
        with span(
            verb, kind="client", attributes={"pilothouse.source": source, "pilothouse.kind": kind}
        ) as s:
            found = await self._in_time(source, call, late)
            rows = cast("object", found)
            if isinstance(rows, list):
                s.attributes["pilothouse.rows"] = len(cast("list[object]", rows))
            return found

    async def _in_time(
        self, source: str, call: Callable[[], Awaitable[T]], late: type[SourceUnavailableError]
    ) -> T:
        """Run ``call`` within the source's time; whatever is not ours becomes an error naming the source."""
        limit = self._contexts[source].timeout
        try:
            with anyio.fail_after(limit * GRACE + 0.25):
                return await call()
        except PilothouseError:
            raise
        except TimeoutError as error:
            code = None if late is OutcomeUnknownError else "sources.timeout"
            raise late(source, f"gave no answer within {limit:g} s", code=code) from error
        except Exception as error:
            why = f"the adapter {self._contexts[source].kind!r} failed: {type(error).__name__}: {error}"
            if late is OutcomeUnknownError:
                raise OutcomeUnknownError(source, why) from error
            raise SourceDataError(source, why, code="sources.adapter") from error


async def _ping(connector: Connector) -> None:
    if isinstance(connector, Pinger):
        await connector.ping()
        return
    await connector.objects()
