"""Owns a confined process from start to end: pipes, bounds, and the certainty that nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Sequence

from pilothouse.engine.confine.fence import Fence, fence
from pilothouse.engine.confine.probe import require_confinement
from pilothouse.engine.confine.seccomp import filter_program
from pilothouse.engine.confine.types import Cage, Ended, Why
from pilothouse.engine.confine.watch import give_to, resident, written
from pilothouse.kernel import UnavailableError

__all__ = ["Confined", "confined", "open_confined"]

LOOK_EVERY = 0.25
CHUNK = 65_536


class Confined:
    """A process in a cage; made by :func:`open_confined`.

    Attributes:
        stdin: What it reads.
        stdout: What it writes; the reader is not bounded by ``bounds.output``, the caller bounds it.
    """

    def __init__(self, process: asyncio.subprocess.Process, cage: Cage, made: Fence) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.stdin, self.stdout = process.stdin, process.stdout
        self._process, self._cage, self._fence = process, cage, made
        self._began = time.monotonic()
        self._errors = bytearray()
        self._why: Why = "exit"
        self._tasks = (asyncio.create_task(self._watch()), asyncio.create_task(self._read_errors()))

    @property
    def pid(self) -> int:
        """The process that holds the cage, as this machine counts."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def why(self) -> Why:
        """The bound that ended it, so far."""
        return self._why

    @property
    def errors(self) -> bytes:
        """The end of what it wrote to standard error."""
        return bytes(self._errors)

    def kill(self, why: Why = "killed") -> None:
        """End it and everything it started, at once: the first process of a namespace takes all with it."""
        if self.running:
            self._why = why
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def ended(self, stdout: bytes = b"") -> Ended:
        """Wait for its end and say how it was.

        Raises:
            UnavailableError: ``engine.confine_failed``: the cage could not be built; the message says why.
        """
        code = await self._process.wait()
        await self._tasks[1]
        if self._why == "exit" and code != 0 and self._errors.startswith((b"bwrap: ", b"confine: ")):
            said = bytes(self._errors[:300]).decode(errors="replace").strip()
            raise UnavailableError(f"the cage was not built: {said}", code="engine.confine_failed")
        return Ended(
            code=128 - code if code < 0 else code,
            why=self._why,
            stdout=stdout,
            stderr=self.errors,
            seconds=time.monotonic() - self._began,
        )

    async def close(self) -> None:
        """Kill what still runs, wait for it and take the writable mounts back."""
        self.kill()
        await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._fence.account:
            for folder in self._fence.writable:
                await asyncio.to_thread(give_to, folder, os.geteuid(), os.getegid())

    async def _read_errors(self) -> None:
        stream, bound = self._process.stderr, self._cage.bounds.output
        assert stream is not None
        while chunk := await stream.read(CHUNK):
            self._errors += chunk
            del self._errors[:-bound]

    async def _watch(self) -> None:
        bounds = self._cage.bounds
        while self.running:
            left = self._began + bounds.wall_s - time.monotonic()
            if left <= 0:
                return self.kill("wall")
            await asyncio.sleep(min(LOOK_EVERY, left))
            if resident(self.pid) > bounds.resident:
                return self.kill("resident")
            folders = self._fence.writable
            if folders and await asyncio.to_thread(written, folders, bounds.written) > bounds.written:
                return self.kill("written")
        return None


@contextlib.asynccontextmanager
async def open_confined(argv: Sequence[str], cage: Cage) -> AsyncGenerator[Confined]:
    """Start a command in a cage and end it, with everything it started, when the block is left.

    Call it on a thread that stays (the event loop's): the cage dies with the thread that started it.

    Args:
        argv: Absolute path of the program as seen inside, and its arguments.
        cage: What it sees and may use.

    Raises:
        ConfineMissing: ``engine.confine_missing``: this machine cannot confine; nothing was started.
        UsageError: ``engine.confine_mount``: a mount is not there.
    """
    await require_confinement()
    process = await start(argv, cage)
    try:
        yield process
    finally:
        await asyncio.shield(process.close())


async def start(argv: Sequence[str], cage: Cage) -> Confined:
    """Start without asking first whether the machine can; the probe itself does."""
    program = filter_program()
    seccomp = None if program is None else os.memfd_create("seccomp")
    try:
        if program is not None and seccomp is not None:
            os.write(seccomp, program)
            os.lseek(seccomp, 0, os.SEEK_SET)
        made = fence(argv, cage, seccomp=seccomp)
        if made.account:
            for folder in made.writable:
                await asyncio.to_thread(give_to, folder, made.account, made.account)
        process = await asyncio.create_subprocess_exec(
            *made.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=() if seccomp is None else (seccomp,),
            env={},
        )
    finally:
        if seccomp is not None:
            os.close(seccomp)
    return Confined(process, cage, made)


async def confined(argv: Sequence[str], *, stdin: bytes = b"", cage: Cage | None = None) -> Ended:
    """Run a command in a cage to its end.

    Args:
        argv: Absolute path of the program as seen inside, and its arguments.
        stdin: What it reads.
        cage: What it sees and may use; by default the interpreter and nothing else.

    Raises:
        ConfineMissing: ``engine.confine_missing``: this machine cannot confine; nothing was started.
        UsageError: ``engine.confine_mount``: a mount is not there.
        UnavailableError: ``engine.confine_failed``: the cage could not be built.
    """
    async with open_confined(argv, cage or Cage()) as process:
        return await to_end(process, stdin, (cage or Cage()).bounds.output)


async def to_end(process: Confined, stdin: bytes, bound: int) -> Ended:
    """Feed a process, read its output up to ``bound`` bytes and wait."""
    feeding = asyncio.create_task(_feed(process, stdin))
    kept = bytearray()
    try:
        while chunk := await process.stdout.read(CHUNK):
            kept += chunk[: bound - len(kept)]
            if len(kept) >= bound:
                process.kill("output")
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return await process.ended(bytes(kept))


async def _feed(process: Confined, stdin: bytes) -> None:
    # A command that does not read its input is not in error.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
