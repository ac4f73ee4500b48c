"""Scores the port on worlds nobody mapped: make, start, draft, run with and without texts; one line a seed.

``python bench/port_worlds.py --seeds 1000-1009 --size small``. The mapping is what ``port new`` drafts, with
the cargo wordings a person approved on practice worlds and a name where it asks who vouches; nothing else by
hand. The baseline ignores texts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pilothouse_port
from pilothouse_port.score import Rate, Score, read_lines, score
from pilothouse_port.working import Place, draft_port, run_port
from pilothouse_port.world import serve
from pilothouse_port.world.render_world import make_world

KNOWN = Path(pilothouse_port.__file__).parent / "worlds" / "known_descriptions.txt"
COUNTED = ("right", "wrong_advised", "wrong_bound", "needless", "precision", "recall", "supported")


def _vouch(port: Path) -> None:
    """Name somebody where the draft asks who vouches for an untrusted source; nothing else is touched."""
    todo = "endorsed_by: TODO who vouches that its fields are records"
    port.write_text(port.read_text().replace(todo, "endorsed_by: port captain"))


async def one(seed: int, size: str, out: Path) -> dict[str, Any]:
    """Return the scores of one seed."""
    made = make_world(out, seed=seed, size=size)  # type: ignore[arg-type]
    running = serve.up(made.world, owner=os.getpid())
    try:
        place = Place(folder=out, sources=running.project, port=out / "port.yaml")
        start = time.process_time()
        drafted = await draft_port(made.world, place=place, out=out / "port.yaml", force=True, known=KNOWN)
        _vouch(out / "port.yaml")
        mapped, start = time.process_time() - start, time.process_time()
        await run_port(place, out=out / "d.jsonl", durable=False, texts=True)
        decided = time.process_time() - start
        await run_port(place, out=out / "b.jsonl", durable=False, texts=False)
    finally:
        serve.down(made.world, forget=True)
    truth = read_lines(made.key)
    return {
        "seed": seed,
        "lines": drafted["lines"],
        "todo": [item for item in drafted["todo"] if not item.startswith("descriptions")],
        "cpu_map": mapped,
        "cpu_run": decided,
        "run": score(read_lines(out / "d.jsonl"), truth),
        "baseline": score(read_lines(out / "b.jsonl"), truth),
        "records": score(read_lines(out / "b.jsonl"), [line for line in truth if not line["text_only"]]),
    }


def total(scores: list[Score]) -> dict[str, Rate]:
    """Add up counts over seeds."""
    return {
        name: Rate(
            hits=sum(getattr(one, name).hits for one in scores), n=sum(getattr(one, name).n for one in scores)
        )
        for name in COUNTED
    }


def shown(name: str, scores: list[Score]) -> None:
    """Print one column of totals."""
    print(f"\n{name}: {len(scores)} worlds, {sum(one.n for one in scores)} boxes")
    for measure, rate in total(scores).items():
        print(f"  {measure:14} {rate.words(per=1000 if measure.startswith('wrong') else 100)}")
    for clerk in ("typed", "competent", "saved", "assisted"):
        mean = sum(one.minutes[clerk] * one.n for one in scores) / sum(one.n for one in scores)
        print(f"  minutes {clerk:10} {mean:.2f}")


def main() -> None:
    """Run the seeds and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1-3", help="such as 1000-1009 or 1000,1003")
    parser.add_argument("--size", default="small")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    seeds = [
        seed
        for part in given.seeds.split(",")
        for seed in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
    ]
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix=f"port{seed}-") as folder:
            row = asyncio.run(one(seed, given.size, Path(folder) / "w"))
        rows.append(row)
        run, base, records = row["run"], row["baseline"], row["records"]
        print(
            f"seed {seed}: right {run.right.share:.0%} (structured {base.right.share:.0%}), "
            f"records only {records.right.hits}/{records.n}, wrong bound {run.wrong_bound.hits}, "
            f"needless {run.needless.hits}/{run.needless.n}, {row['lines']} lines, "
            f"map {row['cpu_map']:.1f} run {row['cpu_run']:.1f} CPU-s, open {row['todo'] or 'nothing'}",
            flush=True,
        )
    shown("with unread texts", [row["run"] for row in rows])
    shown("structured only", [row["baseline"] for row in rows])
    shown("structured only, boxes whose truth stands in records", [row["records"] for row in rows])
    if given.json:
        plain = [{**row, **{k: row[k].to_json() for k in ("run", "baseline", "records")}} for row in rows]
        given.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
