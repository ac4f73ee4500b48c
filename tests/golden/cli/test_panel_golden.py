"""What a clerk sees of one box, to the letter; run with PILOTHOUSE_GOLDEN=write to accept a change."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console, RenderableType

from pilothouse.cli.inbox.panel import evidence_page, item_page
from pilothouse.decisions import MASK, Approval, Evidence, Item, ItemView, Proposal, Reason, evidence_rows
from pilothouse.labels import Derived, Integrity, Label, Origin, Position

AT = datetime(2026, 1, 5, 5, 2, tzinfo=UTC)
HERE = Path(__file__).parent


def _evidence(
    name: str, value: object, source: str, key: dict[str, str], field: str, **where: object
) -> Evidence:
    origin = Origin(
        source=source, object="t", key=key, field=field, version="7", read_at=AT,
        position=Position(**where) if where else None,  # type: ignore[arg-type]
    )  # fmt: skip
    label = Label(readers=frozenset({"acl:desk"}), integrity=Integrity.RECORD, origin=origin)
    return Evidence(name=name, value=value, label=label)


PROPOSAL = Proposal(
    id=UUID(int=1),
    title="MSCU1234566 on HLCU-77 to Noordkaap BV",
    on_behalf_of="dispatcher",
    proposer="dispatcher",
    tool="release_container",
    args={"container": "MSCU1234566", "party": "4711"},
    evidence=(
        _evidence(
            "customs.state", "held", "customs", {"message": "12"}, "GIS.1", file="a.edi", offset=210, length=3
        ),
        _evidence("charge.open_amount", Decimal("120.50"), "erp", {"doc": "2026-9"}, "BETRAG"),
    ),
    verdict="HOLD",
    reasons=(Reason(code="C4", check="customs", text="customs holds the box"),),
    tier=4,
    asked_of="desk",
)  # fmt: skip
VIEW = ItemView(
    item=Item(
        id=PROPOSAL.id, title=PROPOSAL.title, topic="release_container", verdict="HOLD", tier=4, state="open",
        version=1, asked_of="desk", run=None, proposed_at=AT, deadline=AT.replace(day=9), snoozed_until=None,
        claimed_by="clerk.amira", claimed_until=AT, delegated_to=None, delegated_by=None, answer=None,
    ),
    proposal=PROPOSAL,
    approvals=(),
    stale=("charge.open_amount",),
)  # fmt: skip


MAIL = Origin(
    source="mail", object="message", key={"id": "77"}, field="body", version="1", read_at=AT,
    position=Position(offset=12, length=9),
)  # fmt: skip
SIGNED = Label(readers=frozenset(), integrity=Integrity.OPERATOR, origin=MAIL)
UNTRUSTED = Label(readers=frozenset({"acl:mailbox-7"}), integrity=Integrity.UNTRUSTED, origin=MAIL)
ASKED = replace(
    VIEW,
    item=replace(VIEW.item, blind=True, needed=2, given=1, also=("leads",)),
    proposal=replace(
        PROPOSAL, verdict="", reasons=(), asks=("sink.steering:party",),
        labels={"container": SIGNED, "party": UNTRUSTED, "pc": UNTRUSTED},
    ),
    approvals=(
        Approval(
            id=UUID(int=2), proposal=PROPOSAL.id, subject="", approver="clerk.bo", verdict="approve",
            reason="", at=AT, not_before=AT, expiry=AT,
        ),
    ),
    stale=(),
)  # fmt: skip
HIDDEN = replace(
    VIEW,
    item=replace(VIEW.item, title="", hidden=True),
    proposal=replace(
        PROPOSAL, title="", verdict="", reasons=(), args={"container": "MSCU1234566", "party": MASK},
        labels={"party": replace(UNTRUSTED, origin=Derived(sources=()))},
        evidence=(replace(PROPOSAL.evidence[0], value=MASK),),
    ),
    stale=(),
    closed=("acl:mailbox-7",),
)  # fmt: skip
MANY = replace(
    VIEW,
    proposal=replace(
        PROPOSAL,
        labels={
            "party": replace(
                UNTRUSTED, origin=Derived(sources=[replace(MAIL, key={"id": str(n)}) for n in range(5)])
            )
        },
    ),
)


def test_of_many_places_some_are_named() -> None:
    assert " and 2 more" in _text(item_page(MANY))


def _text(page: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=110, highlight=False, color_system=None).print(page)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("item", item_page(VIEW, place="3 of 12")),
        ("asked", item_page(ASKED)),
        ("hidden", item_page(HIDDEN)),
        ("evidence", evidence_page(evidence_rows(PROPOSAL.evidence)[0])),
    ],
)
def test_the_page_is_the_golden_one(name: str, page: RenderableType) -> None:
    golden = HERE / f"{name}.txt"
    shown = _text(page)
    if os.environ.get("PILOTHOUSE_GOLDEN") == "write":
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")
