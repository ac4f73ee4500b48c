"""One yes to several items of one shape: all or none, a row for each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pilothouse.decisions import Answer, Inbox, Proposal, Quorum, find_decision
from pilothouse.effects.testing import AMIRA, BO, RUNNER, FakeResumer, ask, soon
from pilothouse.kernel import ConflictError, DeniedError, UsageError
from pilothouse.storage import Database


@pytest.fixture
def run() -> FakeResumer:
    return FakeResumer()


@pytest.fixture
def inbox(database: Database, run: FakeResumer) -> Inbox:
    return Inbox(database, resumer=run)


async def _asked(database: Database, inbox: Inbox, number: int, **changes: Any) -> list[Proposal]:
    return [await ask(database, inbox, **({"tier": 2} | changes)) for _ in range(number)]


async def _states(database: Database, proposals: list[Proposal]) -> set[str]:
    return {(await find_decision(database, proposal.id)).state for proposal in proposals}


async def test_a_batch_gives_each_item_its_own_approval(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    asked = await _asked(database, inbox, 20)
    answers = await inbox.approve_many([one.id for one in asked], AMIRA, reason="fine", screen="ab")
    assert [answer.proposal for answer in answers] == [one.id for one in asked]
    assert all(answer.approved for answer in answers)
    assert len({answer.approval for answer in answers}) == 20
    assert len(run.got) == 20
    voices = [(await find_decision(database, one.id)).approvals[0] for one in asked]
    assert {(voice.reason, voice.screen) for voice in voices} == {("fine", "ab")}
    assert await inbox.approve_many([one.id for one in asked], AMIRA) == answers


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"tier": 3}, "of tier 3, above 2"),
        ({"tier": 1}, "another shape"),
        ({"blind": True}, "judged by itself"),
        ({"tool": "other", "topic": "release_container"}, "another shape"),
        ({"tool_version": "2"}, "another shape"),
        ({"args": {"container": "MSCU1234565"}, "steering": ()}, "another shape"),
        ({"verdict": "HOLD"}, "another shape"),
    ],
)
async def test_one_that_does_not_fit_stops_all(
    database: Database, inbox: Inbox, run: FakeResumer, odd: dict[str, Any], words: str
) -> None:
    asked = await _asked(database, inbox, 3)
    asked += await _asked(database, inbox, 1, **odd)
    with pytest.raises(UsageError, match=words) as caught:
        await inbox.approve_many([one.id for one in asked], AMIRA)
    assert caught.value.code == "decisions.batch"
    assert await _states(database, asked) == {"open"}
    assert run.got == []


@pytest.mark.parametrize("number", [0, 21])
async def test_a_batch_has_bounds(database: Database, inbox: Inbox, number: int) -> None:
    asked = await _asked(database, inbox, number)
    with pytest.raises(UsageError, match="choose 1 to 20"):
        await inbox.approve_many([one.id for one in asked], AMIRA)


async def test_the_same_item_twice_is_no_batch(database: Database, inbox: Inbox) -> None:
    (one,) = await _asked(database, inbox, 1)
    with pytest.raises(UsageError, match="different ones"):
        await inbox.approve_many([one.id, one.id], AMIRA)


async def test_every_rule_holds_for_each_item(database: Database, inbox: Inbox) -> None:
    asked = await _asked(database, inbox, 2)
    own = await _asked(database, inbox, 1, proposer=AMIRA.id)
    with pytest.raises(DeniedError, match="ask a colleague"):
        await inbox.approve_many([one.id for one in [*asked, *own]], AMIRA)
    with pytest.raises(DeniedError, match="only a person"):
        await inbox.approve_many([asked[0].id], RUNNER)
    with pytest.raises(UsageError, match="no proposal"):
        await inbox.approve_many([asked[0].id], replace(AMIRA, rights=frozenset(), groups=frozenset()))
    late = await _asked(database, inbox, 1, deadline=await soon(database, -1))
    with pytest.raises(ConflictError, match="expired as no"):
        await inbox.approve_many([one.id for one in [*asked, *late]], AMIRA)
    await inbox.claim(asked[0].id, BO)
    with pytest.raises(ConflictError, match="is held by"):
        await inbox.approve_many([one.id for one in asked], AMIRA)
    assert await _states(database, [*asked, *own, *late]) == {"open"}


async def test_an_item_that_nothing_waits_for_goes_and_the_rest_stays(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    run.waiting = False
    asked = await _asked(database, inbox, 2)
    with pytest.raises(ConflictError, match="nothing was decided"):
        await inbox.approve_many([one.id for one in asked], AMIRA)
    states = [(await find_decision(database, one.id)).state for one in asked]
    assert sorted(states) == ["open", "withdrawn"]


async def test_two_overlapping_batches_at_the_same_moment_do_not_wait_for_each_other(
    database: Database, inbox: Inbox, run: FakeResumer
) -> None:
    asked = [one.id for one in await _asked(database, inbox, 6)]
    said = await asyncio.gather(
        inbox.approve_many(asked[:4], AMIRA), inbox.approve_many(asked[:1:-1], BO), return_exceptions=True
    )
    assert not [one for one in said if isinstance(one, BaseException)]
    assert len(run.got) == 6


async def test_a_batch_may_be_one_of_several_voices(database: Database, inbox: Inbox) -> None:
    asked = [one.id for one in await _asked(database, inbox, 3, quorum=Quorum(count=2))]
    first: tuple[Answer, ...] = await inbox.approve_many(asked, AMIRA)
    assert {answer.verdict for answer in first} == {"pending"}
    assert {answer.verdict for answer in await inbox.approve_many(asked, BO)} == {"approve"}
