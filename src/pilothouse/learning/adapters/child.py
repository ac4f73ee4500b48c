"""Owns training in a process of its own: low priority, a CPU budget, progress as lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pilothouse.kernel import LimitError, UnavailableError
from pilothouse.learning.train import Trained

__all__ = ["BUDGET", "finished", "limited", "run_job", "tell"]

BUDGET = 1800
"""CPU-seconds of a training unless somebody says more."""
_LOWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of a training process: a step in words, or its result."""

    step: str = ""
    result: Mapping[str, Any] | None = None


def limited(cpu_seconds: int) -> None:
    """Bound this process: lowest priority but one, a hard CPU budget; called by the child."""
    import resource

    os.nice(_LOWEST)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))


def tell(step: str = "", *, result: Mapping[str, Any] | None = None) -> None:
    """Print one line for the parent; called by the child."""
    sys.stdout.write(json.dumps({"step": step} if result is None else {"result": dict(result)}) + "\n")
    sys.stdout.flush()


def finished(trained: Trained) -> dict[str, Any]:
    """Return what the parent needs of a trained head."""
    return {"folder": str(trained.folder), "card": dict(trained.card)}


async def run_job(command: Sequence[str], *, cpu_seconds: int) -> AsyncIterator[Told]:
    """Run a training process and yield what it tells, the result last.

    Cancelling or closing this ends the process; a killed one leaves no head, and the same job again makes
    the same head.

    Args:
        command: Program and arguments; it calls :func:`limited` and :func:`tell`.
        cpu_seconds: Its budget, for the message only.

    Raises:
        LimitError: ``learning.budget``: the CPU budget ended first.
        UnavailableError: ``learning.failed``: it died; the message says of what.
    """
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**26
    )
    if child.stdout is None or child.stderr is None:
        raise UnavailableError("the training process has no pipes", code="learning.failed")
    errors = asyncio.create_task(child.stderr.read())
    ended = False
    try:
        async for line in child.stdout:
            told = _told(line)
            if told is not None:
                ended = ended or told.result is not None
                yield told
        code = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code in (-9, -24):  # killed for CPU time, softly or hard
        raise LimitError(
            f"the training used its {cpu_seconds} CPU-seconds; give it more (--cpu) or fewer examples",
            code="learning.budget",
        )
    if code or not ended:
        last = (await errors).decode(errors="replace").strip().splitlines()[-1:] or ["nothing said"]
        raise UnavailableError(f"the training process ended with {code}: {last[0]}", code="learning.failed")


def _told(line: bytes) -> Told | None:
    try:
        body = json.loads(line)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Any]", body)
    return Told(step=str(fields.get("step", "")), result=fields.get("result"))
