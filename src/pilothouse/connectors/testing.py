"""Owns the contract of sources as tests, run on the fake and on every adapter, and the fake itself.

A test file of an adapter inherits a suite and gives it a subject::

    class TestSqlite(ConnectorSuite):
        @pytest.fixture
        async def subject(self, tmp_path): ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from pilothouse.connectors.errors import (
    SourceUnavailableError,
    SourceUsageError,
    near,
    unknown_object,
    unknown_tool,
)
from pilothouse.connectors.ports import Connector, SourceContext, Writer
from pilothouse.connectors.secrets import SecretReferences
from pilothouse.connectors.select import as_text, choose
from pilothouse.connectors.types import FieldSchema, ObjectSchema, Query, Row, Scalar, WriteTool
from pilothouse.kernel import DataError, Json, UnavailableError, UsageError, content_hash, decode, encode
from pilothouse.labels import Integrity, Origin

__all__ = [
    "ConnectorSuite",
    "FakeConnector",
    "Subject",
    "WriteSubject",
    "WriterSuite",
    "source_context",
]


def source_context(kind: str, options: Mapping[str, Any], *, base: Path, **given: Any) -> SourceContext:
    """Return a context for tests: source ``tested``, integrity RECORD, readers ``acl:desk``.

    Args:
        kind: Kind of the adapter.
        options: Its declaration.
        base: Folder that relative paths start from.
        given: Anything else of :class:`SourceContext`.
    """
    defaults: dict[str, Any] = {
        "name": "tested",
        "secrets": SecretReferences(base=base, environ={}),
        "integrity": Integrity.RECORD,
        "readers": frozenset({"acl:desk"}),
    }
    return SourceContext(kind=kind, options=options, base=base, **{**defaults, **given})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A connector with content to test.

    Attributes:
        connector: Opened with :func:`source_context`.
        object: One of its objects, with at least two rows and at most 400.
        where: What every query on it must name (path parameters, arguments).
        take_away: Makes the source unreachable; None where it cannot be done.
    """

    connector: Connector
    object: str
    where: dict[str, list[Scalar]] = field(default_factory=dict[str, list[Scalar]])
    take_away: Callable[[], Awaitable[None]] | None = None

    def query(self, **changes: Any) -> Query:
        """Return a query on the object; ``where`` is added to what it must name."""
        where = {**self.where, **changes.pop("where", {})}
        return Query(self.object, where=where, **changes)


class ConnectorSuite:
    """What every connector keeps; inherit and give the fixture ``subject``."""

    async def test_it_says_what_it_holds(self, subject: Subject) -> None:
        """Objects have unique names, and those of the subject's are fields of its rows."""
        schemas = await subject.connector.objects()
        names = [schema.name for schema in schemas]
        assert len(names) == len(set(names))
        assert subject.object in names
        schema = schemas[names.index(subject.object)]
        rows = await subject.connector.read(subject.query())
        if schema.fields:
            assert {item.name for item in schema.fields} & set(rows[0].values)

    async def test_every_value_says_where_it_comes_from(self, subject: Subject) -> None:
        """Source, object, key, field, version, time, readers and integrity are on every value."""
        rows = await subject.connector.read(subject.query())
        assert len(rows) >= 2
        for row in rows:
            assert row.key
            assert all(isinstance(part, str) for part in row.key.values())
            assert row.version
            assert row.read_at.tzinfo is not None
            for name in row.values:
                labelled = row.labelled(name)
                origin = labelled.label.origin
                assert isinstance(origin, Origin)
                assert (origin.source, origin.object, origin.field) == ("tested", subject.object, name)
                assert origin.key == row.key
                assert labelled.label.readers == frozenset({"acl:desk"})
                assert labelled.label.integrity is Integrity.RECORD or row.faults

    async def test_keys_are_unique(self, subject: Subject) -> None:
        """No two rows of one object share a key."""
        rows = await subject.connector.read(subject.query())
        assert len({tuple(sorted(row.key.items())) for row in rows}) == len(rows)

    async def test_rows_survive_the_journal(self, subject: Subject) -> None:
        """A row has a wire form and comes back equal."""
        for row in await subject.connector.read(subject.query()):
            assert decode(encode(row)) == row

    async def test_evidence_can_be_read_again(self, subject: Subject) -> None:
        """The key of a row finds the same values under the same version."""
        for row in (await subject.connector.read(subject.query()))[:5]:
            again = await subject.connector.read(subject.query(where={k: [v] for k, v in row.key.items()}))
            assert [(item.key, item.values, item.version) for item in again] == [
                (row.key, row.values, row.version)
            ]
            assert again[0].read_at.astimezone(UTC) >= row.read_at.astimezone(UTC)

    async def test_many_keys_are_one_question(self, subject: Subject) -> None:
        """Up to 500 values of a field may be asked for at once; those that are not there are left out."""
        rows = await subject.connector.read(subject.query())
        name = next(iter(rows[0].key))
        wanted = list(dict.fromkeys(row.key[name] for row in rows))[:400]
        padded = [*wanted, *(f"nobody-{n}" for n in range(500 - len(wanted)))]
        found = await subject.connector.read(subject.query(where={name: padded}))
        assert {row.key[name] for row in found} == set(wanted)

    async def test_nothing_found_is_an_empty_list(self, subject: Subject) -> None:
        """Only an object that exists can have no matching row."""
        rows = await subject.connector.read(subject.query())
        name = next(iter(rows[0].key))
        assert await subject.connector.read(subject.query(where={name: ["nobody-has-this"]})) == []

    async def test_only_the_fields_asked_for(self, subject: Subject) -> None:
        """``fields`` narrows the values, not the key or the version."""
        whole = (await subject.connector.read(subject.query()))[0]
        name = next(item for item, value in whole.values.items() if value is not None)
        narrow = (await subject.connector.read(subject.query(fields=(name,))))[0]
        assert narrow.values == {name: whole.values[name]}
        assert (narrow.key, narrow.version) == (whole.key, whole.version)

    async def test_a_limit_is_kept(self, subject: Subject) -> None:
        """``limit`` and ``sample`` give no more rows than asked for."""
        assert len(await subject.connector.read(subject.query(limit=1))) == 1
        assert len(await subject.connector.sample(subject.object, 1)) <= 1

    async def test_a_missing_object_is_an_error(self, subject: Subject) -> None:
        """A misspelt object is named with what it may have meant."""
        import pytest

        with pytest.raises((DataError, UsageError), match="'tested'"):
            await subject.connector.read(Query(f"{subject.object}_x", where=subject.where))

    async def test_a_missing_field_is_an_error(self, subject: Subject) -> None:
        """A misspelt field is an error in where, fields and order_by."""
        import pytest

        for wrong in ({"where": {"no such field": ["x"]}}, {"fields": ("no such field",)}):
            with pytest.raises((DataError, UsageError), match="no such field"):
                await subject.connector.read(subject.query(**wrong))

    async def test_a_source_that_is_gone_is_an_error(self, subject: Subject) -> None:
        """Down is never empty: a typed error names the source."""
        import pytest

        if subject.take_away is None:
            pytest.skip("this subject cannot be taken away")
        await subject.take_away()
        with pytest.raises((UnavailableError, DataError), match="'tested'"):
            await subject.connector.read(subject.query())

    async def test_closing_twice_is_fine(self, subject: Subject) -> None:
        """Close gives everything back and may be called again."""
        await subject.connector.close()
        await subject.connector.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSubject:
    """A writer to test.

    Attributes:
        writer: Opened with :func:`source_context`.
        tool: One of its tools; it must honour the effect id.
        args: Arguments that it takes.
        effects: How often the foreign system really did it, counted there.
    """

    writer: Writer
    tool: str
    args: dict[str, Any]
    effects: Callable[[], Awaitable[int]]


class WriterSuite:
    """What every writer keeps; inherit and give the fixture ``writing``."""

    async def test_tools_describe_themselves(self, writing: WriteSubject) -> None:
        """A tool has a schema of its arguments and a version that does not change by itself."""
        tools = {tool.name: tool for tool in await writing.writer.tools()}
        tool = tools[writing.tool]
        assert tool.schema["type"] == "object"
        assert tool.version
        assert tool == {item.name: item for item in await writing.writer.tools()}[writing.tool]
        assert await writing.effects() == 0

    async def test_the_same_effect_happens_once(self, writing: WriteSubject) -> None:
        """Sent again under one effect id, it happens once; under another, again."""
        await writing.writer.write(writing.tool, writing.args, effect_id="effect-1")
        result = await writing.writer.write(writing.tool, writing.args, effect_id="effect-1")
        assert await writing.effects() == 1
        assert encode(result) is not None

    async def test_an_unknown_tool_is_an_error(self, writing: WriteSubject) -> None:
        """A misspelt tool does nothing."""
        import pytest

        with pytest.raises(UsageError, match="'tested'"):
            await writing.writer.write(f"{writing.tool}_x", writing.args, effect_id="effect-2")
        assert await writing.effects() == 0

    async def test_wrong_arguments_do_nothing(self, writing: WriteSubject) -> None:
        """An argument too many is refused before anything is sent."""
        import pytest

        with pytest.raises(UsageError, match="surplus"):
            await writing.writer.write(writing.tool, {**writing.args, "surplus": "x"}, effect_id="effect-3")
        assert await writing.effects() == 0


class FakeConnector:
    """A source in memory that keeps the whole contract; ``append`` is its one write tool.

    Args:
        context: The source.
        tables: Object to its records.
        key: The field that finds a record again, in every object.
    """

    def __init__(
        self, context: SourceContext, tables: Mapping[str, Sequence[Mapping[str, Any]]], *, key: str
    ) -> None:
        self._context = context
        self._key = key
        self.tables = {name: [dict(record) for record in records] for name, records in tables.items()}
        self.down = False
        self.effects: dict[str, dict[str, Any]] = {}

    async def objects(self) -> list[ObjectSchema]:
        """Return the tables."""
        self._refuse_when_down()
        return [
            ObjectSchema(
                name=name,
                fields=tuple(FieldSchema(name=item) for item in (records[0] if records else ())),
                key=(self._key,),
                row_count=len(records),
            )
            for name, records in self.tables.items()
        ]

    async def read(self, query: Query) -> list[Row]:
        """Return the matching records."""
        self._refuse_when_down()
        if query.object not in self.tables:
            raise unknown_object(self._context.name, query.object, self.tables)
        rows = [
            self._context.row(
                query.object,
                key={self._key: as_text(record[self._key])},
                values=record,
                version=content_hash(record),
            )
            for record in self.tables[query.object]
        ]
        return choose(self._context.name, query, rows, {name for row in rows for name in row.values})

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return the first ``n`` records."""
        return await self.read(Query(object, limit=n))

    async def tools(self) -> list[WriteTool]:
        """Return ``append``, which adds one note."""
        schema: dict[str, Json] = {
            "type": "object",
            "properties": {"note": {"type": "string"}},
            "required": ["note"],
        }
        return [WriteTool(name="append", schema=schema, idempotent=True, version="1")]

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Keep the note once per effect id."""
        self._refuse_when_down()
        if tool != "append":
            raise unknown_tool(self._context.name, tool, ("append",))
        for name in args:
            if name != "note":
                raise SourceUsageError(
                    self._context.name, f"append has no argument {name!r}; {near(name, ('note',))}"
                )
        repeated = effect_id in self.effects
        self.effects.setdefault(effect_id, dict(args))
        return {"repeated": repeated}

    async def close(self) -> None:
        """Nothing is held open."""

    def _refuse_when_down(self) -> None:
        if self.down:
            raise SourceUnavailableError(self._context.name, "does not answer")
