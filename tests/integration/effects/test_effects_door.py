"""The door over a real database: what opens it, what does not, and that it opens once."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import Answer, Evidence, Inbox, Proposal, find_decision, row_key
from pilothouse.effects import (
    Door,
    EffectRequest,
    EffectSpec,
    EffectsSettings,
    Outcome,
    VoidError,
    explain,
)
from pilothouse.effects.once import ledger
from pilothouse.effects.testing import (
    AMIRA,
    BO,
    RUNNER,
    FakeReceiver,
    FakeResumer,
    FakeSources,
    ask,
    read,
    release_spec,
    request_for,
    typed_by_hand,
)
from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    LimitError,
    Principal,
    UnavailableError,
    UsageError,
    new_id,
)
from pilothouse.labels import Integrity, Origin
from pilothouse.storage import Database

GUARD = Principal(id="guard.io", rights=frozenset({"effects:halt"}))
NOTE = EffectSpec(tool="note", effect="write", tier=1, accepts=Integrity.RECORD, steering=("on",))


class Port:
    """Inbox, door, sources and the terminal of one test."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.run, self.terminal = FakeResumer(), FakeReceiver()
        self.sources = FakeSources(values={"status": "CLEARED"})
        self.inbox = Inbox(database, resumer=self.run)
        self.door = Door(
            database,
            self.inbox,
            rereader=self.sources,
            versions=self.sources,
            settings=EffectsSettings(**{"patience": 0, "sweep_grace": 0, **settings}),
        )

    async def approved(self, spec: EffectSpec | None = None, **changes: Any) -> tuple[Proposal, Answer]:
        """Register the tool, ask, and have clerk.amira say yes."""
        self.door.register(spec or release_spec(), self.terminal)
        proposal = await ask(self.database, self.inbox, **changes)
        return proposal, await self.inbox.approve(proposal.id, AMIRA, typed="4565")

    async def call(self, spec: EffectSpec | None = None, **changes: Any) -> EffectRequest:
        """Return an approved call."""
        return request_for(*await self.approved(spec, **changes))

    async def note(self, effect_id: str = "n:1", **changes: Any) -> EffectRequest:
        """Return a call that needs nobody."""
        args: dict[str, Any] = {"on": "box"}
        request = EffectRequest(
            tool="note", args=args, effect_id=effect_id, principal=RUNNER, **typed_by_hand(args)
        )
        return replace(request, **changes)

    async def log(self, effect_id: str = "run-1:3") -> list[str]:
        """Return the kinds logged about an effect."""
        return [item.entry.kind for item in await entries(self.database, effect=effect_id)]


@pytest.fixture
def port(database: Database) -> Port:
    return Port(database)


def _void(*parts: str) -> Any:
    return pytest.raises(ConflictError, match=".*".join((*map(re.escape, parts), r"\[decisions\.void\]")))


# -- declaration, arguments, right


async def test_an_undeclared_tool_is_refused_and_logged(port: Port) -> None:
    with pytest.raises(UsageError, match="declare it with @effect"):
        await port.door.perform(await port.note())
    assert await port.log("n:1") == ["effects.refused_at_door"]


async def test_a_tool_is_declared_once(port: Port) -> None:
    port.door.register(NOTE, port.terminal)
    port.door.register(NOTE, port.terminal)
    with pytest.raises(UsageError, match="declared otherwise"):
        port.door.register(replace(NOTE, version="2"), port.terminal)
    port.door.register(release_spec(), port.terminal)
    assert [spec.tool for spec in port.door.specs()] == ["note", "release_container"]
    assert port.door.preview("note", {"on": "x"})["confirm"] == "x"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"effect_id": ""}, "effects.effect_id"),
        ({"args": {"on": float("nan")}}, "effects.not_canonical"),
        ({"args": {"on": object()}}, "effects.not_canonical"),
        ({"args": {"on": "\ud800"}}, "effects.not_canonical"),
        ({"args": {}}, "effects.args"),
        ({"tool": "no\ud800such\0"}, "effects.undeclared"),
    ],
)
async def test_a_call_that_does_not_fit_is_refused_before_anything_is_stored(
    port: Port, changes: dict[str, Any], code: str
) -> None:
    port.door.register(NOTE, port.terminal)
    with pytest.raises(UsageError) as caught:
        await port.door.perform(await port.note(**changes))
    assert caught.value.code == code
    assert port.terminal.got == []
    assert await port.database.fetch_value("select count(*) from effects_effect") == 0
    assert await port.database.fetch_value("select count(*) from audit_entry") == 1


async def test_a_call_without_the_right_is_refused_and_logged(port: Port) -> None:
    port.door.register(NOTE, port.terminal)
    with pytest.raises(DeniedError, match="effects:note"):
        await port.door.perform(await port.note(principal=AMIRA))
    assert await port.log("n:1") == ["effects.refused_at_door"]
    assert port.terminal.got == []


# -- approval


async def test_a_strict_tool_needs_an_approval(port: Port) -> None:
    request = await port.call()
    with pytest.raises(DeniedError, match="needs a person's approval"):
        await port.door.perform(replace(request, approval=None))
    assert port.terminal.got == []


async def test_an_invented_approval_opens_nothing(port: Port) -> None:
    request = await port.call()
    with _void("does not exist"):
        await port.door.perform(replace(request, approval=new_id()))


async def test_a_rejected_proposal_opens_nothing(port: Port) -> None:
    port.door.register(release_spec(), port.terminal)
    proposal = await ask(port.database, port.inbox)
    answer = await port.inbox.reject(proposal.id, AMIRA, "no")
    with _void("the person said no"):
        await port.door.perform(request_for(proposal, answer))
    assert port.terminal.got == []


async def test_an_approval_opens_the_door_once(port: Port) -> None:
    request = await port.call()
    assert (await port.door.perform(request)).state == "done"
    with _void("used by effect 'run-1:3'"):
        await port.door.perform(replace(request, effect_id="run-1:4"))
    assert list(port.terminal.done) == ["run-1:3"]


async def test_two_effects_race_for_one_approval_and_one_gets_it(port: Port) -> None:
    request = await port.call()
    said = await asyncio.gather(
        *(port.door.perform(replace(request, effect_id=f"run-1:{n}")) for n in range(4)),
        return_exceptions=True,
    )
    assert [isinstance(one, Outcome) for one in said].count(True) == 1
    assert all(isinstance(one, Outcome) or one.code == "decisions.void" for one in said)  # type: ignore[union-attr]
    assert len(port.terminal.done) == 1


async def test_what_changed_is_named_before_and_after_and_the_approval_stays_unused(port: Port) -> None:
    proposal, answer = await port.approved()
    request = request_for(proposal, answer)
    port.sources.values["status"] = "HELD"
    with pytest.raises(VoidError, match="'CLEARED' -> 'HELD'") as caught:
        await port.door.perform(request)
    assert [str(change) for change in caught.value.changes] == [
        "evidence.customs.status: 'CLEARED' -> 'HELD'"
    ]
    (approval,) = (await find_decision(port.database, proposal.id)).approvals
    assert approval.used_at is None
    assert await port.log() == ["effects.refused_at_door"]
    port.sources.values["status"] = "CLEARED"
    assert (await port.door.perform(request)).state == "done"


async def test_a_row_that_is_gone_voids_and_a_row_that_appears_voids(port: Port) -> None:
    request = await port.call()
    del port.sources.values["status"]
    with _void("'CLEARED' -> None"):
        await port.door.perform(request)
    port.sources.values = {"status": "CLEARED", "hold": "STOP"}
    with _void("customs.hold: None -> 'STOP'"):
        await port.door.perform(request)


async def test_a_source_that_does_not_answer_leaves_the_effect_for_later(port: Port) -> None:
    request = await port.call()
    port.sources.error = UnavailableError("customs is down")
    with pytest.raises(UnavailableError, match="customs is down"):
        await port.door.perform(request)
    assert await port.log() == []
    port.sources.error = None
    assert (await port.door.perform(request)).state == "done"


async def test_a_bound_row_version_voids_when_any_column_of_the_row_moved(port: Port) -> None:
    evidence = Evidence.of("customs.status", read("status", "CLEARED"))
    assert isinstance(evidence.label.origin, Origin)
    bound = {row_key(evidence.label.origin): "1"}
    request = await port.call(data_versions=bound, evidence=(evidence,))
    port.sources.row_version = "2"
    with _void("data_versions", "'1' -> '2'"):
        await port.door.perform(request)
    port.sources.row_version = "1"
    # What the caller remembers of a row's version does not count: it was read again.
    assert (await port.door.perform(replace(request, data_versions={}))).state == "done"


async def test_the_versions_in_force_count_and_not_what_the_caller_remembers(port: Port) -> None:
    request = await port.call()
    port.sources.versions = {"policy_version": "policy-2", "tariff": "t-2"}
    with _void("policy_version: 'policy-1' -> 'policy-2'", "data_versions.tariff: 't-1' -> 't-2'"):
        await port.door.perform(request)
    port.sources.versions = {}
    with _void("data_versions.tariff: 't-1' -> (absent)"):
        await port.door.perform(replace(request, data_versions={}))
    port.sources.versions = {"tariff": "t-1"}
    assert (await port.door.perform(replace(request, data_versions={}))).state == "done"


async def test_evidence_that_cannot_be_read_again_opens_nothing(port: Port) -> None:
    request = await port.call()
    door = Door(port.database, port.inbox)
    door.register(release_spec(), port.terminal)
    with pytest.raises(UsageError, match="bind a Rereader"):
        await door.perform(request)
    bare = request_for(*await port.approved(evidence=()), effect_id="run-1:9")
    assert (await door.perform(bare)).state == "done"


async def test_a_message_names_something_even_if_no_difference_can_be_shown(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await port.call()
    await port.database.execute("alter table decisions_approval disable trigger user")
    await port.database.execute("update decisions_approval set subject = repeat('a', 64)")
    with _void("something it bound"):
        await port.door.perform(request)


# -- once


async def test_the_same_effect_id_returns_the_stored_outcome(port: Port) -> None:
    request = await port.call()
    first = await port.door.perform(request)
    port.sources.values.clear()
    again = await asyncio.gather(*(port.door.perform(request) for _ in range(5)))
    assert again == [first] * 5
    assert len(port.terminal.got) == 1
    assert (await port.door.show("run-1:3")).state == "done"


@pytest.mark.parametrize(
    "changes", [{"args": {"on": "other"}}, {"principal": replace(RUNNER, id="other-flow")}, {"tool": "tag"}]
)
async def test_an_effect_id_never_carries_another_call(port: Port, changes: dict[str, Any]) -> None:
    port.door.register(NOTE, port.terminal)
    port.door.register(replace(NOTE, tool="tag"), port.terminal)
    await port.door.perform(await port.note())
    with pytest.raises(ConflictError, match="take a new id"):
        await port.door.perform(await port.note(**changes))
    assert len(port.terminal.got) == 1


async def test_ten_tasks_performing_one_effect_send_it_once(database: Database) -> None:
    port = Port(database, patience=5)
    request = await port.call()
    outcomes = await asyncio.gather(*(port.door.perform(request) for _ in range(10)))
    assert len({str(outcome) for outcome in outcomes}) == 1
    assert len(port.terminal.got) == 1
    assert await port.log() == ["effects.intent", "effects.done"]


async def test_a_call_that_needs_nobody_keeps_its_own_evidence(port: Port) -> None:
    port.door.register(NOTE, port.terminal)
    evidence = (Evidence.of("customs.status", read("status", "CLEARED")),)
    request = await port.note(evidence=evidence)
    assert (await port.door.perform(request)).state == "done"
    record = await explain(port.database, effect_id="n:1")
    assert record.decision is None
    assert [row.name for row in record.evidence] == ["customs.status"]
    assert "'note' was performed on" in record.sentence
    assert "without asking anyone" in record.sentence
    assert "customs.status = 'CLEARED' (customs clearance)" in record.sentence


async def test_the_caller_may_bring_the_evidence_itself_but_not_less_of_it(port: Port) -> None:
    proposal, answer = await port.approved()
    request = request_for(proposal, answer, evidence=proposal.evidence[:1])
    with _void("customs.hold: None -> (absent)"):
        await port.door.perform(request)
    assert (await port.door.perform(replace(request, evidence=proposal.evidence))).state == "done"


async def test_one_thing_is_not_acted_on_twice_while_nobody_knows(port: Port) -> None:
    spec = replace(NOTE, idempotency=("on",))
    port.door.register(spec, port.terminal)
    port.terminal.after = [UnavailableError("line cut")]
    assert (await port.door.perform(await port.note("n:1"))).state == "unknown"
    with pytest.raises(ConflictError, match="effect 'n:1' on the same thing"):
        await port.door.perform(await port.note("n:2"))
    assert (await port.door.perform(await port.note("n:3", args={"on": "another box"}))).state == "done"
    (item,) = (await port.inbox.list(replace(BO, rights=frozenset({"decisions:note"})))).items
    await port.inbox.approve(item.id, replace(BO, rights=frozenset({"decisions:note"})))
    assert (await port.door.perform(await port.note("n:2"))).state == "done"


async def test_the_other_effect_may_end_between_the_two_looks(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    port.door.register(replace(NOTE, idempotency=("on",)), port.terminal)
    port.terminal.after = [UnavailableError("line cut")]
    await port.door.perform(await port.note("n:1"))
    queries = {query.name: query for query in ledger.Q}
    gone = replace(ledger.Q.same_thing, text="select 1 where %(tool)s = %(thing)s")
    monkeypatch.setattr(ledger, "Q", SimpleNamespace(**{**queries, "same_thing": gone}))
    with pytest.raises(ConflictError, match="effect 'another' on the same thing"):
        await port.door.perform(await port.note("n:2"))


# -- what the receiver says


@pytest.mark.parametrize(
    "refusal",
    [
        DeniedError("no", code="gate.denied"),
        UsageError("no", code="gate.usage"),
        ConflictError("no", code="gate.conflict"),
        LimitError("no", code="gate.limit"),
    ],
)
async def test_a_receiver_that_says_no_is_a_refusal_and_stays_one(port: Port, refusal: Any) -> None:
    request = await port.call()
    port.terminal.before = [refusal]
    outcome = await port.door.perform(request)
    assert (outcome.state, outcome.reasons) == ("refused", (refusal.code, "no"))
    assert await port.door.perform(request) == outcome
    assert len(port.terminal.got) == 1
    record = await explain(port.database, effect_id="run-1:3")
    assert f"but was not performed: {refusal.code}; no" in record.sentence


async def test_a_result_that_cannot_be_stored_does_not_undo_the_effect(port: Port) -> None:
    async def odd(call: object) -> object:
        return object()

    port.door.register(NOTE, odd)
    outcome = await port.door.perform(await port.note())
    assert outcome.state == "done"
    assert outcome.result is None
    assert outcome.reasons[0] == "effects.result_not_canonical"
    assert await port.door.perform(await port.note()) == outcome


async def test_a_handler_may_return_nothing(port: Port) -> None:
    async def silent(call: object) -> None:
        return None

    port.door.register(NOTE, silent)
    assert (await port.door.perform(await port.note())).result is None


async def test_cancelling_the_caller_lets_the_effect_finish_and_be_recorded(port: Port) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(call: object) -> str:
        started.set()
        await go.wait()
        return "sent"

    port.door.register(NOTE, slow)
    task = asyncio.create_task(port.door.perform(await port.note()))
    await started.wait()
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await port.door.show("n:1")).result == "sent"


async def test_cancelling_an_effect_that_fails_leaves_no_loose_error(port: Port) -> None:
    started = asyncio.Event()

    async def failing(call: object) -> str:
        started.set()
        await asyncio.sleep(0.05)
        raise UnavailableError("cut")

    port.door.register(replace(NOTE, idempotent_by_effect_id=True), failing)
    task = asyncio.create_task(port.door.perform(await port.note()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await port.door.show("n:1")).state == "intent"


async def test_an_effect_that_is_not_there_cannot_be_shown_or_explained(port: Port) -> None:
    for verb in (
        port.door.show("nothing"),
        explain(port.database, effect_id="nothing"),
        explain(port.database),
        explain(port.database, effect_id="a", proposal_id=new_id()),
        explain(port.database, proposal_id=new_id()),
    ):
        with pytest.raises(UsageError):
            await verb


async def test_a_proposal_is_explained_before_anything_was_done(port: Port) -> None:
    proposal, _ = await port.approved()
    record = await explain(port.database, proposal_id=proposal.id)
    assert record.effect is None
    assert "was approved on" in record.sentence
    assert [item.entry.kind for item in record.audit] == ["decisions.proposed", "decisions.approved"]


async def test_an_edited_decision_is_explained_with_what_it_replaced(port: Port) -> None:
    port.door.register(release_spec(), port.terminal)
    parent = await ask(port.database, port.inbox)
    child = await port.inbox.edit(parent.id, AMIRA, {"container": "TGHU7654321", "party": "ACME"})
    answer = await port.inbox.approve(child.id, BO, typed="4321")
    with _void("args.container: 'TGHU7654321' -> 'MSCU1234565'"):
        await port.door.perform(request_for(parent, answer))
    await port.door.perform(request_for(child, answer))
    record = await explain(port.database, effect_id="run-1:3")
    assert record.replaced == (parent,)
    assert record.sentence.startswith("TGHU7654321 was released to ACME on")
    assert "by clerk.bo" in record.sentence
    assert port.terminal.done["run-1:3"] == {"container": "TGHU7654321", "party": "ACME"}


# -- halt


async def test_a_halt_stops_everything_until_a_person_lifts_it(port: Port) -> None:
    request = await port.call()
    assert await port.door.halt(GUARD, "looks wrong") == ()
    with pytest.raises(DeniedError, match="all effects are halted by 'guard"):
        await port.door.perform(request)
    with pytest.raises(DeniedError, match="only a person"):
        await port.door.lift(replace(GUARD, kind="service"), "fine")
    await port.door.lift(GUARD, "was a drill")
    assert (await port.door.perform(request)).state == "done"
    assert [(halt.scope, halt.halted, halt.reason) for halt in await port.door.halts()] == [
        ("*", False, "was a drill")
    ]


async def test_a_halt_of_one_tool_leaves_the_others(port: Port) -> None:
    request = await port.call()
    port.door.register(NOTE, port.terminal)
    await port.door.halt(replace(GUARD, kind="service"), "gate broken", scope="release_container")
    with pytest.raises(DeniedError, match="'release_container' is halted"):
        await port.door.perform(request)
    assert (await port.door.perform(await port.note())).state == "done"


async def test_switching_needs_the_right_and_a_reason(port: Port) -> None:
    with pytest.raises(DeniedError, match="effects:halt"):
        await port.door.halt(AMIRA, "x")
    with pytest.raises(UsageError, match="say why"):
        await port.door.halt(GUARD, "  ")


async def test_a_halt_waits_for_the_intent_under_way_and_lists_it(port: Port) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(call: object) -> str:
        started.set()
        await go.wait()
        return "sent"

    port.door.register(NOTE, slow)
    task = asyncio.create_task(port.door.perform(await port.note()))
    await started.wait()
    assert await port.door.halt(GUARD, "stop", scope="note") == ("n:1",)
    go.set()
    assert (await task).state == "done"


async def test_nothing_starts_after_a_halt_has_returned(database: Database) -> None:
    port = Port(database)
    port.door.register(NOTE, port.terminal)
    calls = [asyncio.create_task(port.door.perform(await port.note(f"n:{n}"))) for n in range(30)]
    await asyncio.sleep(0.02)
    in_flight = await port.door.halt(GUARD, "stop")
    stored = await database.fetch_value("select count(*) from effects_effect")
    await asyncio.gather(*calls, return_exceptions=True)
    assert await database.fetch_value("select count(*) from effects_effect") == stored
    assert len(port.terminal.got) == stored
    assert len(in_flight) <= stored


async def test_a_stored_outcome_is_final(port: Port) -> None:
    await port.door.perform(await port.call())
    for statement in (
        "update effects_effect set state = 'refused'",
        "delete from effects_effect",
        "truncate effects_effect",
    ):
        with pytest.raises(DataError, match="final"):
            await port.database.execute(statement)  # type: ignore[arg-type]
