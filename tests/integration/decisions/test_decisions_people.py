"""Several people, one answer: quorum, standing in for a colleague, duties kept apart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pilothouse.decisions import (
    Answer,
    DecisionsSettings,
    Inbox,
    InboxFilter,
    Proposal,
    Quorum,
    find_approval,
    find_decision,
    insufficient,
    sentence,
    use_approval,
)
from pilothouse.effects import Door
from pilothouse.effects.testing import AMIRA, BO, FakeResumer, ask, release_spec, soon
from pilothouse.kernel import ConflictError, DataError, DeniedError, Principal, UsageError, new_id
from pilothouse.storage import Database

RIGHT = frozenset({"decisions:release_container", "decisions:cancel_release"})
LEAD = Principal(id="lead.kim", rights=frozenset({"decisions:*"}), groups=frozenset({"lead"}))
CEM, DAN = (Principal(id=f"clerk.{name}", rights=RIGHT) for name in ("cem", "dan"))
TWO = Quorum(count=2)


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


def _denied(code: str) -> Any:
    return pytest.raises(DeniedError, match=rf"\[decisions\.{code}\]")


async def _yes(inbox: Inbox, proposal: Proposal, who: Principal) -> Answer:
    return await inbox.approve(proposal.id, who, typed="4565")


async def _use(database: Database, answer: Answer, *, effect: str = "run-1:3") -> None:
    assert answer.approval is not None
    found = await find_approval(database, answer.approval)
    assert found is not None
    async with database.transaction() as tx:
        await use_approval(tx, answer.approval, effect=effect, subject=found.approval.subject)


# -- quorum


async def test_the_answer_comes_when_enough_people_said_yes(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    first = await _yes(inbox, proposal, AMIRA)
    assert (first.approved, first.verdict, first.by) == (False, "pending", AMIRA.id)
    assert run.got == []
    assert await _yes(inbox, proposal, AMIRA) == first
    item = (await inbox.list(BO)).items[0]
    assert (item.state, item.needed, item.given) == ("open", 2, 1)
    with pytest.raises(ConflictError, match="stands as 'open'"):
        await _use(database, first)
    last = await _yes(inbox, proposal, BO)
    assert (last.approved, last.verdict, last.by) == (True, "approve", BO.id)
    assert run.got == [("run-1", "2", last)]
    decision = await find_decision(database, proposal.id)
    assert [one.approver for one in decision.approvals] == [AMIRA.id, BO.id]
    assert "by clerk.amira and clerk.bo" in sentence(decision)
    assert (await inbox.show(proposal.id, LEAD)).item.given == 2


async def test_every_voice_is_used_up_by_one_effect(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    first, last = await _yes(inbox, proposal, AMIRA), await _yes(inbox, proposal, BO)
    assert last.approval is not None
    found = await find_approval(database, last.approval)
    assert found is not None
    assert insufficient(found) is None
    assert {one.id for one in found.approvals} == {first.approval, last.approval}
    assert found.asked == ("desk",)
    await _use(database, last)
    for answer in (first, last):
        with pytest.raises(ConflictError, match="used by effect 'run-1:3'"):
            await _use(database, answer, effect="run-1:4")
    used = (await find_decision(database, proposal.id)).approvals
    assert [one.used_by for one in used] == ["run-1:3", "run-1:3"]


async def test_one_no_closes_the_question(database: Database, inbox: Inbox, run: FakeResumer) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    yes = await _yes(inbox, proposal, AMIRA)
    no = await inbox.reject(proposal.id, BO, "wrong party")
    assert run.got[0][2] == no
    with _conflict("answered"):
        await _yes(inbox, proposal, LEAD)
    with pytest.raises(ConflictError, match="stands as 'rejected'"):
        await _use(database, yes)


async def test_where_the_rule_says_so_a_no_takes_only_that_person_out(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox, quorum=Quorum(count=2, reject_stops=False))
    no = await inbox.reject(proposal.id, AMIRA, "not for me")
    assert (no.verdict, run.got) == ("pending", [])
    with _conflict("answered"):
        await _yes(inbox, proposal, AMIRA)
    await _yes(inbox, proposal, BO)
    assert (await _yes(inbox, proposal, LEAD)).approved
    assert len(run.got) == 1


async def test_whoever_asked_closes_it_with_a_no_all_the_same(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    proposal = await ask(database, inbox, proposer=AMIRA.id, quorum=Quorum(count=2, reject_stops=False))
    assert (await inbox.reject(proposal.id, AMIRA, "my mistake")).verdict == "reject"
    assert len(run.got) == 1


async def test_each_group_gives_a_person_of_its_own(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, quorum=Quorum(groups=("desk", "lead")))
    assert (await _yes(inbox, proposal, AMIRA)).verdict == "pending"
    assert (await _yes(inbox, proposal, BO)).verdict == "pending"
    assert (await _yes(inbox, proposal, LEAD)).approved


async def test_many_at_the_same_moment_make_one_answer(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    for _ in range(5):
        proposal = await ask(database, inbox, quorum=Quorum(count=3))
        people = [replace(CEM, id=f"clerk.{n}") for n in range(5)]
        said = await asyncio.gather(*(_yes(inbox, proposal, who) for who in people))
        final = [answer for answer in said if answer.verdict == "approve"]
        assert len({answer.approval for answer in final}) == 1
        assert sum(answer.verdict == "pending" for answer in said) == 2
        assert run.got.pop()[2] == final[0]
        assert run.got == []


async def test_a_voice_frees_the_item_for_the_next_person(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    await inbox.delegate(proposal.id, LEAD, AMIRA)
    await inbox.claim(proposal.id, AMIRA)
    await _yes(inbox, proposal, AMIRA)
    item = await inbox.claim_next(BO)
    assert item is not None
    assert (item.delegated_to, item.claimed_by) == (None, BO.id)
    assert (await inbox.list(AMIRA, InboxFilter(free=True))).total == 0


async def test_expired_with_too_few_voices_is_no(database: Database, inbox: Inbox, run: FakeResumer) -> None:
    proposal = await ask(database, inbox, quorum=TWO, deadline=await soon(database, 0.3))
    await _yes(inbox, proposal, AMIRA)
    await asyncio.sleep(0.3)
    (answer,) = await inbox.expire()
    assert (answer.verdict, run.got[0][2].approved) == ("expire", False)


async def test_an_edit_throws_away_the_voices_given_and_keeps_its_askers_out(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, quorum=TWO, proposer=CEM.id)
    await _yes(inbox, proposal, AMIRA)
    child = await inbox.edit(proposal.id, DAN, {"container": "TGHU7654321", "party": "ACME"})
    for who, code in ((CEM, "distinct"), (DAN, "self_approval")):
        with _denied(code):
            await inbox.approve(child.id, who, typed="4321")
    assert (await inbox.approve(child.id, AMIRA, typed="4321")).verdict == "pending"
    assert (await inbox.approve(child.id, BO, typed="4321")).approved


# -- standing in for a colleague


async def test_who_stands_in_answers_as_b_for_a_and_the_two_count_once(
    database: Database, inbox: Inbox
) -> None:
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    proposal = await ask(database, inbox, asked_of=CEM.id, quorum=TWO)
    await _yes(inbox, proposal, DAN)
    (voice,) = (await inbox.show(proposal.id, LEAD)).approvals
    assert (voice.approver, voice.delegated_by, voice.linked) == (DAN.id, CEM.id, (CEM.id,))
    with _denied("same_person"):
        await _yes(inbox, proposal, CEM)
    assert (await _yes(inbox, proposal, LEAD)).approved


async def test_two_bound_by_a_delegation_never_both_count_even_for_themselves(
    database: Database, inbox: Inbox
) -> None:
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    proposal = await ask(database, inbox, quorum=TWO)
    await _yes(inbox, proposal, CEM)
    assert (await inbox.show(proposal.id, LEAD)).approvals[0].delegated_by is None
    with _denied("same_person"):
        await _yes(inbox, proposal, DAN)


async def test_who_stands_in_may_take_what_was_handed_to_the_colleague(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox)
    await inbox.delegate(proposal.id, LEAD, CEM)
    with _conflict("delegated"):
        await _yes(inbox, proposal, DAN)
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    assert (await _yes(inbox, proposal, DAN)).approved
    (voice,) = (await find_decision(database, proposal.id)).approvals
    assert (voice.approver, voice.delegated_by) == (DAN.id, CEM.id)


async def test_standing_in_goes_one_step_only(database: Database, inbox: Inbox) -> None:
    until = await soon(database, 60)
    await inbox.delegations.give(AMIRA, CEM, scope="release_container", until=until)
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=until)
    proposal = await ask(database, inbox)
    await inbox.delegate(proposal.id, LEAD, AMIRA)
    with _conflict("delegated"):
        await _yes(inbox, proposal, DAN)


async def test_standing_in_adds_no_right(database: Database, inbox: Inbox) -> None:
    until = await soon(database, 60)
    with pytest.raises(DeniedError, match="may not answer"):
        await inbox.delegations.give(AMIRA, BO, scope="release_container", until=until)
    with pytest.raises(DeniedError, match="may not answer"):
        await inbox.delegations.give(BO, AMIRA, scope="release_container", until=until)
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=until)
    proposal = await ask(database, inbox)
    await inbox.delegate(proposal.id, LEAD, CEM)
    # Without the right, only addressed by a group: what was handed to the colleague stays theirs.
    demoted = replace(DAN, rights=frozenset(), groups=frozenset({"desk"}))
    with _conflict("delegated"):
        await _yes(inbox, proposal, demoted)


async def test_a_delegation_ends_at_its_date_or_when_it_is_revoked(database: Database, inbox: Inbox) -> None:
    short = await inbox.delegations.give(
        CEM, DAN, scope="release_container", until=await soon(database, 0.2), reason="holiday"
    )
    assert await inbox.delegations.of(CEM) == await inbox.delegations.of(DAN) == (short,)
    await asyncio.sleep(0.25)
    assert await inbox.delegations.of(DAN) == ()
    long = await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    with pytest.raises(UsageError, match="that you may end"):
        await inbox.delegations.revoke(long.id, DAN)
    await inbox.delegations.revoke(long.id, CEM)
    with pytest.raises(UsageError, match="that you may end"):
        await inbox.delegations.revoke(long.id, CEM)
    other = await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    await inbox.delegations.revoke(other.id, LEAD)
    kinds = [row["kind"] for row in await database.fetch_all("select kind from audit_entry order by id")]
    assert kinds == ["decisions.delegation_given"] * 2 + [
        "decisions.delegation_ended",
        "decisions.delegation_given",
        "decisions.delegation_ended",
    ]


async def test_a_delegation_to_oneself_without_end_or_scope_is_refused(
    database: Database, inbox: Inbox
) -> None:
    until, past = await soon(database, 60), await soon(database, -1)
    for to, scope, end in (
        (LEAD, "x", until),
        (DAN, "release_container", past),
        (DAN, "release_container", until.replace(tzinfo=None)),
    ):
        with pytest.raises(UsageError, match="cannot let"):
            await inbox.delegations.give(LEAD, to, scope=scope, until=end)
    every = replace(CEM, rights=frozenset({"decisions:*"}))
    with pytest.raises(UsageError, match="cannot let"):
        await inbox.delegations.give(LEAD, every, scope="", until=until)
    with _denied("not_a_person"):
        await inbox.delegations.give(LEAD, replace(CEM, kind="service"), scope="x", until=until)


async def test_a_delegation_is_never_changed_only_revoked(database: Database, inbox: Inbox) -> None:
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    for statement in (
        "update decisions_standing set until = until + interval '1 year'",
        "update decisions_standing set taker = 'mallory'",
        "delete from decisions_standing",
    ):
        with pytest.raises(DataError, match=r"refused|never changed"):
            await database.execute(statement)  # type: ignore[arg-type]


async def test_who_asked_approves_neither_through_a_deputy_nor_by_choosing_who_answers(
    database: Database, inbox: Inbox
) -> None:
    await inbox.delegations.give(CEM, DAN, scope="release_container", until=await soon(database, 60))
    proposal = await ask(database, inbox, proposer=CEM.id)
    with _denied("linked"):
        await _yes(inbox, proposal, DAN)
    with _denied("linked"):
        await inbox.delegate(proposal.id, CEM, AMIRA)
    assert (await _yes(inbox, proposal, AMIRA)).approved


# -- duties kept apart


async def _release_and_cancel(database: Database, inbox: Inbox, first: Principal, **changes: Any) -> Proposal:
    release = await ask(database, inbox)
    assert (await _yes(inbox, release, first)).approved
    fields: dict[str, Any] = {"tool": "cancel_release", "apart": ("release_container",)}
    return await ask(database, inbox, **(fields | changes))


async def test_who_released_does_not_cancel(database: Database, inbox: Inbox) -> None:
    cancel = await _release_and_cancel(database, inbox, LEAD)
    with pytest.raises(DeniedError, match="kept apart") as caught:
        await _yes(inbox, cancel, LEAD)
    assert caught.value.reasons == ("decisions.apart:release_container",)
    assert (await _yes(inbox, cancel, CEM)).approved


async def test_the_rule_holds_whichever_of_the_two_declares_it(database: Database, inbox: Inbox) -> None:
    release = await ask(database, inbox, apart=("cancel_release",))
    await _yes(inbox, release, LEAD)
    cancel = await ask(database, inbox, tool="cancel_release")
    with _denied("apart"):
        await _yes(inbox, cancel, LEAD)


async def test_whoever_it_was_performed_for_does_not_cancel(database: Database, inbox: Inbox) -> None:
    release = await ask(database, inbox, on_behalf_of=CEM.id)
    await _yes(inbox, release, LEAD)
    cancel = await ask(database, inbox, tool="cancel_release", apart=("release_container",))
    with _denied("apart"):
        await _yes(inbox, cancel, CEM)
    assert (await _yes(inbox, cancel, DAN)).approved


async def test_another_thing_another_tool_and_a_refused_release_do_not_matter(
    database: Database, inbox: Inbox
) -> None:
    other = await _release_and_cancel(database, inbox, LEAD, preview={"confirm": "TGHU7654321"})
    assert (await inbox.approve(other.id, LEAD, typed="4321")).approved
    free = await _release_and_cancel(database, inbox, CEM, apart=("pay",))
    assert (await _yes(inbox, free, CEM)).approved
    refused = await ask(database, inbox, preview={"confirm": "OOLU1111111"})
    await inbox.reject(refused.id, DAN, "no")
    cancel = await ask(
        database,
        inbox,
        tool="cancel_release",
        apart=("release_container",),
        preview={"confirm": "OOLU1111111"},
    )
    assert (await inbox.approve(cancel.id, DAN, typed="1111")).approved


async def test_both_duties_at_the_same_moment_by_one_person_go_through_once(
    database: Database, inbox: Inbox
) -> None:
    for number in range(6):
        shown = {"preview": {"confirm": f"MSCU000{number}4565"}}
        release = await ask(database, inbox, **shown)
        cancel = await ask(database, inbox, tool="cancel_release", apart=("release_container",), **shown)
        said = await asyncio.gather(
            _yes(inbox, release, LEAD), _yes(inbox, cancel, LEAD), return_exceptions=True
        )
        assert sum(isinstance(one, Answer) for one in said) == 1
        assert sum(isinstance(one, DeniedError) for one in said) == 1


# -- the whole proposal is bound


@pytest.mark.parametrize(
    "change",
    [
        "'{v,quorum,v,count}', '1'",
        "'{v,tier}', '1'",
        "'{v,title}', '\"Something else\"'",
        "'{v,labels}', '{}'",
        "'{v,apart}', '[]'",
        "'{v,asked_of}', '\"mallory\"'",
        "'{v,kind}', '\"seeded\"'",
    ],
)
async def test_a_stored_proposal_changed_after_the_yes_opens_nothing(
    database: Database, inbox: Inbox, change: str
) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    await _yes(inbox, proposal, AMIRA)
    last = await _yes(inbox, proposal, BO)
    await database.execute("alter table decisions_proposal disable trigger user")
    await database.execute(
        f"update decisions_proposal set body = jsonb_set(body::jsonb, {change})::json"  # type: ignore[arg-type]
    )
    with pytest.raises(ConflictError, match=r"not the one that was answered|known-bad sample"):
        await _use(database, last)


async def test_a_voice_forged_into_the_table_for_the_same_person_does_not_fill_the_quorum(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, quorum=TWO)
    first = await _yes(inbox, proposal, AMIRA)
    await database.execute(
        "insert into decisions_approval (id, proposal, subject, approver, verdict, reason, at, not_before,"
        " expiry, asked, delegated_by) select gen_random_uuid(), proposal, subject, 'ghost', 'approve',"
        " '', at, not_before, expiry, asked, approver from decisions_approval"
    )
    await database.execute("update decisions_item set state = 'approved', answer = '{}'::json")
    with pytest.raises(ConflictError, match="1 of 2 people said yes"):
        await _use(database, first)


async def test_settings_have_no_way_to_switch_self_approval_on() -> None:
    with pytest.raises(ValueError, match="self_approval"):
        DecisionsSettings(self_approval=True)  # type: ignore[arg-type]


async def test_an_unknown_approval_has_no_set(database: Database) -> None:
    assert await find_approval(database, new_id()) is None
