"""Start of a confined process against the bare one: `/usr/bin/true` and a bare interpreter, alternating.

    python bench/confine.py [--rounds 60]

Prints median wall milliseconds of both and the ratio; the kernel counts the CPU of a cage in no parent.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

from pilothouse.engine import confined, confinement

PYTHON = str(Path(sys.executable).absolute())
COMMANDS = {"true": ["/usr/bin/true"], "python -I -S": [PYTHON, "-I", "-S", "-c", "pass"]}


async def bare(argv: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate(b"")


async def caged(argv: list[str]) -> None:
    ended = await confined(argv)
    assert ended.ok, ended.stderr


async def main(rounds: int) -> None:
    print(await confinement())
    for name, argv in COMMANDS.items():
        times: dict[str, list[float]] = {"bare": [], "confined": []}
        for _ in range(rounds):
            for kind, start in (("bare", bare), ("confined", caged)):
                began = time.perf_counter()
                await start(argv)
                times[kind].append(time.perf_counter() - began)
        bare_ms, our_ms = (statistics.median(times[kind]) * 1000 for kind in ("bare", "confined"))
        print(
            f"{name:14} bare {bare_ms:6.1f} ms | confined {our_ms:6.1f} ms | "
            f"{our_ms / bare_ms:4.1f} x, {our_ms - bare_ms:.1f} ms more"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    asyncio.run(main(parser.parse_args().rounds))
