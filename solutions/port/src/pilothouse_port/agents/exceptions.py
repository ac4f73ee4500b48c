"""Owns the durable work of both agents on one held box, and that it never stands in the desk's way."""

from __future__ import annotations

from datetime import datetime

from pilothouse import engine, workflow
from pilothouse.engine import RunLabels
from pilothouse.kernel import PilothouseError
from pilothouse.workflows import configured, run_agent
from pilothouse_port.agents.cases import OURS, case_of, findings_of, texts_of, valued
from pilothouse_port.agents.lookup import OnDesk, on_desk
from pilothouse_port.agents.proposal import Prepared, proposed, unprepared
from pilothouse_port.agents.specs import WHAT_IT_SAYS, WHAT_TO_DO
from pilothouse_port.pack import Pack
from pilothouse_port.types import Facts

__all__ = ["by_agents", "prepare"]


@workflow(name="port.prepare", version="1")
async def prepare(bindings: str, policy: str, at: datetime, facts: Facts, pack: Pack) -> Prepared:
    """Let the reader say what the texts claim, then the handler choose; it gets those claims as a handle."""
    on_desk(OnDesk(bindings=bindings, policy=policy, at=at, box=facts.consignment))
    claims = valued({"claims": [], "language": "en"}, OURS)
    if facts.unread:
        read = await run_agent("port-claims-reader", WHAT_IT_SAYS, texts_of(facts))
        claims = read.answer
    choice = await run_agent(
        "port-exception-handler",
        WHAT_TO_DO,
        {"case": case_of(facts, pack), "findings": findings_of(facts, pack), "claims": claims},
    )
    return proposed(facts, pack, claims.data, choice.value)


async def by_agents(bindings: str, policy: str, at: datetime, facts: Facts, pack: Pack) -> Prepared:
    """Return what the agents propose; where they fail, the table's own drafts and why.

    That they run at all follows from the verdict, to which a text may have led. It is the one thing that a
    text decides here, and it is let pass: the run begins with the trust of this code, its arguments with
    none. Both agents have no effect to abuse it for.
    """
    args = prepare.args(bindings, policy, at, facts, pack)

    def labels() -> RunLabels:
        return RunLabels(
            pc=configured(f"workflow:{prepare.name}", prepare.version),
            params=dict.fromkeys(args, engine.low_water()),
        )

    try:
        found = await engine.child(prepare.name, args, labels=labels)
    except PilothouseError as error:
        return unprepared(pack, error.code)
    assert isinstance(found, Prepared)
    return found
