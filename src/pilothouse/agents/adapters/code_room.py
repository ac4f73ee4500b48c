"""Owns the room that model-written code runs in: a sandbox in its own process, caged where that can be."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from pilothouse.kernel import Json, LimitError, UnavailableError

__all__ = ["CodeRoom", "Failed"]

INSIDE = Path(__file__).with_name("code_inside.py")
LIMITS: Final = {
    "max_feed_duration_secs": 10.0,
    "max_memory": 256 * 1024 * 1024,
    "max_recursion_depth": 200,
    "max_suspensions": 200,
    "max_total_sleep_secs": 1.0,
}
LONGEST = 8_000_000
LINE = 64 * 1024 * 1024
PATIENCE = 120.0
Ask = Callable[[str, Sequence[Json], Mapping[str, Json]], Awaitable[Json]]


class Failed(Exception):
    """The code did not come to an end; says how and where, and nothing that it read."""


class CodeRoom:
    """Runs code for one agent's run; opened when it is first needed, closed with the run."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._pipes: tuple[asyncio.StreamWriter, asyncio.StreamReader] | None = None
        self.caged = False

    async def run(
        self, python: str, *, inputs: Mapping[str, Json], functions: Sequence[str], ask: Ask
    ) -> Json:
        """Return the value of the code's last expression.

        Args:
            python: The code.
            inputs: Variables.
            functions: Names that it may call.
            ask: Makes such a call.

        Raises:
            Failed: It raised, ran too long, or its value is no plain JSON.
            UnavailableError: ``agents.room``: the room broke down; the next run opens another.
        """
        job = {
            "python": python, "inputs": dict(inputs), "functions": list(functions), "limits": LIMITS,
            "longest": LONGEST,
        }  # fmt: skip
        try:
            writer, reader = self._pipes or await self._opened()
            async with asyncio.timeout(PATIENCE):
                return await self._conversed(writer, reader, job, ask)
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.CancelledError) as error:
            await self.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise UnavailableError(
                f"the room for code broke down ({type(error).__name__}); try again", code="agents.room"
            ) from error

    async def close(self) -> None:
        """End the process."""
        self._pipes = None
        await self._stack.aclose()

    async def _conversed(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, job: object, ask: Ask
    ) -> Json:
        told: object = job
        while True:
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
            heard = await _line(reader)
            if "call" not in heard:
                break
            try:
                told = {"value": await ask(str(heard["call"]), heard["args"], heard["kwargs"])}
            except LimitError:
                raise
            except Exception:
                told = {"failed": True}
        if "failed" in heard:
            raise Failed(f"{heard['failed']} in line {heard['line']}")
        return heard.get("value")

    async def _opened(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        from pilothouse import engine

        order = [str(Path(sys.executable).absolute()), "-I", str(INSIDE)]
        if (await engine.confinement()).ok:
            bounds = engine.Bounds(wall_s=3600.0, memory=4 * 1024**3, resident=768 * 1024**2, cpu_s=600)
            cage = engine.Cage(mounts=(engine.Mount(path=INSIDE),), bounds=bounds)
            caged = await self._stack.enter_async_context(engine.open_confined(order, cage))
            pipes = (caged.stdin, caged.stdout)
            self.caged = True
        else:
            pipes = await self._uncaged(order)
        reader: Any = pipes[1]
        # A value may be longer than what one line holds by default.
        reader._limit = LINE
        await _line(pipes[1])
        self._pipes = pipes
        return pipes

    async def _uncaged(self, order: Sequence[str]) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        """Where the kernel cannot confine, the sandbox of the code stands alone."""
        process = await asyncio.create_subprocess_exec(
            *order, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={}
        )
        assert process.stdin is not None and process.stdout is not None

        async def ended() -> None:
            if process.returncode is None:
                process.kill()
            await process.wait()

        self._stack.push_async_callback(ended)
        return process.stdin, process.stdout


async def _line(reader: asyncio.StreamReader) -> dict[str, Any]:
    text = await reader.readline()
    if not text:
        raise EOFError
    return json.loads(text)
