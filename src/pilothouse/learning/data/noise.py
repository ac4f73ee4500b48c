"""Owns doubt about labels: which are outvoted by the same wording, and which sentence carries a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.learning.data.wordings import Reading, Wordings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.learning.fitting import Crossed, Sheet

__all__ = ["believed", "carried_by", "noise_of", "settled", "wrong_share"]

ENOUGH = 5
"""Texts of one wording that may outvote a label."""
SHOWN = 50
NEAR = 1.0
"""Scores so near to the best of a text may carry its claim too."""
RARE = 0.06
LIKELY, UNLIKELY = 0.9, 0.05
"""Chances from which "claims nothing" is contradicted, and below which "claims it" is."""
MANY_SAY = 3
"""Texts of one wording that heads do not outvote."""
MANY, USUAL, MOST_NOISE = 100, 0.03, 0.1


def settled(reading: Reading, wordings: Mapping[str, Wordings], types: Sequence[str]) -> frozenset[str]:
    """Return what a text claims; its label is outvoted only by texts of the same wordings."""
    found: set[str] = set()
    for type_ in types:
        labelled = type_ in reading.example.labels
        asked = [wordings[name] for name in reading.said.values() if name in wordings]
        often = [one for one in asked if one.asked[type_] >= ENOUGH]
        if labelled and len(often) == len(reading.said) and not any(one.claims(type_) for one in often):
            continue
        outvoted = any(one.share(type_) > 0.7 for one in often)
        if labelled or outvoted:
            found.add(type_)
    return frozenset(found)


def wrong_share(wordings: Mapping[str, Wordings]) -> float:
    """Return the share of labels "claims it" that are wrong, as far as wordings that come often tell.

    Votes for a type on wordings that most texts deny it are wrong labels; boilerplate around a claim is not
    counted, where votes for it come from every type alike. Too few votes: the usual share of weak labels.
    """
    wrong = right = 0
    for one in wordings.values():
        for type_, asked in one.asked.items():
            if asked < ENOUGH or not one.votes[type_]:
                continue
            if one.claims(type_):
                right += one.votes[type_]
            elif len([t for t in one.asked if one.votes[t]]) == 1 or one.share(type_) < RARE:
                wrong += one.votes[type_]
    return min(MOST_NOISE, wrong / (wrong + right)) if wrong + right >= MANY else USUAL


def noise_of(readings: Sequence[Reading], wordings: Mapping[str, Wordings]) -> dict[str, Any]:
    """Return the share of outvoted votes among wordings that came often, and the first of them to look at."""
    votes = minority = 0
    for one in wordings.values():
        for type_, asked in one.asked.items():
            for_it = one.votes[type_]
            if asked >= ENOUGH and for_it > 0:
                votes += asked
                minority += min(for_it, asked - for_it)
    shown: list[dict[str, str]] = []
    for reading in readings:
        types = sorted(
            {t for name in reading.said.values() if name in wordings for t in wordings[name].asked}
        )
        truth = settled(reading, wordings, types)
        for type_ in sorted(truth ^ (reading.example.labels & set(types))):
            if len(shown) < SHOWN:
                said = "missing" if type_ in truth else "too much"
                shown.append({"example": reading.example.id, "type": type_, "label": said})
    rate = round(minority / votes, 4) if votes else 0.0
    return {"rate": rate, "wrong": round(wrong_share(wordings), 4), "votes": votes, "look_at": shown}


def carried_by(
    readings: Sequence[Reading], sheet: Sheet, crossed: Crossed, types: Sequence[str]
) -> dict[tuple[int, str], frozenset[int]]:
    """Return, for texts labelled as a whole, the sentences that heads take for the carriers.

    Only where neither a quote nor a rule said so, and one sentence stands out.
    """
    places = {name: row for row, name in enumerate(sheet.names)}
    found: dict[tuple[int, str], frozenset[int]] = {}
    for index, reading in enumerate(readings):
        if len(reading.said) < 2 or reading.example.quotes:
            continue
        for type_ in reading.example.labels:
            ruled = any(m.rule.type == type_ and m.use == "fill" for m in reading.prepared.met)
            if ruled or type_ not in types:
                continue
            column = types.index(type_)
            rows = {n: places[s] for n, s in reading.said.items() if s in places}
            scored = {n: float(crossed.scores[row, column]) for n, row in rows.items()}
            best = max(scored.values(), default=0.0)
            chosen = frozenset(n for n, score in scored.items() if score >= best - NEAR)
            if scored and len(chosen) < len(reading.said):
                found[(index, type_)] = chosen
    return found


def believed(sheet: Sheet, crossed: Crossed) -> NDArray[np.float32]:
    """Return the sheet's weights, 0 where heads that never saw a wording contradict the label of few texts.

    Only for fitting; thresholds are proved on every label. Confident learning: Northcutt et al. 2021,
    arXiv 1911.00068.
    """
    import numpy as np

    p = 1.0 / (1.0 + np.exp(-np.clip(crossed.scores, -15, 15)))
    claims = sheet.truths >= 0.5
    against = (claims & (p < UNLIKELY)) | (~claims & (p > LIKELY))
    return np.where(against & (sheet.asked < MANY_SAY), np.float32(0), sheet.weights)
