"""A process that performs one effect and can be made to die at a chosen point; run by the chaos tests.

The foreign system is a file: each line is one thing that happened outside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pilothouse.decisions import Inbox
from pilothouse.effects import Door, EffectCall, EffectRequest, EffectSpec, EffectsSettings, Probed
from pilothouse.effects.testing import RUNNER, typed_by_hand
from pilothouse.kernel import PilothouseError
from pilothouse.labels import Integrity
from pilothouse.storage import StorageSettings, open_database


def _line(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def door_for(database: object, outside: Path, *, kind: str, die: str = "", lease: float = 0.5) -> Door:
    """Return a door whose tool writes to ``outside`` and dies as told."""

    async def send(call: EffectCall) -> str:
        if die == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = outside.read_text().splitlines() if outside.exists() else []
        # Only the tool that knows effect ids may recognise a second call.
        if kind != "idempotent" or call.effect_id not in done:
            _line(outside, call.effect_id)
        if die == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        if die == "slow":
            await asyncio.sleep(0.3)
        return f"did {call.effect_id}"

    async def probe(call: EffectCall) -> Probed:
        done = outside.read_text().splitlines() if outside.exists() else []
        return Probed(state="done" if call.effect_id in done else "not_done", result="seen")

    spec = EffectSpec(
        tool="send",
        effect="write",
        tier=2,
        accepts=Integrity.RECORD,
        steering=("to",),
        idempotent_by_effect_id=kind == "idempotent",
        probe=probe if kind == "probed" else None,
    )
    settings = EffectsSettings(lease=lease, patience=5, sweep_grace=0)
    door = Door(database, Inbox(database), settings=settings)  # type: ignore[arg-type]
    door.register(spec, send)
    return door


async def main(url: str, outside: str, kind: str, die: str, effect_id: str) -> None:
    settings = StorageSettings(database_url=url, migrate=False)
    async with open_database(settings) as database:
        door = door_for(database, Path(outside), kind=kind, die=die)
        args = {"to": "gate"}
        request = EffectRequest(
            tool="send", args=args, effect_id=effect_id, principal=RUNNER, **typed_by_hand(args)
        )
        try:
            outcome = await door.perform(request)
            print(outcome.state, outcome.result, flush=True)
        except PilothouseError as error:
            print(error.code, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
