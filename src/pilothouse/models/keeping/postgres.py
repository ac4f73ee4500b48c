"""Owns keeping attempts in PostgreSQL: one statement before anything is sent, one when it has ended."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.kernel import canonical, loads
from pilothouse.labels import Label
from pilothouse.models.budget import Budgets, Share, amount
from pilothouse.models.calling.attempt import Attempt, Ended
from pilothouse.models.errors import BudgetError
from pilothouse.models.keeping.bodies import Bodies, Thread, answer_body, call_label, packed, parse_body
from pilothouse.models.keeping.prune import Pruned, prune
from pilothouse.models.types import Answer, ChatRequest, ToolChoice, Usage
from pilothouse.storage import ConstraintError, load_queries

if TYPE_CHECKING:
    from pilothouse.models.settings import ModelsSettings
    from pilothouse.storage import Database, Row

__all__ = ["PostgresKeeper"]

Q = load_queries("pilothouse.models")
ADAPTER = "openai-http 1"
RAW = 20_000
RACES = 8
log = logging.getLogger(__name__)


class PostgresKeeper:
    """Keeps calls, bodies and budgets of one database.

    Args:
        database: Where.
        budgets: The limits; none by default.
        settings: Leases and warnings.
        warn: Is told of each budget that comes near its limit: scope, name, unit, used, most.
    """

    def __init__(
        self,
        database: Database,
        *,
        budgets: Budgets | None = None,
        settings: ModelsSettings | None = None,
        warn: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        from pilothouse.models.settings import ModelsSettings

        self._database = database
        self._budgets = budgets or Budgets(database)
        self._settings = settings or ModelsSettings()
        self._warn = warn
        self._bodies = Bodies(database)
        self._shares: dict[UUID, list[Share]] = {}

    async def open(self, attempt: Attempt) -> None:
        """Reserve and note; see :class:`~pilothouse.models.calling.attempt.Keeper`."""
        most = attempt.request.limits.money
        if most is not None and attempt.cost > most:
            raise BudgetError(
                f"the call may cost up to {attempt.cost:.4f}, over its own limit of {most}; lower "
                "limits.output_tokens or raise limits.money"
            )
        shares = await self._budgets.shares(attempt.request)
        thread = await self._bodies.thread(attempt.messages, label=attempt.request.label)
        row = await self._opened(attempt, shares, thread)
        if not row["whole"]:
            # What it goes on from was pruned since it was looked up.
            thread = await self._bodies.thread(attempt.messages, label=attempt.request.label, anew=True)
            row = await self._opened(attempt, shares, thread)
        if not row["fits"]:
            raise _empty(row, shares)
        self._bodies.keep(thread)
        if shares:
            self._shares[attempt.id] = shares

    async def _opened(self, attempt: Attempt, shares: list[Share], thread: Thread) -> Row:
        row = await self._reserved(
            {
                **_row(attempt),
                "lease": attempt.seconds + self._settings.lease_grace,
                "budgets": [share.id for share in shares],
                "amounts": [
                    amount(share.rule.unit, attempt.estimate, cost=attempt.cost, seconds=attempt.seconds)
                    for share in shares
                ],
                "thread": thread.hash,
                "prev": thread.prev,
                "bodies": thread.bodies,
                "labels": thread.labels,
                "is_new": thread.is_new,
                "hashes": list(thread.new),
                "contents": list(thread.new.values()),
            }
        )
        assert row is not None
        return row

    async def _reserved(self, values: dict[str, Any]) -> Row | None:
        """Reserve; a writer the constraint holds, since another was quicker, looks again."""
        for _ in range(RACES):
            try:
                return await self._database.fetch_one(Q.open_attempt, values)
            except ConstraintError:
                continue
        return await self._database.fetch_one(Q.open_attempt, values)

    async def close(self, attempt: Attempt, ended: Ended) -> None:
        """Settle and store; see :class:`~pilothouse.models.calling.attempt.Keeper`."""
        shares = self._shares.pop(attempt.id, [])
        usage, took = ended.usage, attempt.took()
        body = None if ended.answer is None else answer_body(ended.answer)
        digest = None if body is None else hashlib.sha256(body).digest()
        rows = await self._database.fetch_all(
            Q.close_attempt,
            {
                "id": attempt.id,
                "budgets": [share.id for share in shares],
                "amounts": [
                    amount(share.rule.unit, usage, cost=usage.cost, seconds=took) for share in shares
                ],
                "warn_at": Decimal(str(self._settings.warn_at)),
                "hashes": [] if digest is None else [digest],
                "contents": [] if body is None else [packed(body)],
                "outcome": ended.outcome,
                "code": ended.code,
                "why": ended.why,
                "said_model": ended.model,
                "answer": digest,
                "raw": _storable(ended.raw) or None,
                "local": attempt.local,
                "effect": attempt.effect,
                "prompt_tokens": usage.prompt_tokens,
                "output_tokens": usage.output_tokens,
                "cached_tokens": usage.cached_tokens,
                "cpu_seconds": usage.cpu_seconds,
                "cost": usage.cost,
                "seconds": took,
                "first": attempt.first,
                "degraded": "" if ended.answer is None else ended.answer.degraded,
            },
            repeat=True,
        )
        for row in rows:
            self._near(row)

    async def recorded(
        self, request: ChatRequest, request_hash: str, *, within: float | None = None
    ) -> Answer | None:
        """Return a recorded answer; see :class:`~pilothouse.models.calling.attempt.Keeper`."""
        who = request.principal
        row = await self._database.fetch_one(
            Q.recorded,
            {
                "request_hash": bytes.fromhex(request_hash),
                "rights": _rights(request.label),
                "principal": who.id,
                "agent": "" if who.agent is None else who.agent.id,
                "caller": request.caller,
                "call": request.call_id,
                "within": within,
            },
        )
        return None if row is None else _answer(request, row)

    async def sweep(self) -> int:
        """Note as lost what killed processes left behind, and settle it; return how many attempts."""
        await self._budgets.sweep()
        return await self._database.execute(Q.lost_attempts)

    async def prune(self) -> Pruned:
        """Forget calls older than ``keep_days``, and the bodies that only they had named."""
        return await prune(self._database, keep_days=self._settings.keep_days)

    def _near(self, row: Mapping[str, Any]) -> None:
        log.warning(
            "budget of %s %r: %s of %s %s used",
            row["scope"],
            row["name"],
            row["used"],
            row["most"],
            row["unit"],
        )
        if self._warn is not None:
            self._warn(row)


def _row(attempt: Attempt) -> dict[str, Any]:
    request, provider = attempt.request, attempt.provider
    who = request.principal
    return {
        "id": attempt.id,
        "call": attempt.call,
        "number": attempt.number,
        "task": request.task,
        "route": attempt.route,
        "provider": provider.name,
        "model": provider.model,
        "weights": provider.weights,
        "adapter": ADAPTER,
        "mode": attempt.mode,
        "request_hash": bytes.fromhex(attempt.request_hash),
        "schema_hash": attempt.schema_hash,
        "sampling": json.dumps(
            {"temperature": request.temperature, "seed": request.seed, "most": request.limits.output_tokens}
        ),
        "label": call_label(request.label),
        "rights": _rights(request.label),
        "principal": who.id,
        "agent": "" if who.agent is None else who.agent.id,
        "caller": request.caller,
        "run": request.run,
        "repair": attempt.repair,
        "redactors": list(attempt.redactors),
        "dropped": json.dumps(dict(attempt.dropped), ensure_ascii=False),
    }


def _empty(row: Row, shares: list[Share]) -> BudgetError:
    share = next(one for one in shares if one.id == row["id"])
    rule = share.rule
    whose = "the project" if rule.scope == "project" else f"{rule.scope} {share.name!r}"
    left = max(Decimal(0), row["most"] - row["reserved"] - row["used"])
    per = f" a {rule.per}" if rule.per else ""
    return BudgetError(
        f"the budget of {whose}, {row['most']:f} {rule.unit}{per}, has {left:f} left and this call may take "
        f"{row['amount']:f}; wait, shorten the call or raise it in [models.budgets]"
    )


def _answer(request: ChatRequest, row: Mapping[str, Any]) -> Answer:
    body = parse_body(bytes(row["body"]))
    text = (body.get("texts") or [""])[0]
    value: Any = None
    if request.schema is not None and text:
        value = loads(text.strip())
        value = value["answer"] if request.tools else value
    return Answer(
        text=text,
        value=value,
        choices=tuple(
            ToolChoice(id=one, tool=tool, arguments=arguments)
            for one, tool, arguments in body.get("choices", [])
        ),
        label=request.label,
        provider=row["provider"],
        model=row["said_model"],
        call=str(row["id"]),
        usage=Usage(
            prompt_tokens=row["prompt_tokens"],
            output_tokens=row["output_tokens"],
            cached_tokens=row["cached_tokens"],
            cpu_seconds=row["cpu_seconds"],
            cost=row["cost"],
        ),
        degraded=row["degraded"],
    )


@lru_cache(maxsize=2048)
def _rights(label: Label) -> bytes:
    """Return the hash of who may read and how far it is trusted, whatever it came from."""
    return hashlib.sha256(canonical([sorted(label.readers), int(label.integrity)])).digest()


def _storable(text: str) -> str:
    """Return a refused text as PostgreSQL can hold it."""
    return text[:RAW].replace("\0", "�").encode("utf-8", "replace").decode()
