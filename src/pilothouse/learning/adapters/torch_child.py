"""Owns running a training script by the interpreter that has the libraries; nothing here imports them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pilothouse.kernel import UnavailableError, UsageError

__all__ = ["train_child"]

_KEPT = ("PATH", "LANG", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH")


async def train_child(
    script: Path,
    job: Path,
    *,
    name: str,
    python: Path | None,
    threads: int,
    told: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Run ``script`` on a job file, at low priority, and return its last line; it ends with this call.

    Args:
        script: Prints lines of JSON, the last with ``event`` ``trained`` or ``stopped``.
        job: Its one argument; what it complains of goes to ``errors.txt`` beside it.
        name: Of the training, for messages.
        python: Interpreter with the extra ``train``; None takes the setting, then this one.
        threads: For native code.
        told: Gets each line.

    Raises:
        UsageError: ``learning.no_train``: the interpreter lacks the extra ``train``.
        UnavailableError: ``learning.failed``: the training died; the message says of what.
    """
    from pilothouse.learning.settings import LearningSettings

    chosen = python or LearningSettings().python or Path(sys.executable)
    environment = {kept: os.environ[kept] for kept in _KEPT if kept in os.environ}
    errors = job.parent / "errors.txt"
    last: dict[str, Any] = {}
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            "nice", str(chosen), "-P", str(script), str(job),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=stderr,
            env={**environment, "OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip
        try:
            async for line in cast("asyncio.StreamReader", process.stdout):
                last = json.loads(line)
                told(last)
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if code or last.get("event") not in {"trained", "stopped"}:
        raise _failed(chosen, name, code, last, errors)
    return last


def _failed(
    python: Path, name: str, code: int, last: Mapping[str, Any], errors: Path
) -> UsageError | UnavailableError:
    words = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    why = str(last.get("error") or (words[-1] if words else f"exit code {code}"))
    if "ModuleNotFoundError" in why or "error" in last:
        return UsageError(
            f"{str(python)!r} cannot train ({why}); install pilothouse[train] there, or name another in "
            "PILOTHOUSE_LEARNING_PYTHON",
            code="learning.no_train",
        )
    return UnavailableError(f"training {name!r} ended: {why}", code="learning.failed", retry_after=60)
