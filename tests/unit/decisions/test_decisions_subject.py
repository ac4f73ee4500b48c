"""What an approval binds: any change gives another subject, and the difference can be named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.decisions import Bound, Change, Evidence, bind, row_key, row_versions
from pilothouse.effects.testing import proposal_for, read
from pilothouse.kernel import canonical, decode, loads
from pilothouse.labels import Derived, Integrity, Label, Origin, Position

BOUND = bind(proposal_for())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _other_evidence(name: str, field: str, value: Any) -> Evidence:
    return Evidence.of(name, read(field, value))


@st.composite
def _mutations(draw: st.DrawFn) -> Bound:
    part = draw(st.sampled_from(sorted(Bound.__dataclass_fields__)))
    if part == "args":
        name = draw(st.sampled_from(["container", "party", "extra"]))
        args = dict(BOUND.args)
        if name in args and draw(st.booleans()):
            del args[name]
        else:
            args[name] = draw(TEXT.filter(lambda text: text != BOUND.args.get(name)))
        return replace(BOUND, args=args)
    if part == "data_versions":
        return replace(
            BOUND, data_versions=draw(st.dictionaries(TEXT, TEXT).filter(lambda v: v != BOUND.data_versions))
        )
    if part == "evidence":
        return replace(BOUND, evidence=draw(st.sampled_from(_evidence_mutations())))
    value = draw(TEXT.filter(lambda text: text != getattr(BOUND, part)))
    return replace(BOUND, **{part: value})


def _evidence_mutations() -> list[tuple[Evidence, ...]]:
    status, hold = BOUND.evidence
    origin = status.label.origin
    assert isinstance(origin, Origin)
    label = status.label
    changed = [
        replace(status, value="HELD"),
        replace(status, value=None),
        replace(status, name="customs.state"),
        replace(status, label=replace(label, readers=frozenset({"acl:1"}))),
        replace(status, label=replace(label, integrity=Integrity.UNTRUSTED)),
        replace(status, label=replace(label, origin=replace(origin, source="other"))),
        replace(status, label=replace(label, origin=replace(origin, object="other"))),
        replace(status, label=replace(label, origin=replace(origin, key={"container": "X"}))),
        replace(status, label=replace(label, origin=replace(origin, field="other"))),
        replace(status, label=replace(label, origin=Derived(sources=()))),
    ]
    return [(item, hold) for item in changed] + [
        (),
        (status,),
        (status, hold, _other_evidence("more", "f", 1)),
    ]


@given(now=_mutations())
def test_changing_any_bound_part_gives_another_subject_and_names_the_part(now: Bound) -> None:
    assert now.subject != BOUND.subject
    changes = BOUND.changes(now)
    assert changes
    assert all(change.before != change.after for change in changes)


@pytest.mark.parametrize("evidence", _evidence_mutations(), ids=str)
def test_every_change_of_evidence_is_named(evidence: tuple[Evidence, ...]) -> None:
    now = replace(BOUND, evidence=evidence)
    assert now.subject != BOUND.subject
    assert all(change.part.startswith("evidence.") for change in BOUND.changes(now))
    assert BOUND.changes(now)


def test_nothing_changed_means_no_change_and_the_same_subject() -> None:
    again = bind(decode(loads(canonical(proposal_for()))))
    assert BOUND.changes(again) == ()
    assert again.subject == BOUND.subject


def test_the_order_of_evidence_does_not_matter() -> None:
    assert replace(BOUND, evidence=BOUND.evidence[::-1]).subject == BOUND.subject


def test_reading_the_same_value_again_is_the_same_evidence() -> None:
    first = Evidence.of("customs.status", read("status", "CLEARED"))
    origin = first.label.origin
    assert isinstance(origin, Origin)
    later = replace(
        origin,
        read_at=origin.read_at + timedelta(days=1),
        version="2",
        position=Position(file="b.edi", offset=7),
    )
    again = Evidence(
        name=first.name,
        value="CLEARED",
        label=replace(first.label, origin=later),
        fresh_until=datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert again.hash == first.hash


def test_a_version_is_bound_where_the_proposal_says_so() -> None:
    evidence = (Evidence.of("customs.status", read("status", "CLEARED", version="9")),)
    origin = evidence[0].label.origin
    assert isinstance(origin, Origin)
    assert row_versions(evidence) == {row_key(origin): "9"}
    assert row_key(origin) == 'customs/clearance/{"container":"MSCU1234565"}'
    derived = Evidence(
        name="d",
        value=1,
        label=Label(readers=frozenset(), integrity=Integrity.RECORD, origin=Derived(sources=())),
    )
    assert row_versions([derived]) == {}


def test_a_difference_reads_as_before_and_after() -> None:
    now = replace(BOUND, args={**BOUND.args, "party": "EVIL"}, policy_version="policy-2")
    assert [str(change) for change in BOUND.changes(now)] == [
        "policy_version: 'policy-1' -> 'policy-2'",
        "args.party: 'ACME' -> 'EVIL'",
    ]


def test_a_long_value_is_cut_in_the_message() -> None:
    now = replace(BOUND, args={**BOUND.args, "party": "x" * 1000})
    (change,) = BOUND.changes(now)
    assert change == Change(part="args.party", before="'ACME'", after="'" + "x" * 118 + "…")
