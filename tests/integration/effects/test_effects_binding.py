"""Whatever moves between the approval and the effect, the door stays shut and the approval unused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.decisions import Evidence, Inbox, find_decision, row_versions
from pilothouse.effects import Door, EffectRequest, VoidError
from pilothouse.effects.testing import (
    AMIRA,
    RUNNER,
    FakeReceiver,
    FakeResumer,
    FakeSources,
    proposal_for,
    read,
    release_spec,
    request_for,
)
from pilothouse.storage import Database

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
VALUES = TEXT | st.none() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
ARGS = {"container": "MSCU1234565", "party": "ACME"}


@dataclass
class World:
    """Everything an approval of one proposal rests on."""

    request: EffectRequest
    evidence: tuple[Evidence, ...]
    sources: FakeSources
    version: str = "1"

    def call(self, **changes: Any) -> None:
        self.request = replace(self.request, **changes)

    def set_arg(self, change: tuple[str, Any]) -> None:
        labels = {**self.request.labels, change[0]: self.request.pc}
        self.call(args={**self.request.args, change[0]: change[1]}, labels=labels)

    def act_for(self, name: str) -> None:
        self.call(principal=replace(RUNNER, id=name))

    def change_row(self, version: str) -> None:
        self.sources.row_version = version

    def change_tool(self, version: str) -> None:
        self.version = version

    def say(self, change: tuple[str, Any]) -> None:
        self.sources.values[change[0]] = change[1]

    def forget(self, _: None) -> None:
        del self.sources.values["status"]

    def cite(self, which: str) -> None:
        self.sources.values["seal"] = "ok"
        first, second = self.evidence
        cited = {
            "less": (first,),
            "more": (first, second, Evidence.of("seal", read("seal", "ok"))),
            "renamed": (replace(first, name="customs.other"), second),
        }
        self.call(evidence=cited[which])


def _but(*values: object) -> st.SearchStrategy[Any]:
    return TEXT.filter(lambda text: text not in values)


CHANGES: dict[str, tuple[st.SearchStrategy[Any], Callable[[World, Any], None]]] = {
    "args": (
        st.tuples(st.sampled_from(["container", "party", "extra"]), VALUES).filter(
            lambda change: ARGS.get(change[0]) != change[1]
        ),
        World.set_arg,
    ),
    "tool": (st.just("release_twice"), lambda world, name: world.call(tool=name)),
    "tool_version": (_but("1"), World.change_tool),
    "policy_version": (_but("policy-1"), lambda world, text: world.call(policy_version=text)),
    "workflow_version": (_but("7"), lambda world, text: world.call(workflow_version=text)),
    "on_behalf_of": (_but("", RUNNER.id), World.act_for),
    "data_versions": (
        st.sampled_from([{}, {"tariff": "t-2"}, {"tariff": "t-1", "more": "1"}]),
        lambda world, versions: world.call(data_versions=versions),
    ),
    "row_version": (_but("1"), World.change_row),
    "evidence_value": (
        VALUES.filter(lambda value: value != "CLEARED").map(lambda v: ("status", v)),
        World.say,
    ),
    "evidence_appears": (
        VALUES.filter(lambda value: value is not None).map(lambda v: ("hold", v)),
        World.say,
    ),
    "evidence_gone": (st.none(), World.forget),
    "evidence_cited": (st.sampled_from(["less", "more", "renamed"]), World.cite),
}
MUTATIONS = st.sampled_from(sorted(CHANGES)).flatmap(
    lambda part: CHANGES[part][0].map(lambda value: (part, value))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutation=MUTATIONS)
async def test_each_bound_part_changed_after_the_approval_is_refused(
    database: Database, mutation: tuple[str, Any]
) -> None:
    sources, terminal = FakeSources(values={"status": "CLEARED"}), FakeReceiver()
    inbox = Inbox(database, resumer=FakeResumer())
    evidence = proposal_for().evidence
    proposal = proposal_for(args=ARGS, data_versions={"tariff": "t-1", **row_versions(evidence)})
    async with database.transaction() as tx:
        await inbox.propose(tx, proposal)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565")
    request = request_for(proposal, answer, effect_id=str(proposal.id))

    part, value = mutation
    world = World(request=request, evidence=evidence, sources=sources)
    CHANGES[part][1](world, value)
    door = Door(database, inbox, rereader=sources)
    door.register(release_spec(version=world.version), terminal)
    door.register(release_spec(tool="release_twice"), terminal)
    try:
        await door.perform(world.request)
    except VoidError as void:
        assert void.changes
    else:
        raise AssertionError(f"{part} changed to {value!r} and the door opened")
    assert terminal.got == []
    (approval,) = (await find_decision(database, proposal.id)).approvals
    assert approval.used_at is None

    sources.values, sources.row_version = {"status": "CLEARED"}, "1"
    same = Door(database, inbox, rereader=sources)
    same.register(release_spec(), terminal)
    assert (await same.perform(request)).state == "done"
    assert len(terminal.got) == 1
