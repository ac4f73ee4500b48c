"""Claims: a public set of short English texts, rung by rung, against a plain tf-idf classifier, same run.

``python bench/claims.py FOLDER`` with ``train.csv`` and ``test.csv`` (text, category), such as banking77.
Ours are text-level claims by the reader; the peer answers always, so its recall and precision are printed at
the coverage ours has. Times are CPU seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pilothouse.documents import claims
from pilothouse.labels import unknown
from pilothouse.learning import Example, Examples, train_heads

LABEL = unknown("bench")
Rows = list[tuple[str, str]]


def rows(path: Path, kinds: list[str], most: int) -> Rows:
    seen: Counter[str] = Counter()
    out: Rows = []
    with path.open(encoding="utf-8") as opened:
        for row in csv.DictReader(opened):
            kind = row["category"]
            if kind in kinds and seen[kind] < most:
                seen[kind] += 1
                out.append((row["text"], kind))
    return out


def scored(name: str, answers: list[str | None], truth: list[str], seconds: float) -> None:
    said = [(a, t) for a, t in zip(answers, truth, strict=True) if a is not None]
    right = sum(a == t for a, t in said)
    precision = right / len(said) if said else 0.0
    print(
        f"{name:34} coverage {len(said) / len(truth):6.1%}  right of said {precision:6.1%}  "
        f"right of all {right / len(truth):6.1%}  {seconds / len(truth) * 1000:7.2f} cpu-ms a text"
    )


async def ours(task: claims.Task, train: Rows, test: Rows, encoder: Any, name: str) -> float:
    examples = Examples(rows=tuple(Example(text=t, labels=frozenset({k})) for t, k in train), label=LABEL)
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        made = await train_heads(task, examples, Path(folder), encoder=encoder)
    trained = time.process_time() - before
    reader = claims.Reader(task, heads=made.head, encoder=encoder)
    before = time.process_time()
    items = [claims.Item(text=claims.plain_text(t), document="d", label=LABEL) for t, _ in test]
    readings = await reader.read_many(items)
    spent = time.process_time() - before
    answers = [best(one) for one in readings]
    scored(name, answers, [k for _, k in test], spent)
    new = made.card["chances"]["new"]["all"]
    print(
        f"{'':34} trained in {trained:.1f} cpu-s; new wordings: ECE {new['calibration_error']}, "
        f"Brier {new['brier']}, risk-coverage area {new['risk_coverage_area']}"
    )
    return spent


def best(reading: claims.Reading) -> str | None:
    """The one type that is claimed, or proposed above even odds; nothing where the reader abstains."""
    found = [*reading.claims, *(c for a in reading.abstained for c in a.claims)]
    likely = [one for one in found if one.p >= 0.5]
    return max(likely, key=lambda one: one.p).type if likely else None


def peer(train: Rows, test: Rows) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    before = time.process_time()
    words: Any = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model: Any = LogisticRegression(C=10, max_iter=500)
    model.fit(words.fit_transform([t for t, _ in train]), [k for _, k in train])
    trained = time.process_time() - before
    before = time.process_time()
    answers = list(model.predict(words.transform([t for t, _ in test])))
    spent = time.process_time() - before
    scored("peer: tf-idf + logistic regression", answers, [k for _, k in test], spent)
    print(f"{'':34} trained in {trained:.1f} cpu-s; it answers always")
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", type=int, default=8)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--vectors", action="store_true")
    chosen = parser.parse_args()
    with (chosen.folder / "train.csv").open(encoding="utf-8") as opened:
        kinds = sorted({row["category"] for row in csv.DictReader(opened)})[: chosen.kinds]
    train = rows(chosen.folder / "train.csv", kinds, chosen.each)
    test = rows(chosen.folder / "test.csv", kinds, 40)
    task = claims.task_of({"task": {"name": "public"}, "types": {kind: {"tightens": True} for kind in kinds}})
    print(f"{len(kinds)} kinds, {len(train)} texts to train on, {len(test)} to read")
    theirs = peer(train, test)
    mine = asyncio.run(ours(task, train, test, None, "ours: heads"))
    print(f"{'':34} reading costs {mine / max(theirs, 1e-9):.0f} times the peer's")
    if chosen.vectors:
        from pilothouse.app.models.packs import open_encoder

        asyncio.run(ours(task, train, test, open_encoder(), "ours: heads + sentence vectors"))


if __name__ == "__main__":
    main()
