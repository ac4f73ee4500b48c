"""Owns counting voices: people, not accounts or delegations, and every group by a person of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pilothouse.decisions.types import Approval, Quorum

__all__ = ["Counted", "count", "unmet"]

Members = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One person who said yes, however many accounts and delegations it took.

    Attributes:
        people: Everyone who stands behind this voice.
        groups: The groups it may speak for.
    """

    people: frozenset[str]
    groups: frozenset[str]


def count(
    quorum: Quorum, approvals: Sequence[Approval], *, members: Members | None = None
) -> tuple[Counted, ...]:
    """Return the voices that count.

    Two approvals that share a person (approver, acted for, or bound by a delegation in force) are one.

    Args:
        quorum: Whose voices are asked.
        approvals: Every verdict given; what is no *yes*, or was taken back, is left out.
        members: The groups somebody is in today; None goes by the groups noted with each approval.
    """
    voices: list[Counted] = []
    for approval in approvals:
        if approval.verdict != "approve" or approval.undone_at is not None:
            continue
        groups = frozenset(approval.groups if members is None else members(approval.approver))
        if not groups.isdisjoint(quorum.distinct_from) or approval.approver in quorum.distinct_from:
            continue
        voice = Counted(people=approval.people, groups=groups)
        apart = [one for one in voices if one.people.isdisjoint(voice.people)]
        same = [one for one in voices if not one.people.isdisjoint(voice.people)]
        voices = [*apart, _merged(voice, same)]
    return tuple(voices)


def unmet(quorum: Quorum, approvals: Sequence[Approval], *, members: Members | None = None) -> str | None:
    """Say what is missing until the quorum is met; None if nothing is."""
    voices = count(quorum, approvals, members=members)
    if len(voices) < quorum.needed:
        return f"{len(voices)} of {quorum.needed} people said yes"
    silent = _silent(quorum.groups, voices)
    return None if silent is None else f"nobody of their own has spoken for {silent!r}"


def _merged(voice: Counted, same: Sequence[Counted]) -> Counted:
    return Counted(
        people=voice.people.union(*(one.people for one in same)),
        groups=voice.groups.union(*(one.groups for one in same)),
    )


def _silent(groups: Sequence[str], voices: Sequence[Counted]) -> str | None:
    """Return a group for which no voice is left when each voice speaks for one group at most."""
    speaks: dict[int, str] = {}

    def find(group: str, asked: set[int]) -> bool:
        for number, voice in enumerate(voices):
            if number in asked or group not in voice.groups:
                continue
            asked.add(number)
            if number not in speaks or find(speaks[number], asked):
                speaks[number] = group
                return True
        return False

    return next((group for group in groups if not find(group, set())), None)
