"""Owns the keystroke-level model: what a box costs manual clerks and the assisted one, in logged actions.

Card, Moran and Newell's operators with published constants, the same for both sides. Minutes by this model
are an estimate; only a pilot with a stopwatch proves them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from pilothouse_port.types import Fact, Reading, Reason

__all__ = [
    "CLERKS",
    "READING_RANGE",
    "SECONDS",
    "Actions",
    "Clerk",
    "assisted",
    "manual",
    "minutes",
    "words_of",
]

Clerk = Literal["typed", "competent", "saved"]
Actions = dict[str, float]
CLERKS: Final[tuple[Clerk, ...]] = ("typed", "competent", "saved")
WORDS_A_MINUTE: Final = 238.0
READING_RANGE: Final = (175.0, 300.0)
SECONDS: Final[Mapping[str, float]] = {
    "K": 0.28,
    "C": 0.75,
    "P": 1.1,
    "B": 0.1,
    "H": 0.4,
    "M": 1.35,
    "W": 1.0,
}
"""Seconds an operator: keystroke, keystroke in a code, pointing, button, hand to mouse, thinking, waiting.

``R`` is words read, at 238 words a minute (175 to 300).
"""

WAIT_A_SCREEN: Final = 1.5
LETTERS_A_WORD: Final = 6
NOTICE_WORDS: Final = 60
TEMPLATE_WORDS: Final = 20
EVERY_NTH_CLEAN: Final = 10


def minutes(actions: Mapping[str, float], *, words_a_minute: float = WORDS_A_MINUTE) -> float:
    """Return the minutes that logged actions take."""
    seconds = sum(SECONDS[kind] * count for kind, count in actions.items() if kind != "R")
    return seconds / 60 + actions.get("R", 0) / words_a_minute


def words_of(text: str) -> int:
    """Count words."""
    return len(re.findall(r"\S+", text))


def _screens(readings: Iterable[Reading]) -> dict[tuple[str, str], int]:
    """Return (system, object) to the words a clerk reads there."""
    screens: dict[tuple[str, str], int] = {}
    for reading in readings:
        for item in reading.cited:
            origin = item.label.origin
            source = getattr(origin, "source", "")
            place = (source, str(getattr(origin, "object", "")))
            words = 2 + words_of(str(item.value)) if isinstance(reading, Fact) else 2
            screens[place] = screens.get(place, 0) + words
    return screens


def manual(
    clerk: Clerk, seen: Iterable[Reading], reasons: Iterable[Reason], *, key_length: int = 11
) -> Actions:
    """Return what one clerk does for a box without Pilothouse.

    Args:
        clerk: ``typed`` types every key and message; ``competent`` copies, pastes and uses templates;
            ``saved`` also has a saved query in every system.
        seen: The facts that decide, in the order of the checks.
        reasons: What blocks the box; empty on a clean one.
        key_length: Characters of a key.
    """
    out: Counter[str] = Counter()
    for words in _screens(seen).values():
        out.update(_open(clerk, key_length))
        out.update({"R": words, "M": 1, "W": WAIT_A_SCREEN})
    out["M"] += 2  # weigh it all up, then decide
    out.update({"H": 1, "P": 2, "B": 2, "C": key_length if clerk == "typed" else 0, "K": 4})
    for _ in reasons:
        out.update(_notice(clerk, key_length))
    return dict(out)


def _open(clerk: Clerk, key_length: int) -> Actions:
    """Bring up one system's screen for one key."""
    if clerk == "typed":
        return {"M": 1, "H": 2, "P": 2, "B": 2, "C": key_length, "K": 1}
    if clerk == "competent":
        return {"M": 1, "H": 1, "P": 2, "B": 2, "K": 5}
    return {"H": 1, "P": 1, "B": 1, "K": 3}


def _notice(clerk: Clerk, key_length: int) -> Actions:
    """Write and send one message about what blocks."""
    if clerk == "typed":
        typed = NOTICE_WORDS * LETTERS_A_WORD
        return {"M": 4, "H": 2, "P": 3, "B": 3, "K": typed, "C": 2 * key_length, "R": NOTICE_WORDS}
    typed = TEMPLATE_WORDS * LETTERS_A_WORD
    return {"M": 3, "H": 2, "P": 5, "B": 5, "K": typed + 12, "R": NOTICE_WORDS}


def assisted(
    *,
    shown_words: int,
    reasons: Iterable[Reason],
    unread_words: int = 0,
    draft_words: int = 0,
    number: int = 0,
) -> Actions:
    """Return what the clerk does with a pack.

    Args:
        shown_words: Words on the panel.
        reasons: What blocks; each has its evidence opened and its draft read.
        unread_words: Words of texts nobody read; the clerk reads them.
        draft_words: Words of the drafts.
        number: Which box of the batch; on every tenth clean one the evidence is opened too.
    """
    blocking = list(reasons)
    out: Counter[str] = Counter({"R": shown_words + unread_words + draft_words, "M": 1, "W": 0.5})
    if not blocking:
        out.update({"C": 4, "K": 2})
        if number % EVERY_NTH_CLEAN == 0:
            out.update({"K": 3, "M": 1, "R": 30})
        return dict(out)
    for reason in blocking:
        evidence = sum(
            2 + words_of(str(i.value)) for r in reason.evidence if isinstance(r, Fact) for i in r.cited
        )
        out.update({"K": 2, "M": 1, "R": evidence, "W": 0.5})
    out.update({"K": 2, "M": 1})
    return dict(out)
