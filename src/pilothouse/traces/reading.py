"""Owns reading spans back: only those whose every ACL id the reader satisfies today."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast
from uuid import UUID

from pilothouse.kernel import Authority, Principal, UsageError
from pilothouse.storage import Database, Row, as_reader, load_queries
from pilothouse.traces.encoding import unsigned
from pilothouse.traces.types import ByWhat, SpanFilter, StoredSpan, Usage

__all__ = ["Reading", "nanoseconds", "next_page", "span_of"]

Q = load_queries("pilothouse.traces")
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES: tuple[Literal["unset", "ok", "error"], ...] = ("unset", "ok", "error")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 1000
OF_A_RUN = 20_000
TRACE = re.compile(r"[0-9a-f]{32}")


class Reading:
    """Finds spans with the rights of whoever asks.

    Args:
        database: Where they are.
        authority: Says who satisfies which ACL id today.
    """

    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    async def acls(self, principal: Principal, also: Iterable[str] = ()) -> frozenset[str]:
        """Return the ACL ids of spans that ``principal`` satisfies today.

        Args:
            principal: Who reads.
            also: Satisfied anyway, such as by whoever owns the run.
        """
        rows = await self._database.fetch_all(Q.reader_sets)
        found = {row["acl"] for row in rows}
        return frozenset(acl for acl in found if self._authority.reads(principal, acl)) | frozenset(also)

    async def find(self, principal: Principal, wanted: SpanFilter | None = None) -> list[StoredSpan]:
        """Return spans, newest first.

        Raises:
            UsageError: ``traces.filter``: a trace id that is none, or a limit outside of 1 to 1,000.
        """
        wanted = wanted or SpanFilter()
        if not 1 <= wanted.limit <= MOST or (wanted.trace and not TRACE.fullmatch(wanted.trace)):
            raise UsageError(
                f"limit {wanted.limit!r} or trace {wanted.trace!r} cannot be looked for; give 1 to {MOST} "
                "and 32 hex digits",
                code="traces.filter",
            )
        from pilothouse.storage import Jsonb

        acls = await self.acls(principal)
        params: dict[str, Any] = {
            "acls": sorted(acls),
            "run": wanted.run,
            "trace": wanted.trace,
            "name": wanted.name,
            "workflow": wanted.workflow,
            "account": wanted.account,
            "errors": wanted.errors,
            "after": nanoseconds(wanted.after),
            "before": nanoseconds(wanted.before),
            "wanted": Jsonb(dict(wanted.attributes)) if wanted.attributes else None,
            "limit": wanted.limit,
        }
        return [span_of(row) for row in await self._rows(acls, Q.find_spans, params)]

    async def of_run(
        self, principal: Principal, run: UUID, *, also: Iterable[str] = ()
    ) -> tuple[list[StoredSpan], bool]:
        """Return the spans of a run in order, with those of programs it called, and whether that is all.

        Args:
            principal: Who reads.
            run: Which run.
            also: ACL ids satisfied anyway.
        """
        acls = await self.acls(principal, also)
        params = {"acls": sorted(acls), "run": run, "limit": OF_A_RUN + 1}
        rows = await self._rows(acls, Q.spans_of_run, params)
        return [span_of(row) for row in rows[:OF_A_RUN]], len(rows) <= OF_A_RUN

    async def usage(
        self,
        principal: Principal,
        by: ByWhat = "model",
        *,
        run: UUID | None = None,
        after: datetime | None = None,
        foreign: bool = False,
        limit: int = 100,
    ) -> list[Usage]:
        """Return tokens, cost and time of model calls, the most tokens first.

        Args:
            principal: Who reads.
            by: What is summed up.
            run: Only of this run.
            after: Only calls that began then or later.
            foreign: Also count what other programs say they used.
            limit: Lines at most.
        """
        acls = await self.acls(principal)
        params: dict[str, Any] = {
            "acls": sorted(acls), "by": by, "run": run, "after": nanoseconds(after),
            "foreign": foreign or by == "account", "limit": limit,
        }  # fmt: skip
        return [_usage(row) for row in await self._rows(acls, Q.usage, params)]

    async def _rows(self, acls: frozenset[str], query: Any, params: dict[str, Any]) -> list[Row]:
        async with as_reader(self._database, acls) as tx:
            return await tx.fetch_all(query, params)


def next_page(spans: Sequence[StoredSpan], wanted: SpanFilter) -> SpanFilter | None:
    """Return what to look for after ``spans``; None when they were the last.

    The border lies between microseconds: spans of the one at which a page ends come once more.
    """
    if len(spans) < wanted.limit:
        return None
    border = spans[-1].began + timedelta(microseconds=1)
    # More than a page in one microsecond: go on rather than around.
    return replace(wanted, before=border if border != wanted.before else spans[-1].began)


def nanoseconds(at: datetime | None) -> int | None:
    """Return Unix nanoseconds, exactly."""
    return None if at is None else (at - EPOCH) // timedelta(microseconds=1) * 1000


def span_of(row: Row) -> StoredSpan:
    """Return the noun of a stored span."""
    began = cast("int", row["began"])
    return StoredSpan(
        trace=row["trace"].hex,
        id=unsigned(row["id"]),
        parent=None if row["parent"] is None else unsigned(row["parent"]),
        run=row["run"],
        name=row["name"],
        kind=KINDS[cast("int", row["kind"])],
        status=STATUSES[cast("int", row["status"])],
        message=row["message"],
        began=EPOCH + timedelta(microseconds=began // 1000),
        began_ns=began,
        took=row["took"],
        account=row["account"],
        workflow=row["workflow"],
        service=row["service"],
        integrity=row["integrity"],
        attributes=row["attributes"],
        more=row["more"] or {},
    )


def _usage(row: Row) -> Usage:
    return Usage(
        of=row["thing"],
        calls=row["calls"],
        errors=row["errors"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost=Decimal(row["cost"] or 0),
        seconds=float(row["seconds"] or 0),
    )
