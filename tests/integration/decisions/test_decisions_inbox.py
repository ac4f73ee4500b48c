"""The inbox over a real database: who sees, who answers, and that an answer is given once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import (
    Answer,
    Evidence,
    Inbox,
    InboxFilter,
    Proposal,
    find_decision,
)
from pilothouse.effects import Door
from pilothouse.effects.testing import (
    AMIRA,
    BO,
    FakeResumer,
    ask,
    proposal_for,
    read,
    release_spec,
    soon,
)
from pilothouse.kernel import ConflictError, DataError, DeniedError, Principal, UsageError, new_id
from pilothouse.storage import Database, Tx

LEAD = Principal(id="lead.kim", rights=frozenset({"decisions:*"}))
STRANGER = Principal(id="clerk.zoe", rights=frozenset({"decisions:other_tool"}))


@pytest.fixture
def run() -> FakeResumer:
    return FakeResumer()


@pytest.fixture
def inbox(database: Database, run: FakeResumer) -> Inbox:
    inbox = Inbox(database, resumer=run)
    Door(database, inbox).register(release_spec(), _never)
    return inbox


async def _never(call: object) -> None:
    raise AssertionError("nothing is sent in these tests")


def _conflict(code: str) -> Any:
    return pytest.raises(ConflictError, match=rf"\[decisions\.{code}\]")


# -- asking


async def test_asking_the_same_twice_asks_once(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    async with database.transaction() as tx:
        await inbox.propose(tx, proposal)
    assert (await inbox.list(AMIRA)).total == 1
    assert len(await entries(database, proposals=[proposal.id])) == 1


async def test_an_id_cannot_be_reused_for_another_question(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    with _conflict("proposal_id"):
        await ask(database, inbox, id=proposal.id, args={"container": "X", "party": "Y"})


async def test_a_parent_cannot_be_forged(database: Database, inbox: Inbox) -> None:
    with pytest.raises(UsageError, match=r"only Inbox\.edit"):
        await ask(database, inbox, parent=new_id())


async def test_the_question_is_gone_if_its_transaction_is(database: Database, inbox: Inbox) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await inbox.propose(tx, proposal_for())
            raise RuntimeError
    assert (await inbox.list(AMIRA)).total == 0


async def test_what_was_asked_can_never_be_changed(database: Database, inbox: Inbox) -> None:
    await ask(database, inbox)
    for statement in ("update decisions_proposal set subject = 'x'", "delete from decisions_proposal"):
        with pytest.raises(DataError, match="append-only"):
            await database.execute(statement)  # type: ignore[arg-type]


async def test_a_question_survives_storage_to_the_last_digit(database: Database, inbox: Inbox) -> None:
    args = {"container": "MSCU1234565", "party": "ACME", "weight": 1e22, "n": 2**60, "share": 0.1}
    proposal = await ask(database, inbox, args=args)
    assert (await inbox.show(proposal.id, AMIRA)).proposal == proposal


# -- seeing


async def test_only_those_with_the_right_or_addressed_see_it(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    for who in (AMIRA, BO, LEAD):
        assert [item.id for item in (await inbox.list(who)).items] == [proposal.id]
        assert (await inbox.show(proposal.id, who)).proposal == proposal
    assert (await inbox.list(STRANGER)).total == 0


async def test_what_may_not_be_seen_does_not_exist(database: Database, inbox: Inbox) -> None:
    hidden = (await ask(database, inbox)).id
    missing = new_id()
    for verb in (
        lambda id: inbox.show(id, STRANGER),
        lambda id: inbox.approve(id, STRANGER, typed="4565"),
        lambda id: inbox.reject(id, STRANGER, "no"),
        lambda id: inbox.claim(id, STRANGER),
        lambda id: inbox.release(id, STRANGER),
        lambda id: inbox.edit(id, STRANGER, {}),
        lambda id: inbox.snooze(id, STRANGER, datetime(2030, 1, 1, tzinfo=UTC)),
        lambda id: inbox.delegate(id, STRANGER, AMIRA),
    ):
        said: list[str] = []
        for id in (hidden, missing):
            with pytest.raises(UsageError) as caught:
                await verb(id)
            assert caught.value.code == "decisions.not_found"
            said.append(caught.value.message.replace(str(id), "ID"))
        assert said[0] == said[1]
    assert (await find_decision(database, hidden)).state == "open"


async def test_the_list_filters_sorts_and_pages_in_the_database(database: Database, inbox: Inbox) -> None:
    late, early = await soon(database, 7200), await soon(database, 3600)
    a = await ask(database, inbox, title="Alpha 100%", deadline=late, run="r1")
    b = await ask(database, inbox, title="beta_x", deadline=early, tier=2, verdict="HOLD")
    c = await ask(database, inbox, title="Gamma", tier=3, tool=None, topic="triage", asked_of="clerk.amira")

    async def found(who: Principal = LEAD, **wanted: Any) -> list[str]:
        return [item.title for item in (await inbox.list(who, InboxFilter(**wanted))).items]

    assert await found() == ["beta_x", "Alpha 100%", "Gamma"]
    assert await found(sort="newest") == ["Gamma", "beta_x", "Alpha 100%"]
    assert await found(sort="oldest") == ["Alpha 100%", "beta_x", "Gamma"]
    assert await found(sort="tier") == ["Alpha 100%", "Gamma", "beta_x"]
    assert sorted(await found(sort="title")) == sorted(await found())
    assert await found(tier=2) == ["beta_x"]
    assert await found(topic="triage") == ["Gamma"]
    assert await found(verdict="HOLD") == ["beta_x"]
    assert await found(asked_of="clerk.amira") == ["Gamma"]
    assert await found(run="r1") == ["Alpha 100%"]
    assert await found(words="ALPHA 100%") == ["Alpha 100%"]
    assert await found(words="a_x") == ["beta_x"]
    assert await found(words="'; drop table decisions_item; --") == []
    assert await found(due_before=late) == ["beta_x"]
    assert await found(AMIRA) == ["beta_x", "Alpha 100%", "Gamma"]
    assert await found(BO) == ["beta_x", "Alpha 100%"]
    page = await inbox.list(LEAD, InboxFilter(limit=2, offset=2))
    assert ([item.title for item in page.items], page.total) == (["Gamma"], 3)
    beyond = await inbox.list(LEAD, InboxFilter(offset=10))
    assert (beyond.items, beyond.total) == ((), 3)
    await inbox.claim(a.id, LEAD)
    await inbox.delegate(b.id, LEAD, AMIRA)
    assert await found(mine=True) == ["Alpha 100%"]
    assert await found(AMIRA, mine=True) == ["beta_x"]
    assert await found(AMIRA, free=True) == ["beta_x", "Gamma"]
    await inbox.reject(c.id, AMIRA, "no")
    assert await found(state="rejected") == ["Gamma"]
    assert len(await found(state=None)) == 3


async def test_stale_evidence_is_named(database: Database, inbox: Inbox) -> None:
    past, future = await soon(database, -60), await soon(database, 60)
    evidence = (
        Evidence.of("old", read("a", 1), fresh_until=past),
        Evidence.of("new", read("b", 1), fresh_until=future),
        Evidence.of("ageless", read("c", 1)),
    )
    proposal = await ask(database, inbox, evidence=evidence)
    assert (await inbox.show(proposal.id, AMIRA)).stale == ("old",)


# -- answering


async def test_approving_stores_an_approval_and_resumes_the_run_in_one_transaction(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565", reason="fine")
    assert (answer.approved, answer.verdict, answer.by, answer.args, answer.edited) == (
        True,
        "approve",
        AMIRA.id,
        proposal.args,
        False,
    )
    assert run.got == [("run-1", "2", answer)]
    view = await inbox.show(proposal.id, AMIRA)
    assert view.item.state == "approved"
    assert view.item.answer == answer
    assert [(a.id, a.approver, a.verdict, a.used_at) for a in view.approvals] == [
        (answer.approval, AMIRA.id, "approve", None)
    ]
    assert view.approvals[0].expiry - view.approvals[0].at == timedelta(days=1)


async def test_if_the_run_cannot_be_resumed_nothing_was_answered(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox)
    run.error = DataError("run blocked")
    with pytest.raises(DataError, match="run blocked"):
        await inbox.approve(proposal.id, AMIRA, typed="4565")
    assert (await find_decision(database, proposal.id)).approvals == ()
    run.error = None
    assert (await inbox.approve(proposal.id, AMIRA, typed="4565")).approved


async def test_without_a_resumer_a_waiting_run_is_not_answered_into_the_void(database: Database) -> None:
    inbox = Inbox(database)
    waiting, idle = await ask(database, inbox), await ask(database, inbox, run=None, key=None)
    with pytest.raises(UsageError, match="bind a Resumer"):
        await inbox.approve(waiting.id, AMIRA, typed="4565")
    assert (await inbox.approve(idle.id, AMIRA, typed="4565")).approved


async def test_an_unknown_kind_of_question_cannot_be_answered_here(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, kind="nobody.home")
    with pytest.raises(UsageError, match=r"nobody\.home"):
        await inbox.approve(proposal.id, AMIRA, typed="4565")


class _Follower:
    def __init__(self) -> None:
        self.got: list[Answer] = []

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        self.got.append(answer)
        if answer.reason == "break":
            raise DataError("the follower cannot")


async def test_answers_of_another_kind_go_to_its_follower_and_its_failure_undoes_them(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    follower = _Follower()
    inbox.follow("some.kind", follower)
    proposal = await ask(database, inbox, kind="some.kind", tool=None, run=None, key=None)
    with pytest.raises(DataError, match="the follower cannot"):
        await inbox.reject(proposal.id, AMIRA, "break")
    assert (await find_decision(database, proposal.id)).state == "open"
    answer = await inbox.approve(proposal.id, BO, typed="4565")
    assert (follower.got[-1], run.got) == (answer, [])


@pytest.mark.parametrize("second", [AMIRA, BO])
async def test_a_double_click_and_a_colleague_of_one_mind_get_the_stored_answer(
    database: Database, inbox: Inbox, run: FakeResumer, second: Principal
) -> None:
    yes, no = await ask(database, inbox), await ask(database, inbox)
    first = await inbox.approve(yes.id, AMIRA, typed="4565")
    assert await inbox.approve(yes.id, second, typed=None) == first
    refused = await inbox.reject(no.id, AMIRA, "wrong party")
    assert await inbox.reject(no.id, second, "other words") == refused
    assert len(run.got) == 2


async def test_another_verdict_on_an_answered_item_is_a_conflict(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox)
    await inbox.approve(proposal.id, AMIRA, typed="4565")
    with _conflict("answered") as caught:
        await inbox.reject(proposal.id, BO, "no")
    assert "approved by 'clerk.amira'" in caught.value.message
    for verb in (
        inbox.claim(proposal.id, BO),
        inbox.edit(proposal.id, BO, {"container": "X", "party": "Y"}),
        inbox.delegate(proposal.id, BO, AMIRA),
        inbox.snooze(proposal.id, BO, await soon(database, 60)),
    ):
        with _conflict("answered"):
            await verb
    assert len(run.got) == 1


async def test_two_clerks_at_the_same_moment_give_one_answer(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    for _ in range(10):
        proposal = await ask(database, inbox)
        said = await asyncio.gather(
            inbox.approve(proposal.id, AMIRA, typed="4565"),
            inbox.reject(proposal.id, BO, "no"),
            inbox.approve(proposal.id, BO, typed="4565"),
            inbox.reject(proposal.id, AMIRA, "no"),
            return_exceptions=True,
        )
        answers = [one for one in said if isinstance(one, Answer)]
        conflicts = [one for one in said if isinstance(one, ConflictError)]
        assert (len(answers), len(conflicts)) == (2, 2)
        assert answers[0] == answers[1]
        assert run.got.pop()[2] == answers[0]
        assert run.got == []


async def test_self_approval_is_off_but_saying_no_is_not(database: Database, inbox: Inbox) -> None:
    for field in ("proposer", "on_behalf_of"):
        proposal = await ask(database, inbox, **{field: AMIRA.id})
        with pytest.raises(DeniedError, match="ask a colleague"):
            await inbox.approve(proposal.id, AMIRA, typed="4565")
        assert not (await inbox.reject(proposal.id, AMIRA, "my mistake")).approved


async def test_only_people_answer(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    robot = replace(AMIRA, kind="service")
    for verb in (inbox.approve(proposal.id, robot, typed="4565"), inbox.reject(proposal.id, robot, "no")):
        with pytest.raises(DeniedError, match="only a person"):
            await verb


async def test_tier_4_needs_the_identifier_typed(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    with pytest.raises(UsageError, match="type the last 4"):
        await inbox.approve(proposal.id, AMIRA)
    easy = await ask(database, inbox, tier=2)
    assert (await inbox.approve(easy.id, AMIRA)).approved


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
async def test_no_needs_a_reason(database: Database, inbox: Inbox, reason: str) -> None:
    proposal = await ask(database, inbox)
    with pytest.raises(UsageError, match="say in a few words why"):
        await inbox.reject(proposal.id, AMIRA, reason)


async def test_an_item_that_moved_is_looked_at_again(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox)
    seen = (await inbox.show(proposal.id, AMIRA)).item.version
    moved = await inbox.snooze(proposal.id, BO, await soon(database, 60))
    with _conflict("moved"):
        await inbox.approve(proposal.id, AMIRA, typed="4565", version=seen)
    assert (await inbox.approve(proposal.id, AMIRA, typed="4565", version=moved.version)).approved
