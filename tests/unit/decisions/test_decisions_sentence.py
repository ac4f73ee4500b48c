"""The one plain sentence, in every state a decision can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import pilothouse.decisions
from pilothouse.decisions import Answer, Approval, Decision, Evidence, evidence_rows, sentence
from pilothouse.effects.testing import proposal_for, read
from pilothouse.kernel import new_id
from pilothouse.labels import Derived, Integrity, Label

AT = datetime(2026, 1, 5, 6, 12, tzinfo=UTC)
APPROVAL = new_id()


def _decision(
    verdict: str | None, *, reason: str = "", delegated_by: str | None = None, **changes: Any
) -> Decision:
    proposal = proposal_for(evidence=(), **changes)
    states = {"approve": "approved", "reject": "rejected", "expire": "expired", "withdraw": "withdrawn"}
    if verdict is None:
        return Decision(proposal=proposal, state="open", approvals=(), answer=None)
    answer = Answer(
        approved=verdict == "approve",
        verdict=verdict,  # type: ignore[arg-type]
        proposal=proposal.id,
        approval=APPROVAL,
        by="clerk.amira",
        reason=reason,
        args=proposal.args,
        edited=False,
        at=AT,
    )
    approval = Approval(
        id=APPROVAL,
        proposal=proposal.id,
        subject="",
        approver="clerk.amira",
        verdict="approve",
        reason=reason,
        at=AT,
        not_before=AT,
        expiry=AT,
        delegated_by=delegated_by,
    )
    other = replace(approval, id=new_id(), delegated_by="nobody", undone_at=AT)
    return Decision(proposal=proposal, state=states[verdict], approvals=(other, approval), answer=answer)  # type: ignore[arg-type]


WHY = ", because customs cleared it and no invoice is open; no evidence was cited."


@pytest.mark.parametrize(
    ("verdict", "effect", "said"),
    [
        ("approve", "done", "MSCU1234565 was released to ACME on 2026-01-05 06:12 UTC by clerk.amira"),
        (
            "approve",
            None,
            "'Release MSCU1234565 to ACME' was approved on 2026-01-05 06:12 UTC by clerk.amira",
        ),
        (
            "approve",
            "intent",
            "'Release MSCU1234565 to ACME' was approved on 2026-01-05 06:12 UTC by clerk.amira, and is being "
            "performed",
        ),
        (
            "approve",
            "refused",
            "'Release MSCU1234565 to ACME' was approved on 2026-01-05 06:12 UTC by clerk.amira, but was not "
            "performed: gate.closed; come tomorrow",
        ),
        (
            "approve",
            "unknown",
            "'Release MSCU1234565 to ACME' was approved on 2026-01-05 06:12 UTC by clerk.amira, but it is "
            "not known whether it was performed: gate.closed; come tomorrow",
        ),
        ("reject", None, "'Release MSCU1234565 to ACME' was rejected on 2026-01-05 06:12 UTC by clerk.amira"),
        ("expire", None, "'Release MSCU1234565 to ACME' expired on 2026-01-05 06:12 UTC by clerk.amira"),
        (None, None, "'Release MSCU1234565 to ACME' is undecided"),
    ],
)
def test_each_state_has_its_sentence(verdict: str | None, effect: Any, said: str) -> None:
    why = ("gate.closed", "come tomorrow") if effect in ("refused", "unknown") else ()
    assert sentence(_decision(verdict), effect=effect, at=None, why=why) == said + WHY


def test_an_effect_without_words_why_says_only_that() -> None:
    assert "but was not performed, because" in sentence(_decision("approve"), effect="refused")


def test_a_rejection_quotes_its_reason() -> None:
    assert "by clerk.amira (wrong party)" in sentence(_decision("reject", reason="wrong party"))


def test_a_delegate_is_named_with_whom_they_answered_for() -> None:
    said = sentence(_decision("approve", delegated_by="lead.kim"), effect="done", at=AT)
    assert "by clerk.amira for lead.kim" in said


def test_everyone_who_said_yes_is_named() -> None:
    decision = _decision("approve")
    second = replace(decision.approvals[1], id=new_id(), approver="clerk.bo")
    decision = replace(decision, approvals=(*decision.approvals, second))
    assert "by clerk.amira and clerk.bo" in sentence(decision, effect="done", at=AT)


def test_an_edited_proposal_says_that_it_was_asked_anew() -> None:
    asked = replace(_decision(None), state="superseded")
    assert "was edited and asked anew" in sentence(asked)


def test_without_a_phrase_the_title_stands_for_the_deed_and_codes_for_the_reasons() -> None:
    decision = _decision("approve", preview={"confirm": "X"}, title="Send it")
    reasons = tuple(replace(reason, text="") for reason in decision.proposal.reasons)
    decision = replace(decision, proposal=replace(decision.proposal, reasons=reasons))
    assert sentence(decision, effect="done", at=AT).startswith(
        "'Send it' was performed on 2026-01-05 06:12 UTC by clerk.amira, because cleared and paid;"
    )


def test_many_rows_are_counted_long_values_cut_and_derived_ones_marked() -> None:
    derived = Evidence(
        name="sum",
        value=3,
        label=Label(readers=frozenset(), integrity=Integrity.RECORD, origin=Derived(sources=())),
    )
    rows = (derived, *(Evidence.of(f"e{number}", read("f", "x" * 99)) for number in range(8)))
    decision = _decision(None)
    decision = replace(decision, proposal=replace(decision.proposal, evidence=rows, reasons=()))
    said = sentence(decision)
    assert "is undecided; evidence: sum = 3 (derived), e0 = 'xxx" in said
    assert "…" in said
    assert said.endswith("and 3 more.")
    flat = evidence_rows(rows)
    assert (flat[0].source, flat[0].read_at) == ("derived", None)
    assert flat[1].hash == rows[1].hash


def test_the_face_gives_the_settings_lazily_and_nothing_else() -> None:
    assert pilothouse.decisions.DecisionsSettings().lease == 300
    with pytest.raises(AttributeError, match="Nothing"):
        _ = pilothouse.decisions.Nothing  # type: ignore[attr-defined]
