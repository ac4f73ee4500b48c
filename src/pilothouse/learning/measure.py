"""Owns measuring a reader on texts kept aside: by type, language and layout, one rung after another."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pilothouse.documents.claims import Item, Reader, Reading
from pilothouse.labels import Label
from pilothouse.learning.data.wordings import Reading as Cut
from pilothouse.learning.figures import area, brier, calibration_error, precision_at_coverage

__all__ = ["chances", "rungs"]

Figures = dict[str, Any]
Truth = frozenset[str]


async def rungs(
    readers: Mapping[str, Reader], cuts: Sequence[Cut], truths: Sequence[Truth], label: Label
) -> Figures:
    """Return the same figures for each reader, in order: the gain of each rung.

    Args:
        readers: By name of the rung added last.
        cuts: Texts kept aside.
        truths: What each claims.
        label: Of the texts.
    """
    found: Figures = {}
    for name, reader in readers.items():
        before = time.process_time()
        items = [Item(text=one.prepared.text, document=one.example.id, label=label) for one in cuts]
        readings = await reader.read_many(items)
        spent = time.process_time() - before
        found[name] = _figures(reader, cuts, readings, truths) | {
            "cpu_seconds_a_text": round(spent / max(1, len(cuts)), 5)
        }
    return found


def _figures(
    reader: Reader, cuts: Sequence[Cut], readings: Sequence[Reading], truths: Sequence[Truth]
) -> Figures:
    languages = [one.example.language or one.prepared.language or "?" for one in cuts]
    rows = list(zip(readings, truths, languages, strict=True))
    return {
        "texts": len(rows),
        "settled": _share(sum(not reading.unsettled for reading, *_ in rows), len(rows)),
        "by_type": {
            one.name: _of_type(one.name, ((r, t) for r, t, _ in rows))
            for one in reader.task.types
            if not one.mention
        },
        "by_language": {
            language: _all_types(reader, [(r, t) for r, t, spoken in rows if spoken == language])
            for language in sorted(set(languages))
        },
        "all": _all_types(reader, [(r, t) for r, t, _ in rows]),
    }


def _all_types(reader: Reader, rows: Sequence[tuple[Reading, Truth]]) -> Figures:
    """Counts over the types that tighten: the expensive error is ``silent``."""
    total: Counter[str] = Counter()
    for one in reader.task.types:
        if one.tightens and not one.mention:
            total.update(_counts(one.name, rows))
    return _said(total) | {
        "texts": len(rows),
        "settled": _share(sum(not reading.unsettled for reading, _ in rows), len(rows)),
    }


def _of_type(name: str, rows: Iterable[tuple[Reading, Truth]]) -> Figures:
    return _said(_counts(name, rows))


def _counts(name: str, rows: Iterable[tuple[Reading, Truth]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for reading, truth in rows:
        wanted, said = name in truth, bool(reading.of(name))
        filled = bool(reading.of(name, use="fill"))
        counts["wanted"] += wanted
        counts["said"] += said
        counts["right"] += said and wanted
        counts["filled"] += filled
        counts["filled_right"] += filled and wanted
        counts["open"] += not said and reading.open(name)
        counts["silent"] += wanted and not said and not reading.open(name)
    return counts


def _said(counts: Counter[str]) -> Figures:
    return {
        "wanted": counts["wanted"],
        "recall": _share(counts["right"], counts["wanted"]),
        "precision": _share(counts["right"], counts["said"]),
        "filled": counts["filled"],
        "fill_precision": _share(counts["filled_right"], counts["filled"]),
        "open": counts["open"],
        "silent": counts["silent"],
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def chances(cases: Mapping[str, Sequence[tuple[float, bool]]]) -> Figures:
    """Return how good the chances themselves are, by type and over all."""
    pooled = [case for listed in cases.values() for case in listed]
    return {"all": _quality(pooled), **{name: _quality(listed) for name, listed in cases.items()}}


def _quality(cases: Sequence[tuple[float, bool]]) -> Figures:
    said = [truth for p, truth in cases if p >= 0.5]
    wanted = sum(truth for _, truth in cases)
    return {
        "cases": len(cases),
        "wanted": wanted,
        "recall": _share(sum(said), wanted),
        "precision": _share(sum(said), len(said)),
        "calibration_error": round(calibration_error(cases), 4),
        "brier": round(brier(cases), 4),
        "risk_coverage_area": round(area(cases), 4),
        "right_at_coverage_80": round(precision_at_coverage(cases, 0.8), 4),
    }
