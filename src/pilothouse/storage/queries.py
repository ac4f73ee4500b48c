"""Owns named SQL: blocks in ``<part>/sql/*.sql``, each with a name and a sentence.

::

    -- name: insert_run
    -- Insert a run unless its key exists.
    insert into engine_run (...) values (%(id)s, ...) on conflict do nothing returning id
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pilothouse.kernel import UsageError

__all__ = ["Queries", "Query", "load_queries"]

_NAME = re.compile(r"^-- name: *([a-z][a-z0-9_]*) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One named statement; parameters are psycopg's ``%(name)s``."""

    part: str
    name: str
    sentence: str
    text: str


class Queries:
    """The named queries of one part: ``Q.insert_run`` is a :class:`Query`; iterable."""

    def __init__(self, part: str, queries: dict[str, Query]) -> None:
        self._part = part
        self._queries = queries

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(
                f"{self._part!r} has no query {name!r}; it has {sorted(self._queries)}"
            ) from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


@cache
def load_queries(package: str) -> Queries:
    """Return the queries in ``<package>/sql/*.sql``.

    Raises:
        UsageError: ``storage.queries``: a block without sentence or statement, or a name used twice.
    """
    part = package.rpartition(".")[2]
    folder = files(package).joinpath("sql")
    found: dict[str, Query] = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".sql"):
            continue
        for query in _blocks(part, file.name, file.read_text(encoding="utf-8")):
            if query.name in found:
                raise UsageError(
                    f"query {query.name!r} of {package!r} is defined twice", code="storage.queries"
                )
            found[query.name] = query
    return Queries(package, found)


def _blocks(part: str, file: str, text: str) -> Iterator[Query]:
    pieces = _NAME.split(text)
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        lines = body.strip().splitlines()
        sentence = lines[0].removeprefix("--").strip() if lines and lines[0].startswith("--") else ""
        statement = "\n".join(lines[1:]).strip().rstrip(";")
        if not sentence or not statement:
            raise UsageError(
                f"block {name!r} in {file!r} needs a line `-- <one sentence>` and then its statement",
                code="storage.queries",
            )
        yield Query(part=part, name=name, sentence=sentence, text=statement)
