"""Owns sending one effect under its lease, finishing one left behind, and asking when nobody knows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from pilothouse.decisions import Unit
from pilothouse.effects.declare import EffectCall, EffectSpec, Handler, Probed
from pilothouse.effects.once.ledger import Ledger
from pilothouse.effects.once.rows import Lease, outcome_of
from pilothouse.effects.once.unknown import question
from pilothouse.effects.types import Effect, Outcome
from pilothouse.kernel import ConflictError, DeniedError, LimitError, UnavailableError, UsageError, passing
from pilothouse.labels import join

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.effects.ports import Ladder
    from pilothouse.storage import Database, Tx

__all__ = ["Sender"]

log = logging.getLogger(__name__)

# The receiver looked at the call and said no; everything else leaves open whether it happened.
REFUSALS = (DeniedError, UsageError, ConflictError, LimitError)


class Sender:
    """Calls handlers and probes, and stores what came of it."""

    def __init__(
        self, database: Database, ledger: Ledger, inbox: Inbox, *, attempts: int, ladder: Ladder | None = None
    ) -> None:
        self._database = database
        self._ladder = ladder
        self._ledger = ledger
        self._inbox = inbox
        self._attempts = attempts

    async def send(
        self, spec: EffectSpec, handler: Handler, lease: Lease, call: EffectCall, *, since: float
    ) -> Outcome:
        """Call the handler once and store the outcome.

        Args:
            spec: The tool's declaration.
            handler: The tool.
            lease: Held since before ``since``.
            call: What to send.
            since: ``time.monotonic()`` before the lease was taken.

        Raises:
            UnavailableError: ``effects.unanswered``: nobody knows yet; perform the same effect id again.
        """
        if time.monotonic() - since >= lease.seconds:
            # This process stood still; another may be sending already.
            raise UnavailableError(
                f"effect {call.effect_id!r}: its lease ran out before it was sent; perform it again",
                code="effects.lease_lost",
            )
        try:
            async with self._held(lease):
                with passing(call.effect_id):
                    result = await handler(call)
        except REFUSALS as error:
            return await self._close(spec, lease, "refused", None, error.code, error.message)
        except Exception as error:
            return await self._unanswered(spec, lease, call, error)
        return await self._close(spec, lease, "done", result)

    async def recover(self, spec: EffectSpec, handler: Handler, lease: Lease, call: EffectCall) -> Outcome:
        """Finish an intent that has no outcome: send again, or probe, or ask a person; never guess."""
        since = time.monotonic()
        if lease.effect.attempts > self._attempts:
            return await self._ask(spec, lease, f"no answer after {lease.effect.attempts - 1} attempts")
        if lease.effect.tool_version != spec.version:
            was = lease.effect.tool_version
            return await self._ask(spec, lease, f"version {was!r} left it behind, this is {spec.version!r}")
        if spec.idempotent_by_effect_id:
            return await self.send(spec, handler, lease, call, since=since)
        if spec.probe is None:
            return await self._ask(spec, lease, "the process ended before the outcome was stored")
        probed = await self._probe(spec, lease, call)
        if probed.state == "not_done":
            return await self.send(spec, handler, lease, call, since=since)
        return await self._found(spec, lease, probed)

    async def _unanswered(
        self, spec: EffectSpec, lease: Lease, call: EffectCall, error: Exception
    ) -> Outcome:
        said = f"{type(error).__name__}: {error}"
        if spec.idempotent_by_effect_id:
            return await self._again_or_ask(spec, lease, said, error)
        if spec.probe is None:
            return await self._ask(spec, lease, said)
        probed = await self._probe(spec, lease, call)
        if probed.state == "not_done":
            return await self._again_or_ask(spec, lease, said, error)
        return await self._found(spec, lease, probed)

    async def _probe(self, spec: EffectSpec, lease: Lease, call: EffectCall) -> Probed:
        assert spec.probe is not None
        try:
            async with self._held(lease):
                return await spec.probe(call)
        except UnavailableError as error:
            await self._ledger.drop(lease)
            raise _unanswered(call.effect_id, f"probe: {error.message}", error) from error
        except Exception as error:
            return Probed(state="unknown", result=f"probe failed: {type(error).__name__}: {error}")

    async def _found(self, spec: EffectSpec, lease: Lease, probed: Probed) -> Outcome:
        if probed.state == "done":
            return await self._close(spec, lease, "done", probed.result)
        return await self._ask(spec, lease, f"the probe cannot tell: {probed.result}")

    async def _again_or_ask(self, spec: EffectSpec, lease: Lease, said: str, error: Exception) -> Outcome:
        """Leave the intent to the next attempt, which is safe here, unless there were too many."""
        if lease.effect.attempts >= self._attempts:
            return await self._ask(spec, lease, said)
        await self._ledger.drop(lease)
        raise _unanswered(lease.effect.effect_id, said, error) from error

    async def _ask(self, spec: EffectSpec, lease: Lease, why: str) -> Outcome:
        """Store that nobody knows and put the question to a person, in one transaction."""
        async with self._database.transaction() as tx:
            outcome = await self._ledger.close(tx, lease, "unknown", None, "effects.unknown", why)
            if outcome is not None:
                await self._inbox.propose(tx, question(spec, lease.effect, why))
        return outcome or await self._stored(lease)

    async def _close(
        self, spec: EffectSpec, lease: Lease, state: Literal["done", "refused"], result: Any, *reasons: str
    ) -> Outcome:
        review = state == "done" and lease.effect.review
        try:
            async with self._database.transaction() as tx:
                outcome = await self._ledger.close(tx, lease, state, result, *reasons)
                if review and outcome is not None:
                    await self._review(tx, spec, lease.effect)
        except Exception:
            if not review:
                raise
            # It happened: whatever is wrong with asking, its outcome must be stored.
            log.exception("effect %r is done, but nobody was asked for its review", lease.effect.effect_id)
            async with self._database.transaction() as tx:
                outcome = await self._ledger.close(tx, lease, state, result, *reasons)
        return outcome or await self._stored(lease)

    async def _review(self, tx: Tx, spec: EffectSpec, effect: Effect) -> None:
        """Ask a person whether what the lot drew was right."""
        if self._ladder is None:
            log.warning("effect %r was drawn for review, but no ladder is bound here", effect.effect_id)
            return
        await self._ladder.review(
            tx,
            Unit(action=effect.tool, tier=spec.tier, site=effect.site, version=effect.version),
            effect.effect_id,
            title=f"Was it right: {spec.describe(effect.args)}?",
            principal=effect.principal.id,
            proposer=effect.version or effect.principal.id,
            args=effect.args,
            evidence=effect.evidence,
            # The call is one argument of the question.
            labels={"call": join(*effect.labels.values(), effect.pc)} if effect.pc else {},
        )

    async def _stored(self, lease: Lease) -> Outcome:
        """Return what the process that took over stored."""
        found = await self._ledger.find(lease.effect.effect_id)
        outcome = outcome_of(found[0]) if found else None
        if outcome is None:
            raise UnavailableError(
                f"effect {lease.effect.effect_id!r} is being finished by another process; perform it again",
                code="effects.in_flight",
            )
        return outcome

    @asynccontextmanager
    async def _held(self, lease: Lease) -> AsyncGenerator[None]:
        """Renew the lease while the block runs."""
        renewing = asyncio.create_task(self._renew(lease))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _renew(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(lease.seconds / 3)
            try:
                await self._ledger.renew(lease)
            except UnavailableError:
                # The database is away; the outcome will wait for it too.
                continue


def _unanswered(effect_id: str, said: str, error: Exception) -> UnavailableError:
    wait = error.retry_after if isinstance(error, UnavailableError) else 1.0
    return UnavailableError(
        f"effect {effect_id!r} has no answer ({said}); perform the same effect id again",
        code="effects.unanswered",
        retry_after=wait,
    )
