"""People are counted, not accounts: what makes a quorum, and why a set of approvals does not carry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.decisions import SEEDED, Approval, Granted, Proposal, Quorum, insufficient, involved, unmet
from pilothouse.decisions.people.duties import Voice, authors, require_counted, require_independent
from pilothouse.decisions.people.quorum import count
from pilothouse.effects.testing import AMIRA, BO, RUNNER, proposal_for
from pilothouse.kernel import DeniedError, Principal, UsageError, new_id
from pilothouse.labels import join, signed, typed, unknown

AT = datetime(2026, 1, 5, 7, tzinfo=UTC)
PEOPLE = ("a", "b", "c", "d")
GROUPS = ("desk", "lead")


def said(who: str, **changes: Any) -> Approval:
    approval = Approval(
        id=new_id(),
        proposal=PROPOSAL.id,
        subject="s",
        approver=who,
        verdict="approve",
        reason="",
        at=AT,
        not_before=AT,
        expiry=AT + timedelta(days=1),
    )
    return replace(approval, **changes)


PROPOSAL: Proposal = proposal_for(quorum=Quorum(count=2))


def granted(*approvals: Approval, proposal: Proposal = PROPOSAL, named: Approval | None = None) -> Granted:
    return Granted(approval=named or approvals[0], proposal=proposal, approvals=approvals)


# -- counting


def test_two_people_are_two_and_one_person_is_one() -> None:
    assert unmet(Quorum(count=2), [said("a"), said("b")]) is None
    assert unmet(Quorum(count=2), [said("a")]) == "1 of 2 people said yes"
    assert unmet(Quorum(), [said("a")]) is None
    assert unmet(Quorum(), []) == "0 of 1 people said yes"


def test_b_for_a_and_a_never_both_count() -> None:
    assert unmet(Quorum(count=2), [said("a"), said("b", delegated_by="a")]) == "1 of 2 people said yes"
    assert unmet(Quorum(count=2), [said("a"), said("b", linked=("a",))]) == "1 of 2 people said yes"
    both = [said("b", delegated_by="a"), said("c", delegated_by="a")]
    assert unmet(Quorum(count=2), both) == "1 of 2 people said yes"
    assert unmet(Quorum(count=2), [*both, said("d")]) is None


def test_a_voice_that_joins_two_makes_them_one() -> None:
    chain = [said("a"), said("c"), said("b", linked=("a", "c"))]
    assert [voice.people for voice in count(Quorum(), chain)] == [frozenset("abc")]


def test_a_no_and_what_was_taken_back_do_not_count() -> None:
    assert unmet(Quorum(), [said("a", verdict="reject", reason="no"), said("b", undone_at=AT)]) is not None


def test_each_group_is_spoken_for_by_a_person_of_its_own() -> None:
    quorum = Quorum(groups=GROUPS)
    assert quorum.needed == 2
    both = said("a", groups=GROUPS)
    assert unmet(quorum, [both]) == "1 of 2 people said yes"
    assert unmet(quorum, [both, said("b")]) == "nobody of their own has spoken for 'lead'"
    assert unmet(quorum, [both, said("b", groups=("desk",))]) is None
    assert unmet(quorum, [said("b", groups=("desk",)), both]) is None


def test_who_is_kept_apart_does_not_count_by_name_or_by_group() -> None:
    quorum = Quorum(distinct_from=("a", "lead"))
    assert unmet(quorum, [said("a"), said("b", groups=("lead",))]) == "0 of 1 people said yes"
    assert unmet(quorum, [said("b")]) is None


def test_the_groups_of_today_decide_when_they_are_given() -> None:
    quorum = Quorum(groups=("lead",))
    voice = said("a", groups=("lead",))
    assert unmet(quorum, [voice], members=lambda who: ()) is not None
    assert unmet(quorum, [said("a")], members=lambda who: {"a": ("lead",)}[who]) is None


def _approvals(draw: st.DrawFn) -> list[Approval]:
    who = draw(st.lists(st.sampled_from(PEOPLE), unique=True))
    return [
        said(
            name,
            delegated_by=draw(st.sampled_from([None, *PEOPLE])),
            linked=tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=1))),
            groups=tuple(draw(st.lists(st.sampled_from(GROUPS), unique=True))),
        )
        for name in who
    ]


def _model(quorum: Quorum, approvals: list[Approval]) -> bool:
    """Merge voices until none share a person, then try every way of giving groups to them."""
    sets = [(set(one.people), set(one.groups)) for one in approvals]
    merged = True
    while merged:
        merged = False
        for x, y in combinations(range(len(sets)), 2):
            if sets[x][0] & sets[y][0]:
                sets[x] = (sets[x][0] | sets[y][0], sets[x][1] | sets[y][1])
                del sets[y]
                merged = True
                break
    if len(sets) < quorum.needed:
        return False
    return any(
        all(group in groups for group, (_, groups) in zip(quorum.groups, chosen, strict=False))
        for chosen in permutations(sets, len(quorum.groups))
    )


@given(data=st.data(), number=st.integers(1, 4), groups=st.sampled_from([(), ("desk",), GROUPS]))
def test_counting_agrees_with_trying_everything(
    data: st.DataObject, number: int, groups: tuple[str, ...]
) -> None:
    approvals = _approvals(data.draw)
    quorum = Quorum(count=number, groups=groups)
    assert (unmet(quorum, approvals) is None) == _model(quorum, approvals)


@given(data=st.data(), number=st.integers(1, 4))
def test_the_order_of_voices_does_not_matter(data: st.DataObject, number: int) -> None:
    approvals = _approvals(data.draw)
    other = data.draw(st.permutations(approvals))
    quorum = Quorum(count=number, groups=("desk",))
    assert (unmet(quorum, approvals) is None) == (unmet(quorum, other) is None)


@pytest.mark.parametrize("fields", [{"count": 0}, {"groups": ("desk", "desk")}])
def test_a_quorum_of_nobody_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="asks nobody"):
        Quorum(**fields)


# -- duties


def test_who_typed_a_steering_value_or_the_request_is_its_author() -> None:
    labels = {
        "container": join(typed("clerk.cem", "r1"), signed("flow", "1")),
        "party": unknown("x"),
        "pc": typed("clerk.dan", "r1"),
        "note": typed("clerk.eve", "r1"),
    }
    proposal = proposal_for(labels=labels, steering=("container", "party"))
    assert authors(proposal) == {"clerk.cem", "clerk.dan"}
    assert involved(proposal) == {"clerk.cem", "clerk.dan", RUNNER.id}
    every = replace(proposal, args={**proposal.args, "note": ""}, steering=None)
    assert "clerk.eve" in authors(every)


def _refused(code: str) -> Any:
    return pytest.raises(DeniedError, match=rf"\[decisions\.{code}\]")


def test_who_wrote_asked_or_is_bound_to_them_does_not_approve() -> None:
    proposal = proposal_for(labels={"container": typed(AMIRA.id, "r1")})
    with _refused("self_approval"):
        require_independent(Voice(by=AMIRA), proposal)
    with _refused("linked"):
        require_independent(Voice(by=BO, stands_for=AMIRA.id), proposal)
    with _refused("linked"):
        require_independent(Voice(by=BO, linked=(AMIRA.id,)), proposal)
    require_independent(Voice(by=BO, stands_for="clerk.cem"), proposal)


@pytest.mark.parametrize("apart", [BO.id, "desk"])
def test_who_is_kept_apart_does_not_approve(apart: str) -> None:
    with _refused("distinct"):
        require_independent(Voice(by=BO), proposal_for(quorum=Quorum(distinct_from=(apart,))))


def test_a_second_voice_of_one_person_is_refused() -> None:
    with _refused("same_person"):
        require_counted(Voice(by=BO, stands_for="a"), PROPOSAL, [said("a")])
    gone = [said("a", undone_at=AT), said("a", verdict="reject", reason="no"), said("c")]
    require_counted(Voice(by=BO, stands_for="a"), PROPOSAL, gone)


# -- what the door asks


def test_a_set_that_carries() -> None:
    assert insufficient(granted(said("a"), said("b"))) is None


def test_a_set_that_does_not_carry_says_why() -> None:
    a, b = said("a"), said("b")
    assert "nothing executes" in (insufficient(granted(a, b, proposal=replace(PROPOSAL, kind=SEEDED))) or "")
    assert "among the voices" in (insufficient(granted(a, b, named=said("c"))) or "")
    assert "another call" in (insufficient(granted(a, said("b", subject="t"))) or "")
    assert "another call" in (insufficient(granted(a, said("b", proposal=new_id()))) or "")
    assert insufficient(granted(a, said(RUNNER.id))) == f"{RUNNER.id!r} asked for, or wrote what steers, it"
    assert insufficient(granted(a)) == "1 of 2 people said yes"
    assert insufficient(granted(a, said("b", delegated_by="a"))) == "1 of 2 people said yes"


def test_the_declaration_of_today_may_ask_for_more_than_the_proposal_did() -> None:
    two = granted(said("a"), said("b"))
    assert insufficient(two, quorum=Quorum(count=3)) == "2 of 3 people said yes"
    assert insufficient(two, quorum=Quorum(count=1)) is None
    lead = Quorum(groups=("lead",))
    assert insufficient(two, quorum=lead) is not None
    assert insufficient(two, quorum=lead, members=lambda who: ("lead",) if who == "b" else ()) is None


def test_who_was_moved_to_a_group_kept_apart_does_not_count_any_more() -> None:
    proposal = replace(PROPOSAL, quorum=Quorum(count=2, distinct_from=("lead",)))
    two = granted(said("a"), said("b"), proposal=proposal)
    assert insufficient(two) is None
    assert "kept apart" in (insufficient(two, members=lambda who: ("lead",)) or "")


def test_a_voice_knows_everyone_it_stands_for() -> None:
    voice = Voice(by=Principal(id="b"), stands_for="a", linked=("c",))
    assert voice.people == {"a", "b", "c"}
