"""How long a made world takes: make, up (cold, again, after kill -9 of every server), down; median of seeds.

Run: ``python bench/port_world_up.py [small|day|month]``. There is no peer for this figure.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pilothouse_port.world import serve
from pilothouse_port.world.render_world import make_world

SEEDS = range(501, 506)


def main(size: str) -> None:
    figures: dict[str, list[float]] = {}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in one(Path(folder), seed, size):
                figures.setdefault(name, []).append(seconds)
    for name, found in figures.items():
        middle = statistics.median(found)
        print(f"{size:6} {name:18} median {middle:6.2f} s, worst {max(found):.2f} s, n={len(found)}")


def one(out: Path, seed: int, size: str) -> list[tuple[str, float]]:
    made = make_world(out, seed=seed, size=size)  # type: ignore[arg-type]
    cold = serve.up(made.world, owner=os.getpid()).seconds
    again = serve.up(made.world, owner=os.getpid()).seconds
    for server in serve.status(made.world).values():
        if server is not None:
            os.kill(server.pid, signal.SIGKILL)
    killed = serve.up(made.world, owner=os.getpid()).seconds
    began = time.monotonic()
    serve.down(made.world, forget=True)
    down = time.monotonic() - began
    return [
        ("make", made.seconds),
        ("up", cold),
        ("up again", again),
        ("up after kill -9", killed),
        ("down", down),
    ]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "day")
