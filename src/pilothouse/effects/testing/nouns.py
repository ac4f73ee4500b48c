"""Owns ready nouns for tests: labels, people, a declaration, a proposal and the call it is good for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.decisions import Answer, Evidence, Inbox, Proposal, Reason
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.types import EffectRequest
from pilothouse.kernel import Principal, new_id
from pilothouse.labels import Integrity, Label, Labelled, Origin

if TYPE_CHECKING:
    from pilothouse.effects.ports import Rereader
    from pilothouse.storage import Database

__all__ = [
    "AMIRA",
    "BO",
    "DESK",
    "RUNNER",
    "ask",
    "check_rereader",
    "marked",
    "proposal_for",
    "read",
    "release_spec",
    "request_for",
    "soon",
    "typed_by_hand",
]

READ_AT = datetime(2026, 1, 5, 6, 10, tzinfo=UTC)
DESK = "desk"
AMIRA = Principal(
    id="clerk.amira", rights=frozenset({"decisions:release_container"}), groups=frozenset({DESK})
)
BO = Principal(id="clerk.bo", groups=frozenset({DESK}))
RUNNER = Principal(id="release-flow", kind="service", rights=frozenset({"effects:*"}))


def marked(integrity: Integrity, *readers: str, source: str = "desk") -> Label:
    """Return a label of this integrity; without readers everyone may read."""
    origin = Origin(source=source, object="form", key={}, field="words", version="1", read_at=READ_AT)
    return Label(readers=frozenset(readers), integrity=integrity, origin=origin)


def typed_by_hand(args: Mapping[str, Any], integrity: Integrity = Integrity.OPERATOR) -> dict[str, Any]:
    """Return ``labels``, ``pc`` and ``may_ask`` of a call that a person typed in a published workflow."""
    label = marked(integrity)
    return {"labels": dict.fromkeys(args, label), "pc": label, "may_ask": True}


def read(
    field: str, value: Any, *, version: str = "1", source: str = "customs", row: str = "MSCU1234565"
) -> Labelled:
    """Return a value as a connector would: a record of one source, with its origin."""
    origin = Origin(
        source=source,
        object="clearance",
        key={"container": row},
        field=field,
        version=version,
        read_at=READ_AT,
    )
    return Labelled(value=value, label=Label(readers=frozenset(), integrity=Integrity.RECORD, origin=origin))


def release_spec(**changes: Any) -> EffectSpec:
    """Return the declaration of ``release_container``: irreversible, tier 4."""
    spec = EffectSpec(
        tool="release_container",
        tier=4,
        effect="irreversible",
        steering=("container", "party"),
        phrase="{container} was released to {party}",
    )
    return replace(spec, **changes)


def proposal_for(spec: EffectSpec | None = None, **changes: Any) -> Proposal:
    """Return a proposal to release a container, resting on two values of customs."""
    spec = spec or release_spec()
    args = {"container": "MSCU1234565", "party": "ACME"}
    proposal = Proposal(
        id=new_id(),
        tool=spec.tool,
        tool_version=spec.version,
        args=args,
        evidence=(
            Evidence.of("customs.status", read("status", "CLEARED")),
            Evidence.of("customs.hold", read("hold", None)),
        ),
        policy_version="policy-1",
        data_versions={"tariff": "t-1"},
        workflow="release",
        workflow_version="7",
        run="run-1",
        key="2",
        on_behalf_of=RUNNER.id,
        proposer=RUNNER.id,
        title="Release MSCU1234565 to ACME",
        verdict="RELEASE",
        reasons=(
            Reason(
                code="cleared",
                check="customs",
                text="customs cleared it",
                table="policy",
                version="3",
                row="4",
            ),
            Reason(
                code="paid", check="money", text="no invoice is open", table="policy", version="3", row="9"
            ),
        ),
        tier=spec.tier,
        steering=spec.steering,
        asked_of=DESK,
        preview=spec.preview(args),
    )
    return replace(proposal, **changes)


def request_for(proposal: Proposal, answer: Answer | None, **changes: Any) -> EffectRequest:
    """Return the call that an approved proposal is good for."""
    request = EffectRequest(
        tool=proposal.tool or "",
        args=dict(proposal.args),
        effect_id="run-1:3",
        principal=RUNNER,
        run=proposal.run,
        approval=None if answer is None else answer.approval,
        data_versions=dict(proposal.data_versions),
        policy_version=proposal.policy_version,
        workflow_version=proposal.workflow_version,
        **typed_by_hand({**proposal.args, **changes.get("args", {})}, Integrity.RECORD),
    )
    return replace(request, **changes)


async def check_rereader(
    rereader: Rereader, evidence: Evidence, *, change: Callable[[], object], remove: Callable[[], object]
) -> None:
    """Hold a ``Rereader`` to its port.

    Args:
        rereader: The one under test.
        evidence: As read from its source a moment ago.
        change: Makes the source say another value in that field.
        remove: Makes the source forget the row.

    Raises:
        AssertionError: What it reads is not what the door needs.
    """
    for _ in range(2):
        same = await rereader.reread(evidence)
        assert same is not None, "the value is still there"
        assert Evidence.of(evidence.name, same).hash == evidence.hash, "the same value is the same evidence"
    change()
    other = await rereader.reread(evidence)
    assert other is not None, "the row is still there"
    assert Evidence.of(evidence.name, other).hash != evidence.hash, "another value is other evidence"
    assert other.label.origin != evidence.label.origin, "it says when it was read"
    remove()
    assert await rereader.reread(evidence) is None, "the row is gone"


async def ask(database: Database, inbox: Inbox, **changes: Any) -> Proposal:
    """Put such a proposal into the inbox."""
    proposal = proposal_for(**changes)
    async with database.transaction() as tx:
        await inbox.propose(tx, proposal)
    return proposal


async def soon(database: Database, seconds: float) -> datetime:
    """Return a time so many seconds from now, by the database's clock."""
    now: datetime = await database.fetch_value("select clock_timestamp()")
    return now + timedelta(seconds=seconds)
