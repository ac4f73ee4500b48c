"""What reading texts is worth: made worlds nobody mapped, decided without texts and by each kind of reader.

``python bench/port_reading.py --seeds 8500-8507 --size day --wording unseen --jobs 2`` prints one table. The
key of a world is opened after its decisions are written. What comes with the package learnt from past
decisions alone: ``--tune OUT --seeds 8300-8399 --size small --history 1200 --wording mixed`` tunes the
encoder, and ``--train OUT --encoder --delta OUT/delta.npz`` with the same seeds trains heads on its vectors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pilothouse_port
from pilothouse_port.score import Rate, read_lines, reread, score
from pilothouse_port.world import serve
from pilothouse_port.world.render_world import make_world

KNOWN = Path(pilothouse_port.__file__).parent / "worlds" / "known_descriptions.txt"
VARIANTS = ("ignored", "unread", "lexicon", "words", "heads", "past")
RATES = ("right", "wrong_advised", "wrong_bound", "needless", "precision", "recall")


def _vouch(port: Path) -> None:
    """Name somebody where the draft asks who vouches for an untrusted source; nothing else is touched."""
    todo = "endorsed_by: TODO who vouches that its fields are records"
    port.write_text(port.read_text().replace(todo, "endorsed_by: port captain"))


async def _mapped(out: Path, world: Path, project: Path) -> Any:
    from pilothouse_port.working import Place, draft_port

    place = Place(folder=out, sources=project, port=out / "port.yaml")
    await draft_port(world, place=place, out=out / "port.yaml", force=True, known=KNOWN)
    _vouch(out / "port.yaml")
    return place


def past_of(seed: int, given: argparse.Namespace) -> dict[str, list[Any]]:
    """Return what the past of one made world teaches: its clerks' tickets beside its mails and remarks.

    No key is made, let alone opened; three tickets of a hundred are wrong.
    """
    from pilothouse_port.reading.past import PastText, Ticket, examples_of
    from pilothouse_port.reading.read import OUTCOME_OF
    from pilothouse_port.world.canon import build_canon

    made = build_canon(seed, given.size, wording=given.wording, history=given.history)
    owners: dict[str, set[tuple[str, str]]] = {}
    for rule in made.policy.rules:
        owners.setdefault(rule.word, set()).add((rule.check, rule.outcome))
    words = {
        name: frozenset(word for word, who in owners.items() if who == {outcome})
        for name, outcome in OUTCOME_OF.items()
    }
    past = made.history
    tickets = [
        Ticket(container=t.container, bl=t.bill, at=t.decided_at, reasons=frozenset(t.reasons))
        for t in past.tickets
    ]
    mails = [
        PastText(
            kind="mail", text=m.text, at=m.date, id=m.message_id, reply=m.in_reply_to,
            sender=m.sender.partition("@")[2], attached=bool(m.enclosures),
        )
        for m in past.texts.mails
    ]  # fmt: skip
    remarks = [
        PastText(kind="remark", text=r.text, at=r.at, container=r.container) for r in past.texts.remarks
    ]
    return examples_of(tickets, [*mails, *remarks], words, group=f"{seed}:")


async def one(seed: int, size: str, wording: str, out: Path) -> dict[str, Any]:
    """Return counts of one world for every variant."""
    from pilothouse_port.bindings import SourcesReader
    from pilothouse_port.evaluate import evaluate
    from pilothouse_port.reading import open_reader
    from pilothouse_port.reading.learn import read_past
    from pilothouse_port.working import find_bindings, opened, write_decisions

    made = make_world(out, seed=seed, size=size, wording=wording)  # type: ignore[arg-type]
    running = serve.up(made.world, owner=os.getpid())
    row: dict[str, Any] = {"seed": seed, "wording": wording}
    try:
        place = await _mapped(out, made.world, running.project)
        bindings, at = find_bindings(place)
        async with opened(place) as (sources, principal):
            past = (
                await read_past(bindings, SourcesReader(sources, principal))
                if bindings.model.history
                else None
            )
            words = past.cargo if past else ()
            readers = {
                "lexicon": open_reader(shipped=False, cargo_words=words),
                "words": open_reader(encoded=False, cargo_words=words),
                "heads": open_reader(cargo_words=words),
                "past": open_reader(cargo_words=words, settled=past.settled if past else ()),
            }
            for name in VARIANTS:
                reader = SourcesReader(sources, principal)
                start = time.process_time()
                packs = await evaluate(
                    bindings, reader, at=at, texts=name != "ignored", texts_reader=readers.get(name)
                )
                row[f"cpu_{name}"] = time.process_time() - start
                write_decisions(out / f"{name}.jsonl", packs)
            valid = await reread(read_lines(out / "past.jsonl"), SourcesReader(sources, principal))
    finally:
        serve.down(made.world, forget=True)
    truth = read_lines(made.key)
    for name in VARIANTS:
        lines = read_lines(out / f"{name}.jsonl")
        found = score(lines, truth)
        open_ = sum(any(r.get("cause") == "unread" for r in line["reasons"]) for line in lines)
        row[name] = {rate: [getattr(found, rate).hits, getattr(found, rate).n] for rate in RATES}
        row[name] |= {
            "open": [open_, len(lines)],
            "missed": found.reasons_missed,
            "extra": found.reasons_extra,
        }
        row[name]["confusion"] = found.confusion
    row["valid"] = [valid.hits, valid.n]
    row["died"] = _died(read_lines(out / "past.jsonl"))
    row["loosened"] = _loosened(read_lines(out / "ignored.jsonl"), read_lines(out / "past.jsonl"))
    row["quotes"] = _quotes(read_lines(out / "past.jsonl"))
    return row


def _loosened(without: Any, with_texts: Any) -> int:
    """Count boxes whose texts made what may happen unattended looser than the records alone."""
    rank = {"RELEASE": 0, "HOLD": 1, "ESCALATE": 2}
    before = {(a["container"], a["bl"]): rank[a["bound"]] for a in without}
    return sum(rank[a["bound"]] < before[a["container"], a["bl"]] for a in with_texts)


def _died(lines: Any) -> int:
    """Count texts that stayed open because no parser could start or end: then the figures are another's."""
    return sum("parser_died" in str(r.get("detail", "")) for line in lines for r in line["reasons"])


def _quotes(lines: Any) -> list[int]:
    """Count claims cited, and those whose quote stands in the value at its place."""
    cited = [item for line in lines for item in line["evidence"] if "start" in item]
    return [
        sum(
            item["value"][item["start"] : item["start"] + len(item["quote"])] == item["quote"]
            for item in cited
        ),
        len(cited),
    ]


def shown(rows: list[dict[str, Any]], title: str) -> None:
    """Print the table of some worlds."""
    if not rows:
        return
    boxes = sum(row["heads"]["right"][1] for row in rows)
    print(f"\n{title}: {len(rows)} worlds, {boxes} boxes")
    heads = ("ignored", "unread", "lexicon", "+ heads", "+ encoder", "+ own past")
    print(f"{'':12}" + "".join(f"{head:>22}" for head in heads))
    for rate in (*RATES, "open"):
        per = 1000 if rate.startswith("wrong") else 100
        cells = []
        for name in VARIANTS:
            hits = sum(row[name][rate][0] for row in rows)
            n = sum(row[name][rate][1] for row in rows)
            value = Rate(hits=hits, n=n)
            cells.append(f"{hits / max(1, n) * per:.1f} (<= {value.bound * per:.1f})")
        print(f"{rate:12}" + "".join(f"{cell:>22}" for cell in cells))
    cpu = "".join(f"{sum(row[f'cpu_{name}'] for row in rows) / boxes * 1000:>19.1f} ms" for name in VARIANTS)
    print(f"{'CPU a box':12}{cpu}")
    valid, quotes = ([sum(row[k][i] for row in rows) for i in (0, 1)] for k in ("valid", "quotes"))
    print(
        f"evidence read again and equal {valid[0]}/{valid[1]}, quotes at their place {quotes[0]}/{quotes[1]}"
    )
    print(f"boxes whose texts loosened what may happen unattended: {sum(row['loosened'] for row in rows)}")
    print(f"files whose parser died, which a working machine has none of: {sum(row['died'] for row in rows)}")


def _seeds(text: str) -> list[int]:
    parts = [part.split("-") for part in text.split(",")]
    return [seed for part in parts for seed in range(int(part[0]), int(part[-1]) + 1)]


def _spread(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Run each seed in a process of its own, some at a time."""
    todo, running, rows = _seeds(given.seeds), [], []
    while todo or running:
        while todo and len(running) < given.jobs:
            seed = todo.pop(0)
            command = [
                sys.executable,
                __file__,
                "--one",
                str(seed),
                "--size",
                given.size,
                "--wording",
                given.wording,
            ]
            running.append((seed, subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))
        seed, process = running.pop(0)
        said, _ = process.communicate()
        if process.returncode:
            print(f"seed {seed}: failed", file=sys.stderr)
            continue
        rows.append(json.loads(said.strip().splitlines()[-1]))
        found = rows[-1]
        line = f"seed {seed}: " + ", ".join(
            f"{name} {found[name]['right'][0] / found[name]['right'][1]:.1%}" for name in VARIANTS
        )
        print(f"{line}; wrong advised {found['past']['wrong_advised'][0]}", file=sys.stderr, flush=True)
    return rows


async def _train(given: argparse.Namespace) -> None:
    from pilothouse.app import open_multilingual_encoder
    from pilothouse.labels import unknown
    from pilothouse.learning import Examples, Tuning, train_heads, tune_encoder
    from pilothouse_port.reading import port_encoder, task_for
    from pilothouse_port.reading.past import without_addresses
    from pilothouse_port.reading.tasks import ENCODED

    rows: dict[str, list[Any]] = {"mail": [], "remark": []}
    for seed in _seeds(given.seeds):
        for kind, found in past_of(seed, given).items():
            rows[kind] += found
    every = {
        kind: Examples(
            rows=(*found, *without_addresses(found)),
            label=unknown("made-worlds"),
            licence="CC0-1.0 (made worlds)",
        )
        for kind, found in rows.items()
    }
    if given.tune:
        tuning = Tuning(folder=given.tune, epochs=given.epochs, batch=32, start=given.delta)
        tasks = [(task_for(kind), examples) for kind, examples in every.items()]  # type: ignore[arg-type]
        print(await tune_encoder(tasks, open_multilingual_encoder(), tuning, progress=print))
        return
    encoder = port_encoder(given.delta) if given.encoder else None
    for kind, examples in every.items():
        trained = await train_heads(
            task_for(kind),  # type: ignore[arg-type]
            examples,
            given.train,
            encoder=encoder,
            encoded=ENCODED if encoder is not None else frozenset(),
            aside=given.aside,
            joins=json.loads(given.joins.read_text())[kind] if given.joins else None,
            progress=lambda words: print(words, flush=True),
        )
        print(f"{kind}: {len(examples)} texts, {trained.folder}", flush=True)


def main() -> None:
    """Run the seeds and print, or train."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="8500-8503")
    parser.add_argument("--size", default="small")
    parser.add_argument("--wording", default="unseen")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--history", type=int, help="past boxes of each world trained on")
    parser.add_argument("--encoder", action="store_true", help="train heads with the encoder's vectors")
    parser.add_argument("--delta", type=Path, help="what a training added to the encoder")
    parser.add_argument("--tune", type=Path, help="tune the encoder instead, on from --delta if given")
    parser.add_argument("--epochs", type=int, default=3, help="of tuning")
    parser.add_argument("--joins", type=Path, help="JSON by kind and type: joins learnt on other hands")
    parser.add_argument("--aside", type=float, default=0.2, help="share kept aside for the card")
    parser.add_argument("--one", type=int)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.train is not None or given.tune is not None:
        asyncio.run(_train(given))
        return
    if given.one is not None:
        with tempfile.TemporaryDirectory(prefix=f"port{given.one}-") as folder:
            print(json.dumps(asyncio.run(one(given.one, given.size, given.wording, Path(folder) / "w"))))
        return
    rows = _spread(given)
    shown(rows, f"wording {given.wording}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
