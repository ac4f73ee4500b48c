"""What an approval bound is checked again by whichever process comes next, also after kill -9."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest

from pilothouse.audit import entries
from pilothouse.decisions import Inbox, find_decision
from pilothouse.effects.testing import AMIRA, FakeResumer, ask
from pilothouse.storage import Database

sys.path.insert(0, str(Path(__file__).parent))
from binding_worker import MUTATIONS

pytestmark = pytest.mark.chaos
WORKER = Path(__file__).parent / "binding_worker.py"
# What each kind of change is refused with; none of them opens the door.
REFUSALS = {"decisions.void", "effects.reused", "policy.denied"}


async def _process(
    url: str, outside: Path, approval: UUID, what: str, die: str = ""
) -> tuple[int, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        url,
        str(outside),
        str(approval),
        what,
        die,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out.strip() else {}


def _happened(outside: Path) -> list[str]:
    return outside.read_text().splitlines() if outside.exists() else []


async def _approved(database: Database) -> tuple[UUID, UUID]:
    inbox = Inbox(database, resumer=FakeResumer())
    proposal = await ask(database, inbox)
    answer = await inbox.approve(proposal.id, AMIRA, typed="4565")
    assert answer.approval is not None
    return proposal.id, answer.approval


@pytest.mark.parametrize("die", ["", "while it looks"])
async def test_each_bound_part_changed_is_refused_by_the_next_process(
    database: Database, database_url: str, tmp_path: Path, die: str
) -> None:
    outside = tmp_path / "outside"
    proposal, approval = await _approved(database)
    if die:
        code, _ = await _process(database_url, outside, approval, "as approved", die)
        assert code == -9
    _, said = await _process(database_url, outside, approval, "changed")
    assert len(said) == 2 * len(MUTATIONS)
    assert {name: code for name, code in said.items() if code not in REFUSALS} == {}
    assert _happened(outside) == []
    (given,) = (await find_decision(database, proposal)).approvals
    assert given.used_at is None
    logged = [item.entry.kind for item in await entries(database, effect="run-1:3")]
    assert logged == ["effects.refused_at_door"] * len(MUTATIONS)
    assert await _process(database_url, outside, approval, "as approved") == (0, {"as approved": "done"})
    assert _happened(outside) == ["run-1:3"]


@pytest.mark.parametrize("die", ["before it sends", "after it sent"])
async def test_an_approval_whose_process_was_killed_opens_nothing_else(
    database: Database, database_url: str, tmp_path: Path, die: str
) -> None:
    outside = tmp_path / "outside"
    _, approval = await _approved(database)
    code, _ = await _process(database_url, outside, approval, "as approved", die)
    assert code == -9
    sent = ["run-1:3"] if die == "after it sent" else []
    assert _happened(outside) == sent
    await asyncio.sleep(0.6)
    _, said = await _process(database_url, outside, approval, "changed")
    changed = {name: code for name, code in said.items() if name.endswith("new id")}
    assert {name: code for name, code in changed.items() if code not in REFUSALS} == {}
    assert set(_happened(outside)) <= {"run-1:3"}
    # Where only the world moved, the same effect id finishes what was approved and begun.
    assert set(said.values()) <= REFUSALS | {"done", "unknown"}
    _, again = await _process(database_url, outside, approval, "as approved")
    assert again["as approved"] in ("done", "unknown")
    assert _happened(outside) in (["run-1:3"], sent)
