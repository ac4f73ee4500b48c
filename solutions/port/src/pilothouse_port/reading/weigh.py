"""Owns when a sentence counts as read: rules that are met, a trained head's chance, how known its wording is.

Missing something that tightens is the expensive error, so a sentence is harmless only on evidence: a head
that knows
the wording, or a rule and a head that agree, or words that all were met and nothing near a threshold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilothouse.documents.claims import Judge, Judgement, Prepared, Task

__all__ = ["LIMITS", "STRICT", "Limits", "Weighed", "weigh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds on chances; set on validation worlds, never on those that are reported.

    Attributes:
        claim_known: A head alone claims from here on in a wording of its training, and
        claim_new: in a new one.
        deny: Below it, a head that knows the wording overrules a rule.
        doubt: Below it, a head in a new wording makes a rule's claim doubtful: open, not claimed.
        calm_known: A known wording below it is harmless, and
        calm_agreed: a new one that a harmless rule explains, and
        calm_new: a new one that no rule explains, if enough of its words
        met: were met in training.
        least: Share of words met below which nothing is harmless, whatever explains it.
        taken_back: From here on a head that says stop makes a withdrawal doubtful.
    """

    claim_known: float = 0.5
    claim_new: float = 0.6
    deny: float = 0.03
    doubt: float = 0.02
    calm_known: float = 0.08
    calm_agreed: float = 0.08
    calm_new: float = 0.04
    met: float = 0.6
    least: float = 0.34
    taken_back: float = 0.5


LIMITS: Final = Limits()
STRICT: Final = Limits(calm_known=0.01, calm_agreed=0.02, calm_new=0.005)
"""For languages whose misses were not counted, and for what somebody hands on: little is harmless there."""
COUNTED: Final = frozenset(("en", "de", "fr", "es", "nl"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What one sentence came to.

    Attributes:
        claims: Type, chance, whether sure, and who says so.
        open: Types that stay possible.
        why: Why they do.
    """

    start: int
    end: int
    claims: tuple[tuple[str, float, bool, str], ...] = ()
    open: tuple[str, ...] = ()
    why: str = ""


def weigh(
    prepared: Prepared, task: Task, judge: Judge | None, types: Sequence[str], *, limits: Limits = LIMITS
) -> list[Weighed]:
    """Return what each sentence of a text comes to.

    Args:
        prepared: The text, cut and marked.
        task: Whose rules were met.
        judge: A trained head, or None: rules alone.
        types: Those that tighten.
        limits: Thresholds.
    """
    judged = judge.judge(prepared.marked, {}) if judge is not None else [None] * len(prepared.marked)
    alerts = {one.name for one in task.concepts if one.alert}
    out: list[Weighed] = []
    for number, (marked, opinion) in enumerate(zip(prepared.marked, judged, strict=True)):
        sentence = marked.sentence
        met = [one for one in prepared.met if one.sentence == number]
        rules = {
            one.rule.type: (one.rule.p, one.use == "fill", one.why) for one in reversed(met) if one.rule.type
        }
        calm = {
            name
            for one in met
            if not one.rule.type and one.use == "fill"
            for element in one.rule.all
            for name in [a.name for a in element]
        }
        rung = {name for name, *_ in marked.concepts} & alerts
        explained = bool(calm) and rung <= calm
        silent = sentence.kind in ("bare", "courtesy") or _empty(sentence.text)
        if silent and not rules and not rung and not _turned(sentence.text, rung):
            out.append(Weighed(start=sentence.start, end=sentence.end))
            continue
        claims, doubtful = _claims(rules, opinion, limits)
        left, why = (), ""
        if not any(name in types for name, *_ in claims):
            strange = sentence.language not in task.languages
            back = any(name == "stop_withdrawn" for name, *_ in claims)
            left, why = _left(
                opinion,
                [name for name in types if not (back and name == "stop")],
                explained=explained and not strange,
                alerted=bool(rung - calm) and not claims,
                limits=limits if sentence.language in COUNTED else STRICT,
                spoken=bool(claims),
            )
            if _turned(sentence.text, rung):
                left, why = tuple(types), "one half may take back the other"
            left = tuple(dict.fromkeys((*doubtful, *left)))
        out.append(
            Weighed(
                start=sentence.start,
                end=sentence.end,
                claims=tuple(claims),
                open=left,
                why=why or ("doubtful" if left else ""),
            )
        )
    return out


_WORD = re.compile(r"[^\W\d_]{2,}")


_BUT = re.compile(
    r"\b(?:but|except\w*|apart|besides|other than|only|otherwise|unless|until|however|although|though|instead"
    r"|aber|au(?:ß|ss)er|jedoch|nur|sondern|sonst|allerdings|hingegen|erst|bis"
    r"|maar|behalve|alleen|echter|tenzij|verder|totdat"
    r"|mais|sauf|hormis|excepté|cependant|seulement|sinon|jusqu\w*|en revanche"
    r"|pero|salvo|excepto|sino|sólo|solo|menos|hasta|aunque"
    r"|ma|tranne|eccetto|però|finché|mas|exceto|porém|até|ale|oprócz|tylko|dopóki)\b",
    re.IGNORECASE,
)
"""A half sentence that takes back what the other half says."""
_NOT_THAT = re.compile(
    r"\b(?:not|nicht|niet|pas|no|non|não|nie)\s+(?:\w+\s+)?(?=[A-Z]{3}[UJZ][\s-]?\d)", re.IGNORECASE
)


def _turned(text: str, rung: set[str]) -> bool:
    """Whether a sentence that claims nothing may say no all the same."""
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) <= 4 and any(word in _REFUSALS for word in words):
        return True
    return bool(_NOT_THAT.search(text)) or (bool(rung) and bool(_BUT.search(text)))


def _empty(text: str) -> bool:
    """Whether nothing but names or a number stands there: a signature, a reference."""
    words = [
        word for word in _WORD.findall(re.sub(r"\S*\d\S*", " ", text)) if not word.isupper() or len(word) > 4
    ]
    names = sum(word[0].isupper() for word in words)
    return not words or (
        len(words) <= 9 and names == len(words) and text[-1:] not in "?!." and not text.isupper()
    )


_REFUSALS: Final = frozenset(
    (
        "no",
        "not",
        "nein",
        "nicht",
        "nie",
        "niet",
        "nee",
        "non",
        "não",
        "nunca",
        "stop",
        "halt",
        "wait",
        "hold",
    )
)


def _claims(
    rules: dict[str, tuple[float, bool, str]], opinion: Judgement | None, limits: Limits
) -> tuple[list[tuple[str, float, bool, str]], list[str]]:
    claims: list[tuple[str, float, bool, str]] = []
    doubtful: list[str] = []
    chances = {name: one.p for name, one in opinion.opinions.items()} if opinion is not None else {}
    known = opinion is not None and opinion.layout == "known"
    taken_back = "stop_withdrawn" in rules and rules["stop_withdrawn"][1] and "stop" not in rules
    for name in dict.fromkeys((*rules, *chances)):
        p = chances.get(name)
        rule = rules.get(name)
        if name == "stop_withdrawn":
            if rule is not None:  # clerks write no reason for it, so no head has learnt it
                claims.append((name, rule[0], rule[1], rule[2]))
            continue
        if name == "stop" and taken_back and p is not None:
            if p >= limits.taken_back:
                doubtful.append(name)
            continue
        if rule is not None:
            sure = rule[1]
            if p is not None and known and p < limits.deny:
                continue
            if p is not None and p < (limits.doubt if sure else 0.3):
                doubtful.append(name)
                continue
            if p is None and not sure:
                doubtful.append(name)
                continue
            claims.append((name, max(rule[0], p or 0.0), sure, rule[2]))
        elif p is not None and p >= (limits.claim_known if known else limits.claim_new):
            claims.append((name, p, p >= 0.9, "head"))
    if chances and len(claims) > 1:
        best = max(chances.get(name, 0.0) for name, *_ in claims)
        if best >= 0.5:  # two things in one sentence are rare; the head says which it is
            claims = [o for o in claims if o[0] == "stop_withdrawn" or chances.get(o[0], 0.0) >= best * 0.15]
    return claims, doubtful


def _left(
    opinion: Judgement | None,
    types: Sequence[str],
    *,
    explained: bool,
    alerted: bool,
    limits: Limits,
    spoken: bool,
) -> tuple[tuple[str, ...], str]:
    """Return the types that nobody can exclude for a sentence that claims nothing."""
    every = tuple(types)
    if opinion is None or not opinion.opinions:
        if (explained and not alerted) or spoken:
            return (), ""
        return every, "no reader knows these words"
    chances = {name: opinion.opinions[name].p for name in types if name in opinion.opinions}
    if opinion.layout != "known" and opinion.met < limits.least:
        return every, "too many new words"
    if opinion.layout == "known":
        limit = limits.calm_known
    elif alerted:
        limit = limits.doubt
    elif explained or spoken:
        limit = limits.calm_agreed
    elif opinion.met >= limits.met:
        limit = limits.calm_new
    else:
        return every, "too many new words"
    return tuple(name for name, p in chances.items() if p >= limit), "unsure"
