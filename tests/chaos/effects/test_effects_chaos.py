"""Real processes at the door: killed at each point, and several at once. The world outside is a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from pilothouse.audit import chain, verify
from pilothouse.decisions import Inbox
from pilothouse.kernel import Principal
from pilothouse.storage import Database

sys.path.insert(0, str(Path(__file__).parent))
from door_worker import door_for

pytestmark = pytest.mark.chaos
WORKER = Path(__file__).parent / "door_worker.py"


async def _process(
    url: str, outside: Path, *, kind: str, die: str, effect_id: str = "run-1:3"
) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        url,
        str(outside),
        kind,
        die,
        effect_id,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().strip()


def _happened(outside: Path) -> list[str]:
    return outside.read_text().splitlines() if outside.exists() else []


@pytest.mark.parametrize("die", ["before", "after"])
@pytest.mark.parametrize("kind", ["idempotent", "probed", "neither"])
async def test_kill_9_around_the_sending_never_doubles_and_never_guesses(
    database: Database, database_url: str, tmp_path: Path, kind: str, die: str
) -> None:
    outside = tmp_path / "outside"
    code, _ = await _process(database_url, outside, kind=kind, die=die)
    assert code == -9
    assert _happened(outside) == (["run-1:3"] if die == "after" else [])
    door = door_for(database, outside, kind=kind)
    assert (await door.show("run-1:3")).state == "intent"
    await asyncio.sleep(0.6)
    (outcome,) = await door.sweep()
    if kind == "neither":
        assert outcome.state == "unknown"
        assert _happened(outside) == (["run-1:3"] if die == "after" else [])
        clerk = Principal(id="clerk", rights=frozenset({"decisions:*"}))
        assert (await Inbox(database).list(clerk)).total == 1
    else:
        assert outcome.state == "done"
        assert _happened(outside) == ["run-1:3"]
    await chain(database)
    assert (await verify(database)).ok


@pytest.mark.parametrize("kind", ["idempotent", "probed", "neither"])
async def test_processes_performing_one_effect_at_once_send_it_once(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    outside = tmp_path / "outside"
    ended = await asyncio.gather(*(_process(database_url, outside, kind=kind, die="slow") for _ in range(4)))
    assert ended == [(0, "done did run-1:3")] * 4
    assert _happened(outside) == ["run-1:3"]
    assert await database.fetch_value("select count(*) from audit_entry where kind = 'effects.intent'") == 1


async def test_many_effects_over_killed_and_living_processes_each_happen_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    plan = [(f"run-{n}:1", ("", "before", "after")[n % 3]) for n in range(9)]
    for start in range(0, 9, 3):
        await asyncio.gather(
            *(
                _process(database_url, outside, kind="idempotent", die=die, effect_id=id)
                for id, die in plan[start : start + 3]
            )
        )
    await asyncio.sleep(0.6)
    door = door_for(database, outside, kind="idempotent")
    assert len(await door.sweep()) == 6
    assert sorted(_happened(outside)) == sorted(id for id, _ in plan)
    await chain(database)
    assert (await verify(database)).ok
