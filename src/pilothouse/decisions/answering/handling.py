"""Owns what people do with an item beside answering it: edit, put off, hand to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.answering.held import Held
from pilothouse.decisions.asking.propose import edited, store
from pilothouse.decisions.items import proposal_of
from pilothouse.decisions.people.access import may_see
from pilothouse.decisions.people.duties import involved
from pilothouse.decisions.people.sight import blinded, closed_by, require_readable, undisguised, unread
from pilothouse.decisions.ports import Previewer
from pilothouse.decisions.proposal import Proposal
from pilothouse.kernel import Authority, DeniedError, Principal, UsageError, encode
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.answering.turn import Act, Said
    from pilothouse.storage import Tx

__all__ = ["Handling"]

Q = load_queries("pilothouse.decisions")


class Handling:
    """Makes the acts that a turn runs; each writes its audit entry."""

    def __init__(self, *, authority: Authority, previewer: Previewer | None) -> None:
        self.previewer = previewer
        self._authority = authority

    def edit(self, by: Principal, args: Mapping[str, Any]) -> Act[Proposal]:
        """Return the act of replacing a proposal by one with other arguments."""

        async def act(tx: Tx, held: Held) -> Proposal:
            require_readable(by, held.closed)
            child = edited(held.proposal, by, args, self.previewer)
            await tx.execute(Q.supersede_item, {"id": held.item.id})
            await store(tx, child, blind=held.item.blind)
            await _log(tx, held, by, "edited", {"child": str(child.id)})
            return _shown(held, child)

        return act

    def edited_so(self, args: Mapping[str, Any]) -> Said[Proposal]:
        """Return what finds that an item was edited to just these arguments before."""

        async def find(tx: Tx, held: Held) -> Proposal | None:
            row = None if held.closed else await tx.fetch_one(Q.child_of, {"id": held.item.id})
            child = None if row is None else proposal_of(row)
            same = child is not None and encode(child.args) == encode(dict(args))
            return _shown(held, child) if child is not None and same else None

        return find

    def snooze(self, by: Principal, until: datetime) -> Act[None]:
        """Return the act of hiding an item until a time before its deadline."""

        async def act(tx: Tx, held: Held) -> None:
            deadline = held.item.deadline
            if until.tzinfo is None or until <= held.now or (deadline is not None and until >= deadline):
                raise UsageError(
                    f"cannot snooze until {until!r}: give a time zone, later than {held.now} and before the "
                    f"deadline {deadline}",
                    code="decisions.snooze",
                )
            await tx.execute(Q.snooze_item, {"id": held.item.id, "until": until})
            await _log(tx, held, by, "snoozed", {"until": until.isoformat()})

        return act

    def delegate(self, by: Principal, to: Principal) -> Act[None]:
        """Return the act of handing an item to one colleague, back, or to oneself."""

        async def act(tx: Tx, held: Held) -> None:
            item = held.item
            self._require_able(held, by, to)
            if item.delegated_to == by.id != to.id and to.id != item.delegated_by:
                raise UsageError(
                    f"{item.title!r} was delegated to you by {item.delegated_by!r}; hand it back, not on",
                    code="decisions.delegate",
                )
            back = to.id in (by.id, item.delegated_by)
            names = {"by": None, "to": None} if back else {"by": by.id, "to": to.id}
            await tx.execute(Q.delegate_item, {"id": item.id, **names})
            await _log(tx, held, by, "delegated", {"to": to.id})

        return act

    def _require_able(self, held: Held, by: Principal, to: Principal) -> None:
        item, own = held.item, involved(held.proposal)
        asked = (item.asked_of, *item.also)
        able = may_see(to, topic=item.topic, asked=asked, authority=self._authority)
        unseeing = unread(self._authority, to, closed_by(held.proposal))
        if not able or to.kind != "person" or to.id in own or unseeing:
            raise UsageError(
                f"{to.id!r} may not answer {item.title!r}; choose a person who may", code="decisions.delegate"
            )
        if by.id in own:
            raise DeniedError(
                f"{by.id!r} asked for {item.title!r} and may not choose who answers; leave it queued",
                code="decisions.linked",
                reasons=("decisions.linked",),
            )


def _shown(held: Held, child: Proposal) -> Proposal:
    """Return an edited proposal as its editor may see it: still blind, still looking like any other."""
    return undisguised(blinded(child) if held.item.blind else child)


async def _log(tx: Tx, held: Held, by: Principal, what: str, body: Mapping[str, Any]) -> None:
    entry = AuditEntry(
        kind=f"decisions.{what}",
        actor=by.id,
        run=held.proposal.run,
        proposal=held.item.id,
        refs=(held.subject,),
        body=body,
    )
    await append(tx, entry)
