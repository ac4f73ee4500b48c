"""Owns the live table of a durable run: how many boxes are ready, running, asked, done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["watching"]

WORDS = {"ready": "queued", "running": "being weighed", "parked": "asked, in the inbox", "done": "done"}


@contextmanager
def watching(*, quiet: bool = False) -> Generator[Callable[[dict[str, int]], None]]:
    """Show the counts it is called with as a live table; one closing line where there is no terminal."""
    last: dict[str, int] = {}
    start = time.monotonic()
    if quiet or not sys.stderr.isatty():
        yield lambda counts: (last.clear(), last.update(counts))[1]
        if not quiet:
            sys.stderr.write(f"{sum(last.values())} boxes after {time.monotonic() - start:.0f} s\n")
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=8) as live:
        yield lambda counts: live.update(_table(counts, time.monotonic() - start))


def _table(counts: dict[str, int], seconds: float) -> Table:
    from rich.table import Table

    total = max(1, sum(counts.values()))
    table = Table(box=None, title=f"{seconds:.0f} s", title_justify="left", header_style="bold")
    for column in ("boxes", "", ""):
        table.add_column(column)
    for state in sorted(counts, key=lambda name: list(WORDS).index(name) if name in WORDS else 9):
        bar = "█" * round(30 * counts[state] / total)
        table.add_row(str(counts[state]), WORDS.get(state, state), bar)
    return table
