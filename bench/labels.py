"""What labels cost: joins, folds, storing, and redacting; each beside the bare operation.

Run: python bench/labels.py

CPU time. *Bare* is what a program without labels would do at the same place: a union and a minimum for a
join, a set of strings for a fold, the same fields as plain JSON for storing, one pass of one pattern for
redacting. Every label has 200 readers, as in a house where each mailbox and table has its own.
Exit code 1 if a target is missed.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pilothouse.kernel import canonical, decode, encode
from pilothouse.labels import Context, Integrity, Label, Origin, join
from pilothouse.labels.pii import find

AT = datetime(2026, 1, 5, tzinfo=UTC)
READERS = [frozenset(f"acl:{n}" for n in range(first, first + 200)) for first in (0, 100)]
ROUNDS = 5
ROWS = 10_000
MAIL = """Dear team, please release container MSCU1234565 under B/L HLCUHAM230512345 to our driver.
Invoice 4500012345 over EUR 1.234,56 was paid from DE89 3704 0044 0532 0130 00 yesterday. Reach me at
jan.devries@example.com or +31 20 123 4567. Vessel IMO 9321483, voyage 025W, gate in 12:30, reference
7f3c2d9e-8a4b-4c1d-9e2f-1a2b3c4d5e6f. Please confirm that customs status is cleared and nothing is open.
"""
missed: list[str] = []


def label(number: int) -> Label:
    origin = Origin(
        source="tos", object="units", key={"id": str(number)}, field="state", version="1", read_at=AT
    )
    return Label(readers=READERS[number % 2], integrity=Integrity(number % 4), origin=origin)


def cost(work: Callable[[], object], times: int) -> float:
    """Return CPU seconds of one of ``times`` operations, the median of the rounds."""
    found: list[float] = []
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        found.append((time.process_time() - before) / times)
    return statistics.median(found)


def line(name: str, ours: float, bare: float, *, target: float | None = None, unit: float = 1e-6) -> None:
    sign = {1e-6: "µs", 1e-3: "ms"}[unit]
    goal = f"  target {target:g} {sign}" if target is not None else ""
    if target is not None and ours / unit > target:
        missed.append(name)
        goal += "  MISSED"
    print(f"{name:38} {ours / unit:9.2f} {sign}   bare {bare / unit:9.2f} {sign}   {ours / bare:6.1f}x{goal}")


def joins() -> None:
    a, b = label(1), label(2)
    readers, trust = (a.readers, b.readers), (int(a.integrity), int(b.integrity))

    def known() -> None:
        for _ in range(100_000):
            join(a, b)

    def bare() -> None:
        for _ in range(10_000):
            _ = (readers[0] | readers[1], min(trust))

    plain = cost(bare, 10_000)
    line("join of a known pair", cost(known, 100_000), plain, target=2)
    fresh = iter([(label(n), label(n + 1)) for n in range(0, 2 * ROUNDS * 5_000, 2)])

    def new() -> None:
        for _ in range(5_000):
            join(*next(fresh))

    line("join of a pair never seen", cost(new, 5_000), plain)
    line(
        "a label for a value just read", cost(lambda: [label(n) for n in range(ROWS)], ROWS), plain, target=5
    )


def folds() -> None:
    labels = [label(n) for n in range(ROWS)]
    texts = [f"tos/units/{n}/state/1" for n in range(ROWS)]

    def see() -> None:
        context = Context.of(labels[0])
        for one in labels:
            context.see(one)

    bare = cost(lambda: set(texts), 1)
    line("join(*10,000 rows)", cost(lambda: join(*labels), 1), bare, unit=1e-3)
    line("pc sees 10,000 rows one by one", cost(see, 1), bare, unit=1e-3)
    stored = iter([join(*(label(n) for n in range(ROWS))) for _ in range(ROUNDS)])
    line("10,000 leaves to their stored form", cost(lambda: encode(next(stored)), 1), bare, unit=1e-3)


def storing() -> None:
    one = label(1)
    text = canonical(one)
    plain = {"readers": sorted(one.readers), "integrity": 1, "source": "tos", "id": "1"}

    def both() -> None:
        for _ in range(500):
            decode(json.loads(json.dumps(encode(one))))

    def bare() -> None:
        for _ in range(500):
            json.loads(json.dumps(plain))

    line(f"to JSON and back ({len(text)} B)", cost(both, 500), cost(bare, 500))


def redacting() -> None:
    text = MAIL * 20
    size = len(text.encode()) / 1024
    word = re.compile(r"[\w.]+@[\w.]+")
    find(text)
    bare = cost(lambda: word.findall(text), 1) / size
    line("redacting a dense mail, a kB", cost(lambda: find(text), 1) / size, bare, target=1, unit=1e-3)
    prose = (__doc__ or "") * 20
    size = len(prose.encode()) / 1024
    bare = cost(lambda: word.findall(prose), 1) / size
    line("redacting prose, a kB", cost(lambda: find(prose), 1) / size, bare, target=1, unit=1e-3)


if __name__ == "__main__":
    joins()
    folds()
    storing()
    redacting()
    sys.exit(1 if missed else 0)
