"""Owns how a mail is laid out: a sentence plain, in a table, quoted, forwarded, in a form, between others.

The layouts of the two halves share no arrangement, so that a reader that learned where sentences stand in one
has not learned it for the other. The sentence travels between two marks, which the writer takes out again.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from pilothouse_port.world.wording.book import Half

__all__ = ["CLOSE", "LAYOUTS", "OPEN", "Layout", "Parts"]

OPEN: Final = "\x02"
CLOSE: Final = "\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a mail is put together from.

    ``labels`` are the language's words for box, bill, vessel, note, from, date, subject, wrote, forwarded.
    """

    greeting: str
    closing: str
    sentence: str
    before: str
    after: str
    other: str
    fyi: str
    desk: str
    disclaimer: str
    labels: tuple[str, ...]
    signature: str
    slots: Mapping[str, str]


Layout: TypeAlias = Callable[[Random, Parts], list[str]]


def _end(rng: Random, p: Parts) -> list[str]:
    small = ["", "-- ", p.disclaimer] if rng.random() < 0.4 else []
    return ["", p.closing, p.signature, *small]


def _plain(rng: Random, p: Parts) -> list[str]:
    return [p.greeting, "", p.sentence, *_end(rng, p)]


def _context(rng: Random, p: Parts) -> list[str]:
    return [p.greeting, "", f"{p.before} {p.sentence} {p.after}", *_end(rng, p)]


def _terse(rng: Random, p: Parts) -> list[str]:
    del rng
    return [p.sentence, p.signature.splitlines()[0]]


def _paragraphs(rng: Random, p: Parts) -> list[str]:
    return [p.greeting, "", p.before, "", p.sentence, "", p.after, *_end(rng, p)]


def _thread(rng: Random, p: Parts) -> list[str]:
    head = f"desk@agency.example {p.labels[7]}:"
    return [p.greeting, "", p.sentence, *_end(rng, p), "", head, f"> {p.desk}"]


def _forward(rng: Random, p: Parts) -> list[str]:
    mail, date = p.slots.get("sender", ""), p.slots.get("date", "")
    head = [f"---------- {p.labels[8]} ----------", f"{p.labels[4]}: {mail}", f"{p.labels[5]}: {date}"]
    return [p.greeting, "", p.fyi, "", p.signature, "", *head, "", p.sentence, *_end(rng, p)]


def _table(rng: Random, p: Parts) -> list[str]:
    rows = [
        f"{p.labels[0]}: {p.slots['box']}",
        f"{p.labels[1]}: {p.slots['bl']}",
        f"{p.labels[2]}: {p.slots['ship']}",
        f"{p.labels[3]}: {p.sentence}",
    ]
    return [p.greeting, "", p.before, "", *rows, *_end(rng, p)]


def _two_boxes(rng: Random, p: Parts) -> list[str]:
    pair = [p.other, p.sentence] if rng.random() < 0.5 else [p.sentence, p.other]
    return [p.greeting, "", " ".join(pair), *_end(rng, p)]


def _letterhead(rng: Random, p: Parts) -> list[str]:
    del rng
    firm = p.signature.splitlines()[-1]
    head = [firm.upper(), "=" * len(firm), f"{p.labels[5]}: {p.slots.get('date', '')}"]
    ours = f"{p.labels[6]}: {p.slots['bl']} / {p.slots['ship']}"
    return [
        *head,
        ours,
        "",
        p.greeting,
        "",
        p.before,
        p.sentence,
        p.after,
        "",
        p.closing,
        p.signature,
        "",
        p.disclaimer,
    ]


def _chatty(rng: Random, p: Parts) -> list[str]:
    name = p.signature.splitlines()[0].split(" ")[-1]
    return [f"{p.before} {p.sentence}", rng.choice((p.after, "")), name]


def _ticket(rng: Random, p: Parts) -> list[str]:
    number = f"#{rng.randrange(10000, 99999)}"
    fields = [
        f"{p.labels[6]} {number}",
        f"{p.labels[4]}\t{p.signature.splitlines()[-1]}",
        f"{p.labels[1]}\t{p.slots['bl']}",
        f"{p.labels[0]}\t{p.slots['box']}",
        f"{p.labels[3]}\t{p.sentence}",
    ]
    return [*fields, "", p.disclaimer]


def _outlook(rng: Random, p: Parts) -> list[str]:
    mail, date = p.slots.get("sender", ""), p.slots.get("date", "")
    head = [
        "_" * 32,
        f"{p.labels[4]}: {p.signature.splitlines()[0]} <{mail}>",
        f"{p.labels[5]}: {date}",
        f"{p.labels[6]}: {p.slots['box']}",
    ]
    return [p.fyi, "", *head, "", p.greeting, p.sentence, *_end(rng, p)]


def _inline(rng: Random, p: Parts) -> list[str]:
    asked = textwrap.wrap(p.desk, 64)
    return [*[f"| {line}" for line in asked], "", p.sentence, "", p.after, p.signature.splitlines()[0]]


def _wide_table(rng: Random, p: Parts) -> list[str]:
    del rng
    head = " | ".join((p.labels[0], p.labels[1], p.labels[3]))
    row = " | ".join((p.slots["box"], p.slots["bl"], p.sentence))
    return [p.before, "", head, "-" * len(head), row, "", p.closing, p.signature]


def _wrapped(rng: Random, p: Parts) -> list[str]:
    body = textwrap.wrap(
        f"{p.before} {p.sentence} {p.after}", 58, break_long_words=False, break_on_hyphens=False
    )
    return [p.greeting, *body, *_end(rng, p)]


def _bullets(rng: Random, p: Parts) -> list[str]:
    pair = [p.other, p.sentence] if rng.random() < 0.5 else [p.sentence, p.other]
    return [p.greeting, *[f"{n}) {line}" for n, line in enumerate(pair, start=1)], "", p.closing, p.signature]


LAYOUTS: Final[Mapping[Half, Mapping[str, Layout]]] = {
    "train": {
        "plain": _plain,
        "context": _context,
        "terse": _terse,
        "paragraphs": _paragraphs,
        "thread": _thread,
        "forward": _forward,
        "table": _table,
        "two_boxes": _two_boxes,
    },
    "unseen": {
        "letterhead": _letterhead,
        "chatty": _chatty,
        "ticket": _ticket,
        "outlook": _outlook,
        "inline": _inline,
        "wide_table": _wide_table,
        "wrapped": _wrapped,
        "bullets": _bullets,
    },
}
"""Layout by name for each half; the first of a half is the usual one."""
