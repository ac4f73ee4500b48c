"""Who sees an item and what typing the identifier means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.decisions.people.access import addressed, may_see, require_confirmed, require_person
from pilothouse.decisions.people.duties import Voice, require_independent
from pilothouse.effects.testing import AMIRA, RUNNER, proposal_for
from pilothouse.kernel import RIGHTS as TODAY
from pilothouse.kernel import DeniedError, Principal, UsageError

RIGHTS = st.sampled_from(
    [
        "*",
        "dec*",
        "decisions:*",
        "decisions:rel*",
        "decisions:release",
        "decisions:re",
        "decisions:",
        "effects:*",
        "sources:x",
    ]
)
NAMES = st.sampled_from(["", "desk", "lead", "clerk.amira"])


@given(
    rights=st.frozensets(RIGHTS),
    groups=st.frozensets(NAMES),
    topic=st.sampled_from(["release", "relabel", "re", "cancel"]),
    asked_of=NAMES,
)
def test_who_sees_an_item_holds_its_right_or_is_asked(
    rights: frozenset[str], groups: frozenset[str], topic: str, asked_of: str
) -> None:
    who = Principal(id="clerk.amira", rights=rights, groups=groups)
    named = asked_of == who.id or (asked_of != "" and asked_of in groups)
    allowed = who.may(f"decisions:{topic}")
    assert may_see(who, topic=topic, asked=["", asked_of], authority=TODAY) == (named or allowed)


def test_nobody_is_addressed_by_an_empty_name() -> None:
    nobody = Principal(id="x", groups=frozenset({""}))
    assert not may_see(nobody, topic="release", asked=[""], authority=TODAY)
    assert "" not in addressed(nobody)


def test_an_agent_is_not_addressed_through_its_person() -> None:
    robot = Principal(id="assistant@3", kind="service", rights=frozenset({"effects:*"}))
    through = replace(AMIRA, agent=robot)
    assert addressed(through) == frozenset()
    assert not may_see(through, topic="release_container", asked=[AMIRA.id, "desk"], authority=TODAY)
    with pytest.raises(DeniedError, match="only a person"):
        require_person(through)


@pytest.mark.parametrize("kind", ["service", "system"])
def test_only_people_answer(kind: str) -> None:
    with pytest.raises(DeniedError, match="only a person"):
        require_person(replace(AMIRA, kind=kind))
    require_person(AMIRA)


@pytest.mark.parametrize("field", ["proposer", "on_behalf_of"])
def test_whoever_asks_or_is_acted_for_does_not_approve(field: str) -> None:
    with pytest.raises(DeniedError, match="ask a colleague") as caught:
        require_independent(Voice(by=AMIRA), proposal_for(**{field: AMIRA.id}))
    assert caught.value.code == "decisions.self_approval"
    require_independent(Voice(by=AMIRA), proposal_for())


@pytest.mark.parametrize("typed", ["4565", " 4565 ", "mscu1234565", "MSCU1234565", "34565"])
def test_the_last_four_characters_or_more_confirm(typed: str) -> None:
    require_confirmed(proposal_for(), typed)


@pytest.mark.parametrize("typed", [None, "", "565", "4566", "MSCU", "1234"])
def test_anything_else_does_not_and_the_message_does_not_give_it_away(typed: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        require_confirmed(replace(proposal_for(), title="Release the box"), typed)
    assert caught.value.code == "decisions.not_confirmed"
    assert "4565" not in caught.value.message


def test_more_than_the_identifier_does_not_confirm() -> None:
    with pytest.raises(UsageError, match="type the last 4"):
        require_confirmed(proposal_for(), "XMSCU1234565")


def test_a_short_identifier_is_typed_whole() -> None:
    short = proposal_for(preview={"confirm": "B7"})
    require_confirmed(short, "b7")
    with pytest.raises(UsageError):
        require_confirmed(short, "7")


def test_below_tier_4_nothing_is_typed() -> None:
    require_confirmed(proposal_for(tier=3), None)


def test_a_judgement_without_identifier_needs_no_typing() -> None:
    require_confirmed(proposal_for(preview={}), None)


def test_the_runner_is_no_person() -> None:
    with pytest.raises(DeniedError):
        require_person(RUNNER)
