"""Owns counting voices: whether those who said yes make up a quorum. People count, not accounts."""

from __future__ import annotations

from collections.abc import Sequence

from pilothouse.decisions import Approval, Quorum

__all__ = ["met"]


def met(quorum: Quorum, voices: Sequence[Approval]) -> bool:
    """Whether ``voices`` hold as many people as ``quorum`` asks for, and one of their own for each group.

    Two voices that share a person, as "B for A" and A do, count once; one voice speaks for one group.
    """
    barred = set(quorum.distinct_from)
    able = [voice for voice in voices if voice.verdict == "approve" and not barred & _names(voice)]
    return _spoken(tuple(quorum.groups), quorum.needed, tuple(able))


def _names(voice: Approval) -> set[str]:
    return {*voice.people, *voice.groups}


def _spoken(groups: tuple[str, ...], needed: int, voices: tuple[Approval, ...]) -> bool:
    """Try each voice for the first open group, then for the rest; the sets are small."""
    if needed == 0:
        return True
    for place, voice in enumerate(voices):
        if groups and groups[0] not in voice.groups:
            continue
        # Without a group to speak for, order does not matter: earlier voices were tried already.
        rest = voices[place + 1 :] if not groups else voices[:place] + voices[place + 1 :]
        others = tuple(other for other in rest if not other.people & voice.people)
        if _spoken(groups[1:], needed - 1, others):
            return True
    return False
