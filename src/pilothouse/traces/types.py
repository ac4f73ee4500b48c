"""Owns the nouns of traces: where spans come from, spans as stored, what is asked of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

__all__ = ["Batch", "ByWhat", "SpanFilter", "SpanRow", "SpanSource", "StoredSpan", "Usage", "scope_of"]

ByWhat = Literal["model", "agent", "run", "workflow", "account"]

SpanRow: TypeAlias = tuple[
    int,  # began, Unix nanoseconds
    int,  # took, nanoseconds
    int,  # id, signed
    int | None,  # parent, signed
    str,  # trace, 32 hex digits
    str | None,  # run, 32 hex digits
    int,  # kind, as OTLP numbers it
    int,  # status, as OTLP numbers it
    int | None,  # integrity
    str,  # name
    str,  # message
    str,  # attributes, JSON
    str | None,  # events, links, trace state: JSON
]
"""One span on its way into the table, in the order of its columns."""


def scope_of(workflow: str, account: str = "") -> str:
    """Return the right, and ACL id, of whoever may read the spans of a workflow, or of a foreign account."""
    return f"traces:from.{account}:read" if account else f"traces:{workflow or '-'}:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanSource:
    """Where spans come from and who may read them; stored once.

    Attributes:
        account: Whose key brought them; empty for our own. What a foreign account says is untrusted.
        workflow: Of our own spans.
        service: ``service.name`` of the program.
        readers: ACL ids; only who satisfies all of them reads the spans.
        resource: What the program says of itself, and the instrumentation of itself.
    """

    account: str = ""
    workflow: str = ""
    service: str = ""
    readers: frozenset[str]
    resource: str = "{}"

    @property
    def hash(self) -> bytes:
        """SHA-256 of all fields."""
        fields = [self.account, self.workflow, self.service, sorted(self.readers), self.resource]
        return hashlib.sha256(json.dumps(fields).encode()).digest()


@dataclass(slots=True, kw_only=True)
class Batch:
    """Spans that are stored together: acknowledged together, or refused together.

    Attributes:
        groups: The rows of each source.
        rejected: Spans that cannot be stored.
        why: Of the first of them, in words.
    """

    groups: list[tuple[SpanSource, list[SpanRow]]] = field(
        default_factory=list["tuple[SpanSource, list[SpanRow]]"]
    )
    rejected: int = 0
    why: str = ""

    def reject(self, why: str) -> None:
        """Count one span that cannot be stored."""
        self.rejected += 1
        self.why = self.why or why

    @property
    def size(self) -> int:
        """How many spans are to be stored."""
        return sum(len(rows) for _, rows in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpan:
    """One span as it is read.

    Attributes:
        account: Whose key brought it; empty for our own.
        took: Nanoseconds.
        status: ``error`` with the stable code in ``message``.
        integrity: Of what it came to: 0 untrusted to 3 operator; None where nothing was said.
        more: Events, links and trace state of a foreign span.
    """

    trace: str
    id: str
    parent: str | None
    run: UUID | None
    name: str
    kind: str
    status: Literal["unset", "ok", "error"]
    message: str
    began: datetime
    began_ns: int
    took: int
    account: str
    workflow: str
    service: str
    integrity: int | None
    attributes: Mapping[str, Any]
    more: Mapping[str, Any]

    @property
    def foreign(self) -> bool:
        """Whether another program sent it: then nothing in it is to be trusted."""
        return bool(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFilter:
    """Which spans are looked for; all that is given must hold.

    Attributes:
        run: Of our own spans only: what a foreign span says of a run counts for nothing.
        name: The whole name.
        attributes: Values that must be the same, compared as text.
        before: The time range ends here; pages go back in time, so this is the cursor too.
        limit: 1 to 1,000.
    """

    run: UUID | None = None
    trace: str | None = None
    name: str | None = None
    workflow: str | None = None
    account: str | None = None
    errors: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    after: datetime | None = None
    before: datetime | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What model calls used, by one thing.

    Attributes:
        of: Which model, agent, run, workflow or account.
        calls: Spans of model calls.
        cost: As the gateway counted it, in the currency of its price lists.
    """

    of: str
    calls: int
    errors: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    seconds: float
