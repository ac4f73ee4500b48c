"""What must be right about a proposal, and what an edit makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.decisions import Escalation, Evidence, InboxFilter, Quorum
from pilothouse.decisions.asking.propose import MAX_PROPOSAL, check, edited
from pilothouse.effects.testing import AMIRA, RUNNER, proposal_for, read, release_spec
from pilothouse.kernel import LimitError, UsageError, canonical, decode, loads
from pilothouse.labels import typed

HOUR = Escalation(after=timedelta(hours=1), to="leads")


class _Previewer:
    def preview(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert tool == "release_container"
        return release_spec().preview(args)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ""}, "'title'"),
        ({"proposer": ""}, "'proposer'"),
        ({"on_behalf_of": ""}, "'on_behalf_of'"),
        ({"tool": None, "workflow": ""}, "a tool, workflow or topic"),
        ({"tier": 5}, "tier 5"),
        ({"run": None}, "give both or none"),
        ({"key": None}, "give both or none"),
        (
            {"evidence": (Evidence.of("a", read("x", 1)), Evidence.of("a", read("y", 2)))},
            "two pieces of evidence",
        ),
        ({"preview": {}}, "preview['confirm']"),
        ({"preview": {"confirm": "  "}}, "preview['confirm']"),
        ({"tool": None, "apart": ("pay",)}, "keeps duties apart"),
        ({"tier": 2, "preview": {}, "apart": ("pay",)}, "keeps duties apart"),
        ({"labels": {"colour": typed("a", "r")}}, "a label for 'colour'"),
        ({"escalation": (Escalation(after=timedelta(0)),)}, "order the steps"),
        ({"escalation": (HOUR, HOUR)}, "order the steps"),
    ],
)
def test_a_proposal_that_nobody_could_judge_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(proposal_for(**changes))
    assert words in caught.value.message
    assert caught.value.code == "decisions.proposal"


def test_a_judgement_of_tier_4_needs_no_identifier() -> None:
    assert check(proposal_for(tool=None, preview={}))


def test_a_proposal_over_a_mebibyte_is_refused_with_both_sizes() -> None:
    with pytest.raises(LimitError, match=str(MAX_PROPOSAL)):
        check(proposal_for(summary="x" * MAX_PROPOSAL))


def test_arguments_without_canonical_form_are_refused_with_their_path() -> None:
    with pytest.raises(UsageError, match=r"args\.container"):
        check(proposal_for(args={"container": object()}))


def test_an_edit_is_shown_anew_and_its_author_becomes_the_proposer() -> None:
    parent = proposal_for()
    child = edited(parent, AMIRA, {"container": "TGHU7654321", "party": "ACME"}, _Previewer())
    assert child.parent == parent.id
    assert child.id != parent.id
    assert child.proposer == AMIRA.id
    assert child.preview["confirm"] == "TGHU7654321"
    assert child.preview["done"] == "TGHU7654321 was released to ACME"
    assert child.title == "Release MSCU1234565 to ACME (edited)"
    again = edited(child, AMIRA, {"container": "TGHU7654321", "party": "BETA"}, _Previewer())
    assert again.title == child.title


def test_who_changes_only_content_may_still_approve() -> None:
    parent = proposal_for(args={"container": "MSCU1234565", "party": "ACME", "note": ""})
    child = edited(parent, AMIRA, {**parent.args, "note": "at gate 2"}, _Previewer())
    assert child.proposer == RUNNER.id


def test_without_a_declaration_every_argument_steers() -> None:
    parent = proposal_for(args={"note": ""}, steering=None, tool=None, workflow="triage", preview={"a": 1})
    child = edited(parent, AMIRA, {"note": "x"}, None)
    assert (child.proposer, child.preview) == (AMIRA.id, {"a": 1})


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"container": "MSCU1234565"}, "keep the names"),
        ({"container": "MSCU1234565", "party": "ACME", "extra": 1}, "keep the names"),
        ({"container": "MSCU1234565", "party": "ACME"}, "has these arguments already"),
    ],
)
def test_an_edit_that_is_none_is_refused(args: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        edited(proposal_for(), AMIRA, args, _Previewer())


def test_nothing_is_edited_blind() -> None:
    with pytest.raises(UsageError, match="bind a Previewer"):
        edited(proposal_for(), AMIRA, {"container": "X", "party": "ACME"}, None)


def test_a_question_about_the_past_is_not_edited() -> None:
    with pytest.raises(UsageError, match="cannot be edited"):
        edited(proposal_for(kind="effects.unknown"), AMIRA, {"container": "X", "party": "ACME"}, None)


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 201}, {"offset": -1}])
def test_a_page_has_bounds(page: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="1 to 200"):
        InboxFilter(**page)


def test_the_area_is_the_topic_else_the_tool_else_the_workflow() -> None:
    assert proposal_for(topic="t").area == "t"
    assert proposal_for().area == "release_container"
    assert proposal_for(tool=None).area == "release"


def test_labels_of_other_arguments_and_of_the_choice_fit() -> None:
    labels = {"container": typed("a", "r"), "pc": typed("a", "r")}
    proposal = proposal_for(labels=labels, escalation=(HOUR,), quorum=Quorum(count=2, groups=("desk",)))
    assert decode(loads(check(proposal))) == proposal
    assert decode(loads(canonical(proposal.quorum))) == proposal.quorum


def test_what_an_edit_changes_was_typed_by_its_author() -> None:
    parent = proposal_for(labels={name: typed("a", "r") for name in ("container", "party", "pc")})
    child = edited(parent, AMIRA, {"container": "MSCU1234565", "party": "BETA"}, _Previewer())
    assert child.labels == parent.labels | {"party": typed(AMIRA.id, str(parent.id))}
    assert child.quorum.distinct_from == (RUNNER.id,)
