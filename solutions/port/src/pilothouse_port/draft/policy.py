"""Owns drafting policy rows: sentences of the document matched against about forty multilingual templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pilothouse_port.draft.words import data, plain

__all__ = ["DraftedPolicy", "Sentence", "draft_policy", "sentences_of"]

VERDICTS: Final = ("RELEASE", "HOLD", "ESCALATE")
_NUMBERED = re.compile(r"^\s*(\d+(?:\.\d+)+)\.?\s+(.*\S)\s*$")
_REASON = re.compile(
    r"\b(?:reason|grund|reden|motif|motivo|code)\s+([A-Z0-9][\w\-./]*?)(?:\s*:|[.,;]?\s*$)", re.IGNORECASE
)
_MONEY = re.compile(r"(\d[\d.,]*)\s*(?:EUR|GBP|USD|PLN|CHF)")
_KINDS: Final = {
    "reefer": r"reefer|kuhlcontainer|koelcontainer|frigorifi",
    "tank": r"tankcontainer|\btank\b|citerne|cisterna",
    "open": r"open.?top|opentop|techo abierto|toit ouvert",
    "flat": r"flat|plateau|plataforma",
    "dry": r"standard|standaard|\bdry\b|seco|\bsec\b",
}
_DAYS: Final = {
    "mon": "monday|montag|maandag|lundi|lunes",
    "tue": "tuesday|dienstag|dinsdag|mardi|martes",
    "wed": "wednesday|mittwoch|woensdag|mercredi|miercoles",
    "thu": "thursday|donnerstag|donderdag|jeudi|jueves",
    "fri": "friday|freitag|vrijdag|vendredi|viernes",
    "sat": "saturday|samstag|zaterdag|samedi|sabado",
    "sun": "sunday|sonntag|zondag|dimanche|domingo",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One numbered sentence or table row, verbatim, with the verdict and reason word it states."""

    number: str
    quote: str
    verdict: str = ""
    reason: str = ""

    @property
    def bare(self) -> str:
        """For comparing: without verdict and reason word, lower case, no accents, one blank."""
        text = re.sub(r"\b(RELEASE|HOLD|ESCALATE)\b", " ", self.quote)
        return re.sub(r"\s+", " ", plain(text.replace(self.reason, " ") if self.reason else text))


@dataclass(slots=True, kw_only=True)
class DraftedPolicy:
    """Rows as mappings for YAML, and sentences that no template fits."""

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    order: list[str] = field(default_factory=lambda: list(VERDICTS))
    open: list[str] = field(default_factory=list[str])
    compares: set[str] = field(default_factory=set[str])


def sentences_of(document: str) -> Iterator[Sentence]:
    """Yield the numbered sentences and table rows of a policy document."""
    for line in document.splitlines():
        cells = (
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.lstrip().startswith("|")
            else []
        )
        if len(cells) >= 3 and re.fullmatch(r"\d+(\.\d+)+", cells[0]):
            yield _from_cells(cells)
            continue
        found = _NUMBERED.match(line)
        if found is not None:
            yield _from_line(found[1], found[2])


def _from_cells(cells: list[str]) -> Sentence:
    verdict = next((cell for cell in cells if cell in VERDICTS), "")
    rest = [cell for cell in cells[1:] if cell != verdict]
    quote = max(rest, key=len)
    reason = next((cell.strip("`[]") for cell in rest if cell != quote and " " not in cell), "")
    return Sentence(number=cells[0], quote=quote, verdict=verdict, reason=reason)


def _from_line(number: str, text: str) -> Sentence:
    verdicts = re.findall(r"\b(RELEASE|HOLD|ESCALATE)\b", text)
    tagged = re.match(r"\[([^\]]+)\]", text)
    named = _REASON.search(text)
    reason = tagged[1] if tagged else named[1] if named else ""
    return Sentence(number=number, quote=text, verdict=verdicts[-1] if verdicts else "", reason=reason)


def draft_policy(document: str) -> DraftedPolicy:
    """Return rows for every sentence that a template fits."""
    out = DraftedPolicy()
    later: list[Sentence] = []
    for sentence in sentences_of(document):
        ordered = re.findall(r"\b(RELEASE|HOLD|ESCALATE)\b", sentence.quote)
        if len(ordered) >= 3:
            out.order = list(dict.fromkeys(ordered)) if ordered[0] == "RELEASE" else out.order
            continue
        template = _template(sentence)
        if template is None or not sentence.verdict or not sentence.reason or _is_exception(sentence, out):
            later.append(sentence)
            continue
        out.rows.append(_row(sentence, template))
        if template["check"].startswith("compare:"):
            out.compares.add(template["check"].partition(":")[2])
    for sentence in later:
        if not _apply_later(sentence, out) and (sentence.verdict or _MONEY.search(sentence.quote)):
            out.open.append(f"{sentence.number}: no template fits {sentence.quote!r}")
    return out


def _template(sentence: Sentence) -> Mapping[str, Any] | None:
    bare = sentence.bare
    for template in data("sentences.toml")["row"]:
        if all(re.search(p, bare) for p in template["all"]) and not any(
            re.search(p, bare) for p in template.get("none", ())
        ):
            return template
    return None


def _is_exception(sentence: Sentence, out: DraftedPolicy) -> bool:
    """A sentence that speaks of another row's reason word, or of a day of the week, bends rules."""
    words = re.findall(r"[\w\-./]+", sentence.quote)
    named = {row["reason"] for row in out.rows} & {word.strip(".,:;") for word in words}
    return bool(named - {sentence.reason}) or _weekday(sentence.bare) is not None


def _row(sentence: Sentence, template: Mapping[str, Any]) -> dict[str, Any]:
    check, outcome = template["check"], template["outcome"]
    row: dict[str, Any] = {
        "check": check,
        "outcome": outcome,
        "verdict": sentence.verdict,
        "reason": sentence.reason,
        "quote": sentence.quote,
    }
    params = _params(check, outcome, sentence)
    return {**row, "params": params} if params else row


def _params(check: str, outcome: str, sentence: Sentence) -> dict[str, Any]:
    bare = sentence.bare
    percent = re.search(r"(\d+(?:[.,]\d+)?)\s*%", bare)
    days = re.search(r"(\d+)\s*(?:days|tage|dagen|jours|dias|derniers jours)", bare)
    count = re.search(r"(?:more than|mehr als|meer dan|plus de|mas de|by more than)\s*(\d+)", bare)
    match check, outcome:
        case "money", ("unpaid" | "credit_exceeded" | "unmatched_payment"):
            return _money_params(sentence, days)
        case "health", _:
            return {"chapters": re.findall(r"\b(\d{2})\b", bare)}
        case "fraud", "contact_changed":
            found = days or re.search(r"(\d+)", bare)
            return {"days": int(found[1])} if found else {}
        case "mandate", "out_of_scope":
            listed = re.search(r"\([^():]*:\s*([^)]*)\)", sentence.quote)
            return {"scope_words": [w.strip() for w in listed[1].split(",")]} if listed else {}
        case "damage", "coded":
            both = re.search(r"(minor or|leicht\w* (?:oder|und)|lichte of|legere ou|leve o|leves o)", bare)
            return {"codes": ["minor", "major"] if both else ["major"]}
        case "identity", "name_differs":
            return {"ignore_legal_form": bool(re.search(r"legal|rechtsform|rechtsvorm|juridi", bare))}
        case "gate", "mass_differs":
            return {"tolerance_percent": float(percent[1].replace(",", "."))} if percent else {}
        case "gate", "empty_outstanding":
            found = count or re.search(r"(\d+)", bare)
            return {"empties_allowed": int(found[1])} if found else {}
        case (("compare:packages" | "compare:weights"), _):
            if percent:
                return {"tolerance_percent": float(percent[1].replace(",", "."))}
            found = count or re.search(r"(\d+)", bare)
            return {"tolerance": int(found[1])} if found else {}
        case _:
            return {}


def _money_params(sentence: Sentence, days: re.Match[str] | None) -> dict[str, Any]:
    amount = _MONEY.search(sentence.quote)
    out: dict[str, Any] = {"tolerance": _number(amount[1])} if amount else {}
    return {**out, "cover_max_age_days": int(days[1])} if days else out


def _number(text: str) -> float | int:
    bare = re.sub(r"[.,](?=\d{3}\b)", "", text).replace(",", ".").strip(".")
    return float(bare) if "." in bare else int(bare)


def _apply_later(sentence: Sentence, out: DraftedPolicy) -> bool:
    return (
        _free_days(sentence, out)
        or _list_may_owe(sentence, out)
        or _no_release_at(sentence, out)
        or _kind_answers(sentence, out)
        or not sentence.verdict
    )


def _free_days(sentence: Sentence, out: DraftedPolicy) -> bool:
    bare = sentence.bare
    sizes = re.findall(
        r"(\d+)\s*(?:days|tage|dagen|jours|dias|para|pour|for|voor|fur)?\D{0,12}?\b(20|40|45)\b", bare
    )
    rows = [row for row in out.rows if row["check"] == "free_time"]
    if len(sizes) < 2 or not rows:
        return False
    working = re.search(r"working|arbeitstag|werktag|werkdag|ouvr|laborabl|habil", bare)
    rows[0]["params"] = {
        "free_days": {size: int(days) for days, size in sizes},
        "count": "working" if working else "calendar",
    }
    rows[0]["quote_of_params"] = sentence.quote
    return True


def _list_may_owe(sentence: Sentence, out: DraftedPolicy) -> bool:
    amount = _MONEY.search(sentence.quote)
    group = re.search(r"(?:list|liste|lijst|lista)\s+([A-Z0-9][\w\-]*)", sentence.quote, re.IGNORECASE)
    rows = [row for row in out.rows if row["check"] == "money" and "tolerance" in row.get("params", {})]
    if amount is None or group is None or not rows:
        return False
    twist = {
        "when": {"party.group": [group[1]]},
        "params": {"tolerance": _number(amount[1])},
        "quote": sentence.quote,
    }
    rows[0].setdefault("exceptions", []).append(twist)
    return True


def _weekday(bare: str) -> str | None:
    return next((day for day, words in _DAYS.items() if re.search(words, bare)), None)


def _kind(bare: str) -> str | None:
    return next((kind for kind, words in _KINDS.items() if re.search(words, bare)), None)


def _no_release_at(sentence: Sentence, out: DraftedPolicy) -> bool:
    day, clock = _weekday(sentence.bare), re.search(r"\b(\d{1,2})[:.h](\d{2})\b", sentence.bare)
    if day is None or not sentence.verdict or not sentence.reason:
        return False
    when: dict[str, Any] = {"weekday": [day]}
    kind = _kind(sentence.bare)
    if kind is not None:
        when = {"box.kind": [kind], **when}
    if clock is not None:
        when["after"] = [f"{int(clock[1]):02d}:{clock[2]}"]
    out.rows.append(
        {
            "check": "always",
            "outcome": "window",
            "verdict": sentence.verdict,
            "reason": sentence.reason,
            "quote": sentence.quote,
            "when": when,
        }
    )
    return True


def _kind_answers(sentence: Sentence, out: DraftedPolicy) -> bool:
    kind = _kind(sentence.bare)
    words = {word.strip(".,:;()[]") for word in sentence.quote.split()}
    rows = [row for row in out.rows if row["reason"] in words]
    if kind is None or not rows or not sentence.verdict:
        return False
    twist = {"when": {"box.kind": [kind]}, "verdict": sentence.verdict, "quote": sentence.quote}
    rows[0].setdefault("exceptions", []).append(twist)
    return True
