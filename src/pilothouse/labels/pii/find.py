"""Owns the search: every rule over one text, the surest kinds first, references of the trade left alone."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator

from pilothouse.labels.pii import contact, credentials, identity, money
from pilothouse.labels.pii.types import Found, Recogniser, Rule
from pilothouse.labels.pii.visible import visible

__all__ = ["KINDS", "find"]

# Of two that overlap the first wins: a key is a key also where a part of it looks like a number.
_RULES: tuple[Rule, ...] = (*credentials.RULES[:-1], *contact.RULES[:3], *money.RULES[:1], *identity.RULES,
                            *money.RULES[1:], *contact.RULES[3:], credentials.RULES[-1])  # fmt: skip
KINDS: tuple[str, ...] = tuple(sorted({"private_key", *(rule.kind for rule in _RULES)}))
"""Every kind that :func:`find` knows."""

_NUMBERS = re.compile(r"\d(?:[ ./()-]{0,2}[0-9A-Z]){4}")
_KEY = secrets.token_bytes(32)


def find(text: str, *, extra: Iterable[Recogniser] = ()) -> tuple[Found, ...]:
    """Return the personal data and credentials in ``text``, in order, never overlapping.

    Time grows with the length of the text only. Nothing is sent anywhere.

    Args:
        text: Any text.
        extra: More recognisers, such as names by a local model; what the rules find comes first.
    """
    taken, shown = bytearray(len(text)), bytearray(len(text))
    for start, end in visible(text):
        shown[start:end] = b"\1" * (end - start)
    hidden: list[tuple[str, int, int]] = []
    for kind, start, end in _candidates(text, extra):
        if taken.find(1, start, end) >= 0:
            continue
        if kind != "secret" and shown.find(0, start, end) < 0:
            continue
        taken[start:end] = b"\1" * (end - start)
        hidden.append((kind, start, end))
    hidden.sort(key=lambda one: one[1])
    return tuple(
        Found(kind=kind, start=start, end=end, text_hash=_hash(text[start:end]))
        for kind, start, end in hidden
    )


def _candidates(text: str, extra: Iterable[Recogniser]) -> Iterator[tuple[str, int, int]]:
    if "PRIVATE KEY" in text:
        for start, end in credentials.private_keys(text):
            yield "private_key", start, end
    for start, end in credentials.assigned(text):
        yield "secret", start, end
    numbers, lower = _NUMBERS.search(text) is not None, text.lower()
    for rule in _RULES:
        if rule.may(text, lower, numbers=numbers):
            for start, end in rule.spans(text):
                yield rule.kind, start, end
    for recogniser in extra:
        yield from recogniser.spans(text)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=_KEY, digest_size=16).hexdigest()
