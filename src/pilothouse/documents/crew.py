"""Owns the confined parsers: started when needed, kept warm for documents of the same readers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

from pilothouse.documents.errors import ParserDied, TooLarge, error_of
from pilothouse.documents.limits import ReadLimits
from pilothouse.engine import Bounds, Cage, Confined, open_confined

__all__ = ["Crew", "Key"]

Key = tuple[frozenset[str], str]
"""Who may read, and the run: a parser that saw one document may see another of the same key only."""
MIB: Final = 1024 * 1024
MAX_PICTURE: Final = 256 * MIB
MAX_DOCUMENTS: Final = 50
MAX_AGE: Final = 600.0
ENVIRONMENT: Final = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class _Worker:
    """One confined parser."""

    def __init__(self, process: Confined, stack: contextlib.AsyncExitStack, key: Key) -> None:
        self.process, self.key = process, key
        self._stack = stack
        self.answered = 0
        self.born = time.monotonic()

    @property
    def fresh(self) -> bool:
        """Whether it may take another document."""
        young = time.monotonic() - self.born < MAX_AGE
        return self.process.running and young and self.answered < MAX_DOCUMENTS

    async def ask(
        self, head: Mapping[str, Any], data: bytes, limits: ReadLimits
    ) -> tuple[dict[str, Any], bytes]:
        """Hand over a request and return the answer; on anything odd the process is ended."""
        text = json.dumps({**head, "limits": asdict(limits)}).encode()
        try:
            async with asyncio.timeout(limits.seconds):
                # A word of the text takes up to some 80 characters of the answer with its place.
                answer = await self._exchange(text, data, 16 * MIB + 24 * limits.characters)
        except TimeoutError:
            await self.close()
            raise TooLarge(f"reading it takes longer than the limit of {limits.seconds:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, struct.error) as error:
            raise await self._post_mortem(error) from error
        except BaseException:
            await self.close()
            raise
        self.answered += 1
        return answer

    async def _exchange(self, text: bytes, data: bytes, most: int) -> tuple[dict[str, Any], bytes]:
        stdin, stdout = self.process.stdin, self.process.stdout
        stdin.write(struct.pack(">QQ", len(text), len(data)) + text)
        stdin.write(data)
        await stdin.drain()
        head, body = struct.unpack(">QQ", await stdout.readexactly(16))
        if head > most or body > MAX_PICTURE:
            raise ValueError(f"an answer of {head + body} bytes")
        said = await stdout.readexactly(head)
        answer: object = await asyncio.to_thread(json.loads, said)
        if not isinstance(answer, dict):
            raise ValueError("an answer that is no object")
        return cast("dict[str, Any]", answer), await stdout.readexactly(body)

    async def _post_mortem(self, error: Exception) -> Exception:
        await self.close()
        if self.process.why == "resident":
            return TooLarge("reading it takes more memory than the parser may use")
        said = self.process.errors[-300:].decode(errors="replace").strip().rsplit("\n", 1)[-1]
        return ParserDied(
            f"the parser ended without an answer ({said or error!r}); the file is not read again"
        )

    async def close(self) -> None:
        """End it and everything it started."""
        await self._stack.aclose()


class Crew:
    """At most ``most`` parsers at once; a document waits for one.

    Args:
        most: Parsers at once, busy and idle.
        memory: Bytes of memory that one may hold.
    """

    def __init__(self, *, most: int = 2, memory: int = 2048 * MIB) -> None:
        self._most, self._memory = most, memory
        self._idle: list[_Worker] = []
        self._busy = 0
        self._places = asyncio.Semaphore(most)

    async def ask(
        self, key: Key, head: Mapping[str, Any], data: bytes, limits: ReadLimits
    ) -> tuple[dict[str, Any], bytes]:
        """Return a parser's answer.

        Raises:
            DataError: What the parser refuses, by its code.
            LimitError: ``documents.too_large``.
            ParserDied: It ended without an answer.
            ConfineMissing: ``engine.confine_missing``: this machine cannot confine; the file is not read.
        """
        if len(data) > limits.size:
            raise TooLarge(f"the file has {len(data)} bytes, over the limit of {limits.size}")
        async with self._places:
            self._busy += 1
            try:
                worker = await self._take(key)
                answer, body = await worker.ask(head, data, limits)
            finally:
                self._busy -= 1
            if worker.fresh:
                self._idle.append(worker)
            else:
                await worker.close()
        if "refused" in answer:
            raise error_of(str(answer["refused"]), _words(answer.get("why")))
        return answer, body

    async def _take(self, key: Key) -> _Worker:
        for worker in self._idle:
            if worker.key == key and worker.fresh:
                self._idle.remove(worker)
                return worker
        # This one is counted as busy already: idle parsers of other readers make room for it.
        while self._idle and (
            len(self._idle) + self._busy > self._most or any(not worker.fresh for worker in self._idle)
        ):
            stale = next((w for w in self._idle if not w.fresh), self._idle[0])
            self._idle.remove(stale)
            await stale.close()
        stack = contextlib.AsyncExitStack()
        process = await stack.enter_async_context(open_confined(_command(), self._cage()))
        return _Worker(process, stack, key)

    def _cage(self) -> Cage:
        bounds = Bounds(
            memory=3 * self._memory,
            resident=self._memory,
            cpu_s=3600,
            wall_s=2 * MAX_AGE,
            processes=32,
            files=256,
            scratch=16 * MIB,
            output=MIB,
        )
        return Cage(environment=ENVIRONMENT, bounds=bounds)

    async def close(self) -> None:
        """End all parsers."""
        while self._idle:
            await self._idle.pop().close()


def _command() -> list[str]:
    python = str(Path(sys.executable).absolute())
    return [python, "-I", "-m", "pilothouse.documents.adapters.worker"]


def _words(text: object) -> str:
    from pilothouse.documents.writing import clean

    return clean(str(text))[:1000]
