"""Owns comparing decisions with an answer key."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pilothouse.kernel import DataError, UsageError
from pilothouse_port.cost import CLERKS, minutes
from pilothouse_port.score.stats import Rate

__all__ = ["Line", "Score", "read_lines", "score"]

Line = Mapping[str, Any]


def read_lines(path: Path) -> list[Line]:
    """Read a JSON-lines file.

    Raises:
        UsageError: ``port.file``.
        DataError: ``port.lines``: names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no file {str(path)!r}", code="port.file") from None
    out: list[Line] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value: object = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path.name} line {number} is not JSON: {error}", code="port.lines") from error
        if not isinstance(value, dict) or not {"container", "bl", "verdict"} <= cast("Line", value).keys():
            raise DataError(
                f"{path.name} line {number} needs container, bl and verdict: {line[:80]!r}", code="port.lines"
            )
        out.append(cast("Line", value))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a run is worth against an answer key.

    Attributes:
        right: Verdict equals the truth.
        wrong_advised: RELEASE advised though the truth is not.
        wrong_bound: The same for what may happen unattended.
        needless: Truth RELEASE, answer not; out of those whose truth is RELEASE.
        precision: Of the reasons given.
        recall: Of the reasons that are true.
        missing: Consignments of the key without a decision, counted as not right.
        lookups: Queries a box.
        minutes: Minutes a box by clerk, the assisted one with the price of false alarms and misses.
        confusion: ``truth->answer`` to count.
        valid: Evidence read again and found equal, if it was.
        supported: Evidence of the key that the decision cites, over right non-release verdicts.
    """

    n: int
    right: Rate
    wrong_advised: Rate
    wrong_bound: Rate
    needless: Rate
    precision: Rate
    recall: Rate
    supported: Rate
    missing: int
    lookups: float
    valid: Rate | None = None
    minutes: dict[str, float] = field(default_factory=dict[str, float])
    confusion: dict[str, int] = field(default_factory=dict[str, int])
    reasons_missed: dict[str, int] = field(default_factory=dict[str, int])
    reasons_extra: dict[str, int] = field(default_factory=dict[str, int])

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        rates = (
            "right",
            "wrong_advised",
            "wrong_bound",
            "needless",
            "precision",
            "recall",
            "supported",
        )
        if self.valid is not None:
            rates = (*rates, "valid")
        plain = ("n", "missing", "lookups", "minutes", "confusion", "reasons_missed", "reasons_extra")
        out: dict[str, Any] = {name: getattr(self, name) for name in plain}
        return {**out, **{name: getattr(self, name).to_json() for name in rates}}


def _id(line: Line) -> tuple[str, str]:
    return str(line["container"]), str(line["bl"])


def _reasons(line: Line) -> Counter[tuple[str, str]]:
    return Counter({(str(r["check"]), str(r["code"])): 1 for r in line.get("reasons", ())})


def score(decisions: Sequence[Line], key: Sequence[Line], *, valid: Rate | None = None) -> Score:
    """Return the score of decisions against a key; both are read with :func:`read_lines`.

    Raises:
        DataError: ``port.lines``: a consignment is decided twice, or the key is empty.
    """
    answers = {_id(line): line for line in decisions}
    if len(answers) != len(decisions):
        raise DataError("a consignment is decided twice in the decisions", code="port.lines")
    if not key:
        raise DataError("the answer key is empty", code="port.lines")
    pairs = [(answers.get(_id(truth)), truth) for truth in key]
    n = len(pairs)
    blocked = [answer for answer, truth in pairs if truth["verdict"] != "RELEASE" and answer is not None]
    free = [answer for answer, truth in pairs if truth["verdict"] == "RELEASE"]
    given, true, both, missed, extra = _compare_reasons(pairs)
    confusion = Counter(
        f"{truth['verdict']}->{answer['verdict'] if answer else 'none'}" for answer, truth in pairs
    )
    return Score(
        n=n,
        right=Rate(hits=sum(a is not None and a["verdict"] == t["verdict"] for a, t in pairs), n=n),
        wrong_advised=Rate(hits=sum(a["verdict"] == "RELEASE" for a in blocked), n=n),
        wrong_bound=Rate(hits=sum(a.get("bound") == "RELEASE" for a in blocked), n=n),
        needless=Rate(hits=sum(a is None or a["verdict"] != "RELEASE" for a in free), n=len(free)),
        precision=Rate(hits=both, n=given),
        recall=Rate(hits=both, n=true),
        supported=_supported(pairs),
        missing=sum(answer is None for answer, _ in pairs),
        lookups=round(sum(float(a.get("lookups", 0)) for a, _ in pairs if a) / n, 4),
        valid=valid,
        minutes=_minutes(pairs),
        confusion=dict(sorted(confusion.items())),
        reasons_missed=_named(missed),
        reasons_extra=_named(extra),
    )


def _named(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{check} {code}": count for (check, code), count in counts.most_common(12)}


Pairs = Sequence[tuple[Line | None, Line]]


def _compare_reasons(
    pairs: Pairs,
) -> tuple[int, int, int, Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    given = true = both = 0
    missed: Counter[tuple[str, str]] = Counter()
    extra: Counter[tuple[str, str]] = Counter()
    for answer, truth in pairs:
        ours, theirs = _reasons(answer or {}), _reasons(truth)
        given += ours.total()
        true += theirs.total()
        both += (ours & theirs).total()
        missed.update(theirs - ours)
        extra.update(ours - theirs)
    return given, true, both, missed, extra


def _supported(pairs: Pairs) -> Rate:
    """Count right blocks that cite at least one value the key names, by system, object and field."""
    hits = n = 0
    for answer, truth in pairs:
        if answer is None or truth["verdict"] == "RELEASE" or answer["verdict"] != truth["verdict"]:
            continue
        wanted = {_place(item) for item in truth.get("evidence", ())}
        if not wanted or truth.get("text_only"):
            continue
        n += 1
        hits += bool(wanted & {_place(item) for item in answer.get("evidence", ())})
    return Rate(hits=hits, n=n)


def _place(item: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(item.get("system")), str(item.get("object")), str(item.get("field"))


def _minutes(pairs: Pairs) -> dict[str, float]:
    """Average minutes by clerk; the assisted one pays twice the manual handling for each exception missed."""
    logged = [(a, t) for a, t in pairs if a is not None and a.get("actions")]
    if not logged:
        return {}
    out = {clerk: _mean(minutes(a["actions"][clerk]) for a, _ in logged) for clerk in CLERKS}
    missed = sum(
        2 * minutes(a["actions"]["competent"])
        for a, t in logged
        if a["verdict"] == "RELEASE" and t["verdict"] != "RELEASE"
    )
    out["assisted"] = _mean(minutes(a["actions"]["assisted"]) for a, _ in logged) + missed / len(logged)
    out["saved_share"] = 1 - out["assisted"] / out["competent"] if out["competent"] else 0.0
    return {name: round(value, 3) for name, value in out.items()}


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
