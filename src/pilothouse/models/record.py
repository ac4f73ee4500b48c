"""Owns reading the record of calls: whom was asked what, at which cost; bodies only under their label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.kernel import RIGHTS, Authority, DataError, DeniedError, Principal, UsageError, decode, loads
from pilothouse.labels import Label
from pilothouse.models.keeping.bodies import parse_body, unpacked
from pilothouse.models.types import Message, Part, ToolChoice
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Row

__all__ = ["CallRecord", "ProviderTotals", "Records"]

Q = load_queries("pilothouse.models")
HASH, KEY = 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One attempt as it was recorded; without words: :meth:`Records.conversation` reads those.

    Attributes:
        id: Of the attempt; ``Answer.call`` of the answer it gave.
        call: Groups the attempts of one call.
        outcome: ``ok``, ``failed``, ``invalid``, ``refused``, ``cancelled``, ``lost`` or still ``open``.
        dropped: Why providers before it were left out.
        local: Whether it stayed on this machine; None where it never got so far.
        effect: The audited effect that let it out.
        first: Seconds until the first piece.
    """

    id: UUID
    call: str
    number: int
    at: datetime
    task: str
    provider: str
    model: str
    outcome: str
    code: str
    why: str
    principal: str
    caller: str
    run: str | None
    mode: str
    repair: bool
    local: bool | None
    effect: str
    redactors: tuple[str, ...]
    dropped: Mapping[str, str]
    degraded: str
    prompt_tokens: int
    output_tokens: int
    cpu_seconds: float
    cost: Decimal
    seconds: float | None
    first: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTotals:
    """What one provider did and cost over a time."""

    provider: str
    calls: int
    ok: int
    failed: int
    prompt_tokens: int
    output_tokens: int
    cpu_seconds: float
    cost: Decimal
    median_seconds: float | None


class Records:
    """Reads the record.

    Args:
        database: Where it is.
        authority: Says who may read what today.
    """

    def __init__(self, database: Database, *, authority: Authority = RIGHTS) -> None:
        self._database = database
        self._authority = authority

    async def attempts(
        self,
        *,
        call: str | None = None,
        run: str | None = None,
        task: str | None = None,
        limit: int = 50,
    ) -> tuple[CallRecord, ...]:
        """Return attempts, newest first."""
        values = {"call": call, "run": run, "task": task, "limit": limit}
        return tuple(_record(row) for row in await self._database.fetch_all(Q.attempts, values))

    async def totals(self, *, hours: float = 24.0) -> tuple[ProviderTotals, ...]:
        """Return what each provider did and cost in the last ``hours``."""
        rows = await self._database.fetch_all(Q.totals, {"within": hours * 3600})
        return tuple(ProviderTotals(**row) for row in rows)

    async def conversation(self, id: UUID, reader: Principal) -> tuple[Message, ...]:
        """Return what an attempt sent and what came back, each part under its label.

        Raises:
            DeniedError: ``models.not_readable``: the label of the prompt asks for more than ``reader`` has.
            UsageError: ``models.no_call``.
            DataError: ``models.body_missing``: it was erased.
        """
        row = await self._database.fetch_one(Q.call, {"id": id})
        if row is None:
            raise UsageError(f"there is no model call {str(id)!r}; check the id", code="models.no_call")
        bodies = await self._bodies([bytes(row["label"])])
        label = _label(bodies[bytes(row["label"])])
        self._require(reader, label)
        messages = await self._messages(bytes(row["thread"]))
        if row["answer"] is None:
            return messages
        [answer] = (await self._bodies([bytes(row["answer"])])).values()
        return (*messages, _message(answer, label))

    def _require(self, reader: Principal, label: Label | None) -> None:
        missing = sorted(
            acl for acl in (label.readers if label else ()) if not self._authority.reads(reader, acl)
        )
        if missing:
            raise DeniedError(
                f"{reader.id!r} may not read this conversation: it asks for {missing[0]!r}",
                code="models.not_readable",
                reasons=tuple(f"missing:{acl}" for acl in missing),
            )

    async def _messages(self, thread: bytes) -> tuple[Message, ...]:
        rows = await self._database.fetch_all(Q.chain, {"thread": thread})
        pairs = [
            pair for row in reversed(rows) for pair in _pairs(bytes(row["bodies"]), bytes(row["labels"]))
        ]
        keys = list(dict.fromkeys(key for pair in pairs for key in pair))
        bodies = await self._bodies(keys)
        return tuple(_message(bodies[body], _label(bodies[label])) for body, label in pairs)

    async def _bodies(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        rows = await self._database.fetch_all(Q.bodies, {"hashes": list(keys)})
        found = {bytes(row["hash"]): unpacked(bytes(row["body"])) for row in rows}
        for key in keys:
            if key not in found:
                raise DataError(f"body {key.hex()!r} of a model call was erased", code="models.body_missing")
        return found


def _pairs(bodies: bytes, labels: bytes) -> list[tuple[bytes, bytes]]:
    hashes = [bodies[at : at + HASH] for at in range(0, len(bodies), HASH)]
    keys = [labels[at : at + KEY] for at in range(0, len(labels), KEY)]
    return list(zip(hashes, keys * len(hashes) if len(keys) == 1 else keys, strict=True))


def _label(body: bytes) -> Label | None:
    return decode(loads(body)) if body else None


def _message(body: bytes, label: Label | None) -> Message:
    found = parse_body(body)
    texts: list[str] = found.get("texts", [])
    return Message(
        role=found["role"],
        parts=tuple(Part(text=text, label=label) for text in texts) if label is not None else (),
        choices=tuple(
            ToolChoice(id=one, tool=tool, arguments=arguments)
            for one, tool, arguments in found.get("choices", [])
        ),
        answers=found.get("answers", ""),
    )


def _record(row: Row) -> CallRecord:
    names = (
        "id", "call", "number", "at", "task", "provider", "model", "outcome", "code", "why", "principal",
        "caller", "run", "mode", "repair", "local", "effect", "degraded", "prompt_tokens", "output_tokens",
        "cpu_seconds", "cost", "seconds", "first",
    )  # fmt: skip
    fields: dict[str, Any] = {name: row[name] for name in names}
    return CallRecord(**fields, redactors=tuple(row["redactors"]), dropped=json.loads(row["dropped"]))
