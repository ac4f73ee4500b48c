"""Owns the policy that a world is dealt: rows, words, parameters and exceptions, as structure, not as text.

`policy_writer` says it in a language; `oracle` computes truth from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

__all__ = [
    "ROWS",
    "TEXT_OUTCOMES",
    "VERDICTS",
    "Parameters",
    "Policy",
    "Rule",
    "Special",
    "Verdict",
    "deal_policy",
]

Verdict: TypeAlias = Literal["RELEASE", "HOLD", "ESCALATE"]
VERDICTS: Final[tuple[Verdict, ...]] = ("RELEASE", "HOLD", "ESCALATE")

# (check, outcome): verdicts a port may deal, and whether a port may leave the row out
ROWS: Final[dict[tuple[str, str], tuple[str, bool]]] = {
    ("title", "not_surrendered"): ("H", False),
    ("title", "surrender_withdrawn"): ("E", False),
    ("money", "unpaid"): ("H", False),
    ("money", "credit_exceeded"): ("HE", False),
    ("money", "unmatched_payment"): ("HE", False),
    ("money", "dispute"): ("HE", True),
    ("customs", "not_declared"): ("H", False),
    ("customs", "held"): ("HE", False),
    ("customs", "inspection"): ("HE", False),
    ("customs", "cancelled"): ("HE", False),
    ("customs", "refused"): ("E", False),
    ("health", "pending"): ("H", True),
    ("health", "refused"): ("E", False),
    ("health", "expired"): ("HE", True),
    ("dangerous", "undeclared"): ("HE", False),
    ("dangerous", "class_missing"): ("HE", True),
    ("dangerous", "hazard_in_description"): ("E", False),
    ("seal", "mismatch"): ("HE", True),
    ("seal", "cut"): ("E", False),
    ("damage", "coded"): ("HE", True),
    ("damage", "remarked"): ("HE", True),
    ("identity", "unknown"): ("HE", False),
    ("identity", "name_differs"): ("HE", True),
    ("mandate", "missing"): ("HE", False),
    ("mandate", "revoked"): ("E", False),
    ("mandate", "out_of_scope"): ("HE", True),
    ("mandate", "expired"): ("HE", True),
    ("fraud", "contact_changed"): ("E", True),
    ("fraud", "suspicious_text"): ("E", False),
    ("stop", "listed"): ("HE", False),
    ("stop", "instructed"): ("HE", False),
    ("order", "missing"): ("H", False),
    ("order", "expired"): ("H", False),
    ("order", "rejected"): ("HE", True),
    ("free_time", "demurrage_due"): ("HE", True),
    ("gate", "no_slot"): ("H", True),
    ("gate", "mass_missing"): ("H", True),
    ("gate", "mass_differs"): ("HE", True),
    ("gate", "empty_outstanding"): ("HE", True),
    ("compare:weights", "differs"): ("HE", True),
    ("compare:packages", "differs"): ("HE", True),
}

TEXT_OUTCOMES: Final = (
    ("money", "dispute"),
    ("dangerous", "hazard_in_description"),
    ("seal", "cut"),
    ("damage", "remarked"),
    ("fraud", "suspicious_text"),
    ("stop", "instructed"),
)

_FOOD_CHAPTERS: Final = ("02", "03", "04", "07", "08", "09", "10", "16", "44")
_SCOPES: Final = ("release", "all", "customs", "transport", "invoices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: this outcome of this check gives this verdict and is called by this word."""

    check: str
    outcome: str
    verdict: Verdict
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Special:
    """An exception.

    ``group_tolerance``: a list may owe more; ``verdict_for_kind``: a row is harder for a kind of box;
    ``reefer_friday``: nobody releases a reefer on Friday from that hour on.
    """

    kind: Literal["group_tolerance", "verdict_for_kind", "reefer_friday"]
    check: str
    outcome: str
    verdict: Verdict
    word: str = ""
    group: str = ""
    amount: int = 0
    box_kind: str = ""
    hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The numbers and lists of a policy."""

    tolerance: int
    cover_max_age_days: int
    free_days: dict[int, int]
    counting: Literal["calendar", "working"]
    mass_percent: int
    weight_percent: int
    package_count: int
    scopes: tuple[str, ...]
    chapters: tuple[str, ...]
    contact_days: int
    empties: int
    minor_damage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything a port's POLICY.md says, as data."""

    language: str
    word_style: Literal["words", "numbers", "letters"]
    rules: tuple[Rule, ...]
    specials: tuple[Special, ...]
    parameters: Parameters
    form: int

    def rule(self, check: str, outcome: str) -> Rule | None:
        """Return the row of this outcome, or ``None`` where the port does not ask for it."""
        return next((r for r in self.rules if (r.check, r.outcome) == (check, outcome)), None)


def deal_policy(rng: Random, *, language: str, short_words: dict[str, str]) -> Policy:
    """Deal one port's policy.

    Args:
        rng: The policy's own stream.
        language: Language of the document.
        short_words: ``check.outcome`` -> the language's short word for it.
    """
    style = rng.choice(("words", "numbers", "letters"))
    rows = _rows(rng)
    words = _reason_words(rng, rows, style, short_words)
    rules = tuple(
        Rule(check=check, outcome=outcome, verdict=verdict, word=words[check, outcome])
        for (check, outcome), verdict in rows.items()
    )
    parameters = _parameters(rng)
    specials = _specials(rng, rules, parameters, words)
    return Policy(
        language=language,
        word_style=style,
        rules=rules,
        specials=specials,
        parameters=parameters,
        form=rng.randrange(3),
    )


def _rows(rng: Random) -> dict[tuple[str, str], Verdict]:
    optional = [key for key, (_, may_miss) in ROWS.items() if may_miss]
    text = [key for key in optional if key in TEXT_OUTCOMES]
    left_out = set(rng.sample([key for key in optional if key not in text], rng.randint(3, 6)))
    if rng.random() < 0.4:
        left_out.add(rng.choice(text))
    checks = list(dict.fromkeys(check for check, _ in ROWS))
    rng.shuffle(checks)
    named: dict[str, Verdict] = {"H": "HOLD", "E": "ESCALATE"}
    return {
        (check, outcome): named[rng.choice(ROWS[check, outcome][0])]
        for wanted in checks
        for check, outcome in ROWS
        if check == wanted and (check, outcome) not in left_out
    }


def _reason_words(
    rng: Random, rows: dict[tuple[str, str], Verdict], style: str, short: dict[str, str]
) -> dict[tuple[str, str], str]:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    series = list(dict.fromkeys(check for check, _ in rows))
    first = rng.choice((10, 100, 200))
    prefix = rng.choice(("R", "G", "X", "RC-", "P"))
    words: dict[tuple[str, str], str] = {}
    for at, check in enumerate(series):
        for n, key in enumerate([key for key in rows if key[0] == check], start=1):
            words[key] = {
                "words": short[f"{key[0]}.{key[1]}"],
                "numbers": f"{prefix}{first + at * 10 + n}",
                "letters": f"{letters[at]}{n}",
            }[style]
    words["always", "reefer_friday"] = {
        "words": short["always.reefer_friday"],
        "numbers": f"{prefix}{first + len(series) * 10 + 1}",
        "letters": f"{letters[len(series)]}1",
    }[style]
    return words


def _parameters(rng: Random) -> Parameters:
    base = rng.randint(5, 8)
    return Parameters(
        tolerance=rng.choice((0, 10, 25, 50, 75)),
        cover_max_age_days=rng.choice((8, 10, 14)),
        free_days={20: base, 40: base + rng.randint(0, 2), 45: base + rng.randint(1, 3)},
        counting=rng.choice(("calendar", "working")),
        mass_percent=rng.choice((2, 3, 5, 8)),
        weight_percent=rng.choice((1, 2, 3, 5)),
        package_count=rng.choice((0, 0, 1)),
        scopes=("all", "release") if rng.random() < 0.6 else ("release",),
        chapters=tuple(sorted(rng.sample(_FOOD_CHAPTERS, rng.randint(3, 5)))),
        contact_days=rng.choice((14, 21, 30, 45)),
        empties=rng.choice((3, 5, 8)),
        minor_damage=rng.random() < 0.3,
    )


def _specials(
    rng: Random, rules: tuple[Rule, ...], parameters: Parameters, words: dict[tuple[str, str], str]
) -> tuple[Special, ...]:
    out: list[Special] = []
    if rng.random() < 0.7:
        amount = parameters.tolerance + rng.choice((250, 500, 1000))
        out.append(
            Special(
                kind="group_tolerance",
                check="money",
                outcome="unpaid",
                verdict="RELEASE",
                group=rng.choice(("A", "K1", "VIP", "GOLD")),
                amount=amount,
            )
        )
    harder = [r for r in rules if r.verdict == "HOLD" and r.check in {"customs", "gate", "health", "damage"}]
    if harder and rng.random() < 0.7:
        rule = rng.choice(harder)
        out.append(
            Special(
                kind="verdict_for_kind",
                check=rule.check,
                outcome=rule.outcome,
                verdict="ESCALATE",
                word=rule.word,
                box_kind=rng.choice(("reefer", "tank")),
            )
        )
    if not out or rng.random() < 0.5:
        out.append(
            Special(
                kind="reefer_friday",
                check="always",
                outcome="reefer_friday",
                verdict="ESCALATE",
                word=words["always", "reefer_friday"],
                box_kind="reefer",
                hour=rng.choice((14, 15, 16)),
            )
        )
    return tuple(out)
