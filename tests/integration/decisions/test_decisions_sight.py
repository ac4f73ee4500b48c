"""Who sees what: the unreadable is masked, advice waits on blind items, planted samples look like any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pilothouse.decisions import (
    MASK,
    DecisionsSettings,
    Evidence,
    Inbox,
    InboxFilter,
    ItemView,
    Proposal,
    Quorum,
    catches,
    find_approval,
    find_decision,
    use_approval,
)
from pilothouse.effects import Door
from pilothouse.effects.testing import (
    AMIRA,
    BO,
    RUNNER,
    FakeResumer,
    ask,
    proposal_for,
    read,
    release_spec,
    soon,
)
from pilothouse.kernel import (
    ConflictError,
    DeniedError,
    LimitError,
    Principal,
    UsageError,
    canonical,
    encode,
    new_id,
)
from pilothouse.labels import Integrity, Label
from pilothouse.storage import Database

MAILBOX = "acl:mailbox-7"
READER = replace(AMIRA, id="clerk.cem", rights=AMIRA.rights | {MAILBOX})
PLANTER = Principal(id="lead.kim", rights=frozenset({"decisions:*"}))


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


def _label(*readers: str, row: str = "7") -> Label:
    origin = read("body", "", source="mail", row=row).label.origin
    return Label(readers=frozenset(readers), integrity=Integrity.UNTRUSTED, origin=origin)


def _mail(value: str, *, row: str = "7") -> Evidence:
    return Evidence(name="mail.party", value=value, label=_label(MAILBOX, row=row))


def _secret(party: str = "ACME", *, row: str = "7") -> dict[str, Any]:
    """Return what of a proposal comes from a mailbox that not everyone may read."""
    args = {"container": "MSCU1234565", "party": party}
    return {
        "args": args,
        "title": f"Release MSCU1234565 to {party}",
        "summary": f"{party} asks",
        "verdict": party,
        "evidence": (_mail(party, row=row),),
        "labels": {"container": _label(), "party": _label(MAILBOX, row=row), "pc": _label()},
        "preview": release_spec().preview(args),
        "data_versions": {f"mail/{row}": party},
    }


# -- masking


async def test_what_may_not_be_read_is_masked_and_its_reader_does_not_approve(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, **_secret())
    view = await inbox.show(proposal.id, AMIRA)
    assert view.closed == (MAILBOX,)
    assert (view.item.hidden, view.item.title, view.item.verdict) == (True, "", "")
    shown = view.proposal
    assert shown.args == {"container": "MSCU1234565", "party": MASK}
    assert [(item.name, item.value) for item in shown.evidence] == [("mail.party", MASK)]
    assert shown.evidence[0].label.readers == {MAILBOX}
    assert (shown.title, shown.summary, shown.reasons, shown.preview, shown.data_versions) == (
        "",
        "",
        (),
        {},
        {},
    )
    assert b"ACME" not in canonical(encode(shown))
    with pytest.raises(DeniedError, match=MAILBOX) as caught:
        await inbox.approve(proposal.id, AMIRA, typed="4565")
    assert caught.value.code == "decisions.unreadable"
    assert "ACME" not in caught.value.message
    with pytest.raises(DeniedError, match="may not read"):
        await inbox.edit(proposal.id, AMIRA, {"container": "MSCU1234565", "party": "X"})
    assert (await inbox.show(proposal.id, READER)).proposal == proposal
    assert (await inbox.approve(proposal.id, READER, typed="4565")).approved


async def test_who_may_not_read_it_may_still_say_no(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, **_secret())
    assert not (await inbox.reject(proposal.id, AMIRA, "smells")).approved
    view = await inbox.show(proposal.id, AMIRA)
    assert view.item.answer is not None
    assert set(view.item.answer.args.values()) == {MASK}
    assert [(one.subject, one.asked) for one in view.approvals] == [("", "")]
    assert (await inbox.show(proposal.id, READER)).approvals[0].subject != ""


async def test_it_is_handed_only_to_who_may_read_it(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, **_secret())
    with pytest.raises(UsageError, match="choose a person who may"):
        await inbox.delegate(proposal.id, READER, BO)
    assert (await inbox.delegate(proposal.id, BO, READER)).delegated_to == READER.id


async def test_a_choice_that_may_not_be_read_hides_every_argument(database: Database, inbox: Inbox) -> None:
    secret = _secret() | {"labels": {"container": _label(), "party": _label(), "pc": _label(MAILBOX)}}
    proposal = await ask(database, inbox, **secret)
    assert set((await inbox.show(proposal.id, AMIRA)).proposal.args.values()) == {MASK}


async def test_an_argument_without_label_is_hidden_with_the_rest(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, **(_secret() | {"labels": {}}))
    assert set((await inbox.show(proposal.id, AMIRA)).proposal.args.values()) == {MASK}


async def test_evidence_that_may_be_read_stays_beside_what_may_not(database: Database, inbox: Inbox) -> None:
    status = Evidence.of("customs.status", read("status", "CLEARED"))
    proposal = await ask(database, inbox, **(_secret() | {"evidence": (status, _mail("ACME"))}))
    shown = (await inbox.show(proposal.id, AMIRA)).proposal.evidence
    assert shown[0] == status
    assert shown[1].value == MASK


async def test_todays_rights_count_not_those_of_the_asking(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, **_secret())
    assert (await inbox.show(proposal.id, READER)).closed == ()
    assert (await inbox.show(proposal.id, replace(READER, rights=AMIRA.rights))).closed == (MAILBOX,)


def _seen(view: ItemView) -> bytes:
    plain = replace(view.proposal, id=RUN)
    return canonical(
        encode([plain, [a.approver for a in view.approvals], view.stale, view.closed, view.item.title])
    )


RUN = new_id()


async def test_changing_what_may_not_be_read_changes_nothing_that_is_seen(
    database: Database, inbox: Inbox
) -> None:
    seen: set[bytes] = set()
    for party, row in (("ACME", "7"), ("EVIL", "8"), ("", "9")):
        proposal = await ask(database, inbox, **_secret(party, row=row))
        seen.add(_seen(await inbox.show(proposal.id, AMIRA)))
        # The list neither shows, nor searches, nor sorts by what may not be read.
        for wanted in (InboxFilter(words="ACME"), InboxFilter(verdict="ACME")):
            assert (await inbox.list(AMIRA, wanted)).total == 0
        (item,) = (await inbox.list(AMIRA, InboxFilter(sort="newest", limit=1))).items
        assert (item.title, item.verdict, item.hidden) == ("", "", True)
    assert len(seen) == 1
    assert (await inbox.list(READER, InboxFilter(words="ACME"))).total == 1
    ordered = [item.id for item in (await inbox.list(AMIRA, InboxFilter(sort="title"))).items]
    assert ordered == [item.id for item in (await inbox.list(AMIRA, InboxFilter(sort="oldest"))).items]
    assert (await inbox.list(AMIRA, InboxFilter(free=True))).total == 0
    assert await inbox.claim_next(AMIRA) is None


async def test_refusals_and_conflicts_do_not_quote_what_may_not_be_read(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, **_secret())
    await inbox.claim(proposal.id, READER)
    with pytest.raises(ConflictError) as caught:
        await inbox.reject(proposal.id, AMIRA, "no")
    assert "ACME" not in caught.value.message


async def test_the_hash_of_the_screen_is_of_what_was_shown_and_kept_with_the_answer(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, **_secret())
    view, other = await inbox.show(proposal.id, READER), await inbox.show(proposal.id, AMIRA)
    assert view.screen == (await inbox.show(proposal.id, READER)).screen != other.screen
    await inbox.approve(proposal.id, READER, typed="4565", screen=view.screen)
    (voice,) = (await inbox.show(proposal.id, READER)).approvals
    assert voice.screen == view.screen
    no = await ask(database, inbox)
    await inbox.reject(no.id, AMIRA, "no", screen="ab")
    assert (await find_decision(database, no.id)).approvals[0].screen == "ab"


async def test_stale_evidence_is_told_also_when_it_is_masked(database: Database, inbox: Inbox) -> None:
    old = replace(_mail("ACME"), fresh_until=await soon(database, -1))
    proposal = await ask(database, inbox, **(_secret() | {"evidence": (old,)}))
    assert (await inbox.show(proposal.id, AMIRA)).stale == ("mail.party",)


# -- blind


async def test_a_blind_item_hides_its_advice_until_the_person_has_answered(
    database: Database, inbox: Inbox
) -> None:
    proposal = await ask(database, inbox, blind=True, summary="looks fine", quorum=Quorum(count=2))
    before = await inbox.show(proposal.id, AMIRA)
    assert (before.item.blind, before.item.verdict) == (True, "")
    assert (before.proposal.verdict, before.proposal.reasons, before.proposal.summary) == ("", (), "")
    assert before.proposal.evidence == proposal.evidence
    assert before.proposal.title == proposal.title
    assert (await inbox.list(AMIRA)).items[0].verdict == ""
    assert (await inbox.list(AMIRA, InboxFilter(verdict="RELEASE"))).total == 0
    await inbox.approve(proposal.id, AMIRA, typed="4565")
    after = await inbox.show(proposal.id, AMIRA)
    assert (after.item.verdict, after.proposal.verdict) == ("RELEASE", "RELEASE")
    assert [one.blind for one in after.approvals] == [True]
    # The next person still has to judge alone, without the first one's voice.
    other = await inbox.show(proposal.id, BO)
    assert (other.proposal.verdict, other.approvals) == ("", ())
    await inbox.approve(proposal.id, BO, typed="4565")
    assert (await inbox.list(BO, InboxFilter(state="approved"))).items[0].verdict == "RELEASE"
    assert (await inbox.show(proposal.id, PLANTER)).proposal.verdict == "RELEASE"


async def test_a_share_of_effects_is_drawn_blind_the_same_way_each_time(
    database: Database, run: FakeResumer
) -> None:
    inbox = Inbox(database, resumer=run, settings=DecisionsSettings(blind_share=0.5))
    asked = [await ask(database, inbox, run=None, key=None) for _ in range(40)]
    judged = [await ask(database, inbox, tool=None, topic="triage") for _ in range(10)]
    blind = {proposal.id for proposal in asked if (await inbox.show(proposal.id, PLANTER)).item.blind}
    assert 8 <= len(blind) <= 32
    assert not any([(await inbox.show(one.id, PLANTER)).item.blind for one in judged])
    lot = Inbox(database, settings=DecisionsSettings(blind_share=0.5))._lot  # pyright: ignore[reportPrivateUsage]
    async with database.transaction() as tx:
        assert {one.id for one in asked if await lot.falls_on(tx, one)} == blind
    every = Inbox(database, settings=DecisionsSettings(blind_share=1))
    assert (await every.show((await ask(database, every)).id, AMIRA)).item.blind


async def test_an_edit_of_a_blind_item_stays_blind(database: Database, inbox: Inbox) -> None:
    proposal = await ask(database, inbox, blind=True)
    args = {"container": "TGHU7654321", "party": "ACME"}
    child = await inbox.edit(proposal.id, AMIRA, args)
    assert (await inbox.show(child.id, BO)).item.blind
    assert (child.verdict, child.reasons) == ("", ())
    assert await inbox.edit(proposal.id, AMIRA, args) == child


# -- planted samples


async def _fill(database: Database, inbox: Inbox, number: int = 49) -> None:
    async with database.transaction() as tx:
        for _ in range(number):
            await inbox.propose(tx, proposal_for(run=None, key=None, evidence=()))


async def _plant(database: Database, inbox: Inbox, **changes: Any) -> Proposal:
    async with database.transaction() as tx:
        return await inbox.seed(tx, proposal_for(**changes), PLANTER, fault="the party is not the consignee")


async def test_a_sample_looks_like_any_other_item_until_it_is_answered(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    await _fill(database, inbox)
    sample = await _plant(database, inbox)
    view = await inbox.show(sample.id, AMIRA)
    assert (view.proposal.kind, view.fault) == ("decision", "")
    assert view.proposal == replace(sample, kind="decision")
    answer = await inbox.reject(sample.id, AMIRA, "wrong party")
    assert run.got == []
    after = await inbox.show(sample.id, AMIRA)
    assert (after.proposal.seeded, after.fault) == (True, "the party is not the consignee")
    found = await catches(database, "release_container")
    assert (found.shown, found.caught) == (1, 1)
    assert (await catches(database, "another")).shown == 0
    assert answer.verdict == "reject"


async def test_an_approved_sample_is_a_miss_and_opens_no_door(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    await _fill(database, inbox)
    sample = await _plant(database, inbox)
    answer = await inbox.approve(sample.id, AMIRA, typed="4565")
    assert (answer.approved, run.got) == (True, [])
    assert answer.approval is not None
    found = await find_approval(database, answer.approval)
    assert found is not None
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="known-bad sample"):
            await use_approval(tx, answer.approval, effect="e", subject=found.approval.subject)
    seen = await catches(database)
    assert (seen.shown, seen.caught) == (1, 0)


async def test_an_approval_used_up_while_it_is_looked_up_is_still_among_its_voices(
    database: Database, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = proposal_for(run=None, key=None, evidence=())
    async with database.transaction() as tx:
        await inbox.propose(tx, asked)
    answer = await inbox.approve(asked.id, AMIRA, typed="4565")
    assert answer.approval is not None
    before = await find_approval(database, answer.approval)
    assert before is not None
    look = database.fetch_all

    async def used_meanwhile(*args: Any) -> Any:
        async with database.transaction() as tx:
            await use_approval(tx, before.approval.id, effect="e", subject=before.approval.subject)
        return await look(*args)

    monkeypatch.setattr(database, "fetch_all", used_meanwhile)
    found = await find_approval(database, answer.approval)
    assert found is not None
    assert found.approval in found.approvals


async def test_samples_are_rare(database: Database, inbox: Inbox) -> None:
    await _fill(database, inbox, 48)
    with pytest.raises(LimitError, match="at most 1 in 50"):
        await _plant(database, inbox)
    await _fill(database, inbox, 1)
    await _plant(database, inbox)
    with pytest.raises(LimitError, match="1 samples among 50 items"):
        await _plant(database, inbox)
    assert (await inbox.list(PLANTER, InboxFilter(limit=1))).total == 50


async def test_only_who_may_plants_and_only_what_can_be_judged(database: Database, inbox: Inbox) -> None:
    async with database.transaction() as tx:
        with pytest.raises(DeniedError, match="decisions:seed"):
            await inbox.seed(tx, proposal_for(), AMIRA, fault="x")
        for changes, fault in (({"tool": None}, "x"), ({"kind": "effects.unknown"}, "x"), ({}, " ")):
            with pytest.raises(UsageError, match="is no sample"):
                await inbox.seed(tx, proposal_for(**changes), PLANTER, fault=fault)
        with pytest.raises(UsageError, match=r"only Inbox\.seed"):
            await inbox.propose(tx, proposal_for(kind="seeded"))


async def test_an_edited_sample_stays_one_and_is_not_counted(database: Database, inbox: Inbox) -> None:
    await _fill(database, inbox)
    sample = await _plant(database, inbox)
    child = await inbox.edit(sample.id, AMIRA, {"container": "TGHU7654321", "party": "ACME"})
    assert not child.seeded, "it looks like any other to its editor"
    assert (await inbox.show(child.id, BO)).proposal.kind == "decision"
    answer = await inbox.approve(child.id, BO, typed="4321")
    assert (await catches(database)).shown == 0
    assert (await inbox.show(child.id, BO)).fault == ""
    assert answer.approval is not None
    async with database.transaction() as tx:
        with pytest.raises(ConflictError, match="known-bad sample"):
            await use_approval(tx, answer.approval, effect="e", subject="")


async def test_a_sample_counts_when_its_grace_has_passed(database: Database, run: FakeResumer) -> None:
    inbox = Inbox(database, resumer=run, settings=DecisionsSettings(grace=60))
    await _fill(database, inbox)
    sample = await _plant(database, inbox)
    await inbox.reject(sample.id, AMIRA, "no")
    assert (await catches(database)).shown == 0


async def test_the_proposer_of_the_sample_is_whom_it_imitates(database: Database, inbox: Inbox) -> None:
    await _fill(database, inbox)
    assert (await _plant(database, inbox)).proposer == RUNNER.id
