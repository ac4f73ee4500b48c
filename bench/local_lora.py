"""LoRA on two cores: an adapter for the embedded text model, its cost, its gain on known and new layouts.

A made task: one-line shipping texts to JSON of four fields; training texts in 7 layouts, held-out texts in
the same and in 4 others, entities of training and test disjoint. Figures are those of the adapter as served.
Run with an interpreter that has the extra ``train``::

    TRAIN_PYTHON=/path/to/venv/bin/python python bench/local_lora.py

Peer: the same embedded model without the adapter, in the same process and run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from pilothouse.learning.adapters.lora import Example, LoraJob, train_lora
from pilothouse.registry.packs import open_store

KNOWN = (
    "Container {box} of {party} arrives at {place} on {day}.",
    "{day}: {place} expects {box} ({party}).",
    "Please book {box} for {party}, gate {place}, {day}.",
    "{party} asks when {box} leaves {place}; planned {day}.",
    "Box {box} // consignee {party} // terminal {place} // date {day}",
    "Hi, our unit {box} should be at {place} by {day}. Regards, {party}",
    "{place} / {day} / {party} / {box}",
)
NEW = (
    "On {day} the haulier of {party} will pick up {box} from {place}.",
    "Re {box}: {party} confirms {place}, {day}",
    "We ({party}) need {box} delivered. Where: {place}. When: {day}.",
    "{box} was discharged in {place} yesterday, {party} collects it on {day}.",
)
PLACES = (
    ("Rotterdam", "Antwerp", "Hamburg", "Genoa", "Valencia", "Gdansk", "Piraeus", "Felixstowe"),
    ("Le Havre", "Bremerhaven", "Bilbao", "Trieste", "Aarhus", "Lisbon"),
)
PARTIES = (
    (
        "Nordlicht Foods",
        "Baltic Paper",
        "Delta Tiles",
        "Rhine Optics",
        "Costa Fruit",
        "Omega Tools",
        "Hansa Tea",
    ),
    ("Vega Textiles", "Iberia Cork", "Alpine Glass", "Lumen Lamps", "Terra Seeds"),
)
SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string", "maxLength": 40} for name in ("box", "party", "place", "day")},
    "required": ["box", "party", "place", "day"],
    "additionalProperties": False,
}
ASK = 'Fields as JSON with "box", "party", "place", "day": '


def _examples(count: int, layouts: tuple[str, ...], pool: int, seed: int) -> list[Example]:
    lot = random.Random(seed)
    made: list[Example] = []
    for number in range(count):
        layout = layouts[number % len(layouts)]
        owner = "".join(lot.choices("BCDFGHKLMNPRSTVWXZ", k=3)) + "U"
        fields = {
            "box": f"{owner}{lot.randrange(10**6):06d}{lot.randrange(10)}",
            "party": lot.choice(PARTIES[pool]),
            "place": lot.choice(PLACES[pool]),
            "day": f"{lot.randrange(1, 29)} {lot.choice(('March', 'April', 'May', 'June', 'October'))}",
        }
        said = json.dumps(fields, ensure_ascii=False)
        made.append(Example(prompt=ASK + layout.format(**fields), completion=said, layout=layout))
    return made


def _shown(name: str, score: dict[str, Any]) -> str:
    return f"{name}: {score['fields']}/{score['of_fields']} fields, {score['exact']}/{score['n']} records"


async def _main() -> None:
    python = os.environ.get("TRAIN_PYTHON")
    if python is None:
        print("not measured: set TRAIN_PYTHON to an interpreter that has pilothouse[train]")
        return
    with tempfile.TemporaryDirectory() as folder:
        job = LoraJob(
            name="shipping",
            train=_examples(150, KNOWN, 0, 1),
            held_out=[*_examples(21, KNOWN, 1, 2), *_examples(20, NEW, 1, 3)],
            folder=Path(os.environ.get("LORA_OUT", folder)),
            schema=SCHEMA,
            epochs=int(os.environ.get("LORA_EPOCHS", "3")),
            python=Path(python),
        )
        result = await train_lora(job, open_store().open("smollm2"), progress=_progress)
    cost, figures = result.card["cost"], result.card["figures"]
    print()
    print(
        f"training: {cost['cpu_seconds']} CPU-s, {cost['seconds']} s, peak {cost['peak_bytes'] / 1e9:.2f} GB"
    )
    print(f"tokens: {cost['tokens']}, {cost['tokens'] / cost['cpu_seconds']:.0f} a CPU-s, loading included")
    print(f"adapter: {result.size / 1e6:.1f} MB beside the base, sha256 {result.sha256[:16]}")
    for kind in ("known", "new"):
        print(_shown(f"{kind} layouts, base as it comes (peer)", figures["before"][kind]))
        print(_shown(f"{kind} layouts, with the adapter (ours)", figures["after"][kind]))


def _progress(what: str, done: int, total: int) -> None:
    sys.stderr.write(f"\r{what} {done}/{total}   ")


asyncio.run(_main())
