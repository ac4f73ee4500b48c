"""Owns choosing: the providers of a route in order, and why each of the others is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pilothouse.labels import Label
from pilothouse.models.calling.render import Mode, mode_for
from pilothouse.models.errors import ModelUsageError
from pilothouse.models.provider import Provider, Route
from pilothouse.models.types import ChatRequest

__all__ = ["Candidate", "Drop", "choose", "estimate", "route_for", "waits"]

DEFAULT = "*"
BYTES_A_TOKEN = 3.5
A_MESSAGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Why a provider was left out.

    Attributes:
        reason: ``unknown``, ``expired``, ``ability:json_schema``, ``context``, ``language``, ``label``,
            ``outside``, ``open`` and so on.
        wait: Seconds after which it may be tried again; None if waiting does not help.
    """

    provider: str
    reason: str
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A provider that may serve a request, and how it would be asked."""

    provider: Provider
    mode: Mode


def route_for(routes: Mapping[str, Route], task: str) -> Route:
    """Return the route of ``task``, or the one declared as ``*``.

    Raises:
        ModelUsageError: ``models.no_route``.
    """
    found = routes.get(task) or routes.get(DEFAULT)
    if found is None:
        known = ", ".join(sorted(routes)) or "none"
        raise ModelUsageError(
            f"there is no route for the task {task!r} (routes: {known}); add [models.routes.{task!r}] to "
            "pilothouse.toml",
            code="models.no_route",
        )
    return found


def choose(
    route: Route,
    request: ChatRequest,
    providers: Mapping[str, Provider],
    *,
    label: Label,
    prompt_bytes: int,
    today: date,
) -> tuple[list[Candidate], list[Drop]]:
    """Return who may serve ``request``, first choice first, and why the others may not.

    What only the moment decides (breaker, offline, where an address leads) is asked later.
    """
    chosen: list[Candidate] = []
    drops: list[Drop] = []
    for name in route.use:
        provider = providers.get(name)
        if provider is None:
            drops.append(Drop(provider=name, reason="unknown"))
            continue
        mode = mode_for(request, provider.abilities)
        reason = _against(route, request, provider, label, prompt_bytes, today)
        if reason or mode is None:
            drops.append(Drop(provider=name, reason=reason or "ability:json_schema"))
        else:
            chosen.append(Candidate(provider=provider, mode=mode))
    return chosen, drops


def _against(
    route: Route, request: ChatRequest, provider: Provider, label: Label, prompt_bytes: int, today: date
) -> str:
    """Return why not; empty if nothing is against it."""
    if provider.expires is not None and provider.expires < today:
        return "expired"
    if route.readers is not None and not label.readers <= route.readers:
        return "label"
    if request.language and route.languages and request.language not in route.languages:
        return "language"
    abilities = provider.abilities
    if request.language and abilities.languages and request.language not in abilities.languages:
        return "language"
    lacking = [name for name in sorted(route.needs) if not abilities.has(name)]
    if lacking:
        return f"ability:{lacking[0]}"
    wanted = estimate(prompt_bytes, len(request.messages)) + request.limits.output_tokens
    if abilities.max_context and wanted > abilities.max_context:
        return f"context:{wanted}>{abilities.max_context}"
    return ""


def estimate(prompt_bytes: int, messages: int) -> int:
    """Return the tokens a prompt of so many UTF-8 bytes takes, about."""
    return math.ceil(prompt_bytes / BYTES_A_TOKEN) + A_MESSAGE * messages


def waits(drops: Sequence[Drop]) -> list[float]:
    """Return after how many seconds those could be tried again that waiting helps."""
    return [drop.wait for drop in drops if drop.wait is not None]
