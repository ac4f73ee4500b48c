"""Owns turning a query into calls: what goes into the path, what into parameters, what is filtered here."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from pilothouse.connectors.adapters.http.contract import PLACEHOLDER, Resource
from pilothouse.connectors.errors import SourceLimitError, SourceUsageError, unknown_field
from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import MAX_KEYS, Query

__all__ = ["Call", "Plan", "plan"]

MAX_URL = 6000
"""Values are spread over several calls when an address would be longer, in characters."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One address to read, page by page."""

    path: str
    params: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The calls of one query.

    Attributes:
        calls: In order.
        rest: What is left to choose from the answers.
        whole: Whether the answers are complete without choosing, so that a limit may stop early.
    """

    calls: list[Call]
    rest: Query
    whole: bool


def plan(source: str, resource: Resource, query: Query, *, per_value: int) -> Plan:
    """Return how a query is asked.

    Args:
        source: Name of the source, for errors.
        resource: What is asked.
        query: What for.
        per_value: How often a parameter that takes one value may be asked.

    Raises:
        SourceUsageError: ``sources.required``: a required parameter is not in ``where``.
        SourceDataError: ``sources.field``: neither a parameter nor a field.
        SourceLimitError: More than 500 calls.
    """
    for name in resource.required:
        if name not in query.where:
            raise SourceUsageError(
                source, f"{query.object!r} needs {name!r} in where", code="sources.required"
            )
    fields = {field.name for field in resource.fields}
    sent: dict[str, list[str]] = {}
    many: dict[str, list[str]] = {}
    local: dict[str, object] = {}
    for name, values in query.conditions.items():
        parameter = resource.parameters.get(name)
        if parameter is None and fields and not _known(name, fields):
            raise unknown_field(source, query.object, name, fields | set(resource.parameters))
        if parameter is None or parameter.place not in ("path", "query") or None in values:
            local[name] = values
        elif parameter.many:
            many[name] = [as_text(value) for value in values]
        elif len(values) > per_value and name in fields and not parameter.required:
            local[name] = values
        else:
            sent[name] = [as_text(value) for value in values]
    calls = list(_calls(source, resource, sent, many))
    rest = dataclasses.replace(query, where=local)
    return Plan(calls=calls, rest=rest, whole=not local and not query.order_by)


def _known(name: str, fields: Iterable[str]) -> bool:
    """Whether a field is in the contract, or lies inside one that the contract leaves open."""
    return any(name == field or name.startswith((f"{field}.", f"{field}[")) for field in fields)


def _calls(
    source: str, resource: Resource, sent: Mapping[str, list[str]], many: Mapping[str, list[str]]
) -> Iterable[Call]:
    shares = {name: list(_shares(name, values)) for name, values in many.items()}
    axes: list[list[list[tuple[str, str]]]] = [
        [[(name, value)] for value in dict.fromkeys(values)] for name, values in sent.items()
    ] + list(shares.values())
    total = 1
    for axis in axes:
        total *= len(axis)
    if total > MAX_KEYS:
        raise SourceLimitError(
            source, f"{resource.path!r} would take {total} calls, more than {MAX_KEYS}; ask in batches"
        )
    for choice in itertools.product(*axes):
        pairs = [pair for group in choice for pair in group]
        path, params = resource.path, list[tuple[str, str]]()
        for name, value in pairs:
            if name in PLACEHOLDER.findall(path):
                path = path.replace("{" + name + "}", quote(value, safe=""))
            else:
                params.append((name, value))
        yield Call(path=path, params=params)


def _shares(name: str, values: list[str]) -> Iterable[list[tuple[str, str]]]:
    """Spread many values over as many calls as addresses stay short enough."""
    share: list[tuple[str, str]] = []
    size = 0
    for value in dict.fromkeys(values):
        length = len(name) + len(quote(value, safe="")) + 2
        if share and size + length > MAX_URL:
            yield share
            share, size = [], 0
        share.append((name, value))
        size += length
    yield share
