"""One release from the question to the record, through inbox, door and log."""

from __future__ import annotations

from pilothouse.audit import chain, verify
from pilothouse.decisions import Inbox
from pilothouse.effects import Door, explain
from pilothouse.effects.testing import (
    AMIRA,
    FakeReceiver,
    FakeResumer,
    FakeSources,
    proposal_for,
    release_spec,
    request_for,
)
from pilothouse.storage import Database


async def test_a_container_is_released_once_and_the_record_says_why(database: Database) -> None:
    run, sources, terminal = FakeResumer(), FakeSources(values={"status": "CLEARED"}), FakeReceiver()
    inbox = Inbox(database, resumer=run)
    door = Door(database, inbox, rereader=sources)
    door.register(release_spec(), terminal)
    proposal = proposal_for()
    async with database.transaction() as tx:
        await inbox.propose(tx, proposal)

    page = await inbox.list(AMIRA)
    assert [item.title for item in page.items] == ["Release MSCU1234565 to ACME"]
    await inbox.claim(proposal.id, AMIRA)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565")
    assert run.got == [("run-1", "2", answer)]

    request = request_for(proposal, answer)
    outcome = await door.perform(request)
    assert (outcome.state, outcome.result) == ("done", {"reference": "R-run-1:3"})
    assert await door.perform(request) == outcome
    assert len(terminal.got) == 1

    record = await explain(database, effect_id="run-1:3")
    done = record.effect.outcome_at.strftime("%Y-%m-%d %H:%M UTC")  # type: ignore[union-attr]
    assert record.sentence == (
        f"MSCU1234565 was released to ACME on {done} by clerk.amira, because customs cleared it and no "
        "invoice is open; evidence: customs.status = 'CLEARED' (customs clearance container=MSCU1234565, "
        "read 2026-01-05 06:10 UTC), customs.hold = None (customs clearance container=MSCU1234565, read "
        "2026-01-05 06:10 UTC)."
    )
    assert record == await explain(database, proposal_id=proposal.id)
    assert [(row.name, row.source, row.field) for row in record.evidence] == [
        ("customs.status", "customs", "status"),
        ("customs.hold", "customs", "hold"),
    ]
    assert [(rule.table, rule.version, rule.row) for rule in record.rules] == [
        ("policy", "3", "4"),
        ("policy", "3", "9"),
    ]
    assert record.decision is not None
    assert [approval.used_by for approval in record.decision.approvals] == ["run-1:3"]
    await chain(database)
    assert [entry.entry.kind for entry in record.audit] == [
        "decisions.proposed",
        "decisions.approved",
        "effects.intent",
        "effects.done",
    ]
    checked = await verify(database)
    assert (checked.ok, checked.entries, checked.pending) == (True, 4, 0)
