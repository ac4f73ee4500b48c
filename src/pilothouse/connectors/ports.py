"""Owns the ports of a source: Connector reads, Writer changes, Selecting takes SQL, Inspector tells faults.

An adapter is a function ``connect(context: SourceContext) -> Connector`` named by an entry point of the
group ``pilothouse.connectors``; the entry point's name is the ``kind`` of the declaration. ``connect``
must not touch the network: a source that is down fails when it is read, not when the program starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from pilothouse.connectors.errors import SourceUsageError
from pilothouse.connectors.marks import ObjectMarks
from pilothouse.connectors.types import FieldType, Finding, ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Clock, Json, SystemClock
from pilothouse.labels import Integrity, Position
from pilothouse.policy import Dialect

__all__ = [
    "Connect",
    "Connector",
    "Inspector",
    "Pinger",
    "Secrets",
    "Selectable",
    "Selecting",
    "SourceContext",
    "Writer",
]

if TYPE_CHECKING:
    from pydantic import BaseModel

Options = TypeVar("Options", bound="BaseModel")


class Secrets(Protocol):
    """Turns a reference such as ``secret://env/NAME`` into the secret."""

    def resolve(self, reference: str) -> str:
        """Return the secret.

        Raises:
            UsageError: ``sources.secret``: the reference is malformed or leads nowhere; the secret is
                never part of the message.
        """
        ...


@runtime_checkable
class Connector(Protocol):
    """Reads one source."""

    async def objects(self) -> list[ObjectSchema]:
        """Return what the source holds.

        Raises:
            UnavailableError: The source does not answer.
            DataError: It answers with rubbish.
        """
        ...

    async def read(self, query: Query) -> list[Row]:
        """Return the rows that match; an empty list only when the object exists and none matches.

        Raises:
            UnavailableError: The source is down or slow.
            DataError: The object or a field is missing (names near matches), or the answer is rubbish.
            DeniedError: The source refused our credentials.
            LimitError: More rows than the source's limit.
        """
        ...

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return up to ``n`` rows to look at."""
        ...

    async def close(self) -> None:
        """Give back connections and threads; closing twice is fine."""
        ...


@runtime_checkable
class Pinger(Protocol):
    """A connector that can tell cheaply whether its source answers."""

    async def ping(self) -> None:
        """Return when the source answers, else raise as :meth:`Connector.read` does."""
        ...


@runtime_checkable
class Inspector(Protocol):
    """A connector that reports what is damaged, ambiguous or decided."""

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return the findings of one object, or of all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectable:
    """A table or view that SQL may name.

    Attributes:
        object: What a :class:`Query` asks for.
        table: As SQL names it, with its schema where there are schemas.
        columns: Each column with what its values are.
    """

    object: str
    table: str
    columns: Mapping[str, FieldType]


@runtime_checkable
class Selecting(Protocol):
    """A connector of a database that understands SQL.

    Whoever sends SQL has made it harmless before: see :meth:`Sources.select`.
    """

    def dialect(self) -> Dialect:
        """Return what the database speaks."""
        ...

    async def selectable(self) -> list[Selectable]:
        """Return the tables and views, of the default schema first."""
        ...

    async def select(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Return at most ``limit`` rows of one statement, read-only and within the source's time.

        Args:
            text: The statement; it holds no parameters, whatever it looks like.
            limit: Rows to take.

        Raises:
            SourceDataError: ``sources.sql``: refused; names a code, never a word or value of the database.
            UnavailableError, DeniedError: As :meth:`Connector.read`, in words of our own.
        """
        ...


@runtime_checkable
class Writer(Protocol):
    """Changes one source."""

    async def tools(self) -> list[WriteTool]:
        """Return what can be done, without doing anything."""
        ...

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Do it once and return what the source answered.

        Args:
            tool: Name of the tool.
            args: Its arguments.
            effect_id: Sent as the idempotency key where the source takes one.

        Raises:
            UsageError: Unknown tool or arguments that do not fit its schema.
            OutcomeUnknownError: Sent, but no answer came back.
            UnavailableError: Not sent, or refused before it began.
            ConflictError: The source has moved.
            DataError: The source refused the arguments.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What an adapter knows about the source it serves.

    Attributes:
        name: As declared in ``[sources.<name>]``.
        kind: Entry point that opened it.
        options: The declaration without the common keys; secrets are still references.
        base: Folder of the project file; relative paths start here.
        secrets: Resolves references.
        clock: Tells ``read_at``.
        integrity: Of every row.
        readers: Of every row.
        marks: What single objects, rows and fields add to that.
        timeout: Seconds one read or write may take, all retries together.
        timezone: What local times of the source mean; None leaves them as text without a zone.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    base: Path = field(default_factory=Path)
    secrets: Secrets
    clock: Clock = field(default_factory=SystemClock)
    integrity: Integrity = Integrity.UNTRUSTED
    readers: frozenset[str] = frozenset()
    marks: Mapping[str, ObjectMarks] = field(default_factory=dict[str, ObjectMarks])
    timeout: float = 5.0
    timezone: tzinfo | None = None

    def parse(self, model: type[Options]) -> Options:
        """Return ``options`` checked by a Pydantic model.

        Raises:
            SourceUsageError: ``sources.declaration``: names every option that is wrong.
        """
        from pydantic import ValidationError

        try:
            return model.model_validate(dict(self.options))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'declaration'}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise SourceUsageError(
                self.name,
                f"[sources.{self.name}] of kind {self.kind!r} is not right: {wrong}",
                code="sources.declaration",
            ) from None

    def secret(self, value: str) -> str:
        """Return ``value``, resolved when it is a reference (``secret://...``)."""
        return self.secrets.resolve(value) if value.startswith("secret://") else value

    def path(self, value: str) -> Path:
        """Return a path of the declaration, relative to the project file."""
        return self.base / Path(value).expanduser()

    def row(
        self,
        object: str,
        *,
        key: dict[str, str],
        values: dict[str, Any],
        version: str,
        read_at: datetime | None = None,
        position: Position | None = None,
        positions: dict[str, Position] | None = None,
        as_of: datetime | None = None,
        faults: tuple[str, ...] = (),
    ) -> Row:
        """Return a row labelled as declared; a row with faults is UNTRUSTED whatever was declared."""
        return Row(
            source=self.name,
            object=object,
            key=key,
            values=values,
            version=version,
            read_at=read_at or self.clock.now(),
            readers=self.readers,
            integrity=Integrity.UNTRUSTED if faults else self.integrity,
            position=position,
            positions=positions or {},
            as_of=as_of,
            faults=faults,
        )


Connect: TypeAlias = Callable[[SourceContext], Connector]
