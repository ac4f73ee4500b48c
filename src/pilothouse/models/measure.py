"""Owns measuring what an endpoint can do: a contract suite whose results, dated, become its abilities."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import Json, PilothouseError, new_id
from pilothouse.models.ports import Backend, Chunk, Incoming, NativeChoice, Outgoing, Replied
from pilothouse.models.provider import Abilities, Provider
from pilothouse.models.schema.fit import misfit
from pilothouse.models.schema.union import Asked, asked
from pilothouse.models.types import ToolSpec, Usage
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["Measured", "latest", "measure", "place_of", "store", "with_measured"]

Q = load_queries("pilothouse.models")
ENOUGH = 0.95
SECONDS = 120.0
WORD_TOKENS = 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the suite found.

    Attributes:
        abilities: As they are from now on.
        figures: Shares and counts behind them.
        at: When.
    """

    provider: str
    abilities: Abilities
    figures: Mapping[str, Json]
    at: datetime


TASKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("weather", "What is the weather in Paris?", {"city": "Paris"}),
    ("weather", "Tell me the weather in Oslo.", {"city": "Oslo"}),
    ("add", "Add 2 and 3.", {"a": 2, "b": 3}),
    ("add", "What is 10 plus 7? Use a tool.", {"a": 10, "b": 7}),
    ("weather", "How is the weather in Rome today?", {"city": "Rome"}),
    ("add", "Please add 1 and 1.", {"a": 1, "b": 1}),
)
TOOLS = (
    ToolSpec(
        name="weather",
        description="Tells the weather of a city.",
        parameters={"properties": {"city": {"type": "string", "maxLength": 40}}, "required": ["city"]},
    ),
    ToolSpec(
        name="add",
        description="Adds two whole numbers.",
        parameters={
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    ),
)


async def measure(backend: Backend, *, context: int = 2048) -> Measured:
    """Ask an endpoint what the suite asks, and return what it can do.

    Args:
        backend: The endpoint; what is sent is the suite's own text and nothing else.
        context: The longest prompt to try, in tokens; more takes longer.

    Raises:
        ProviderError: It does not answer at all.
        ModelDeniedError: It refuses our credential.
    """
    probe = _Probe(backend)
    figures: dict[str, Json] = {}
    await probe.words(figures)
    streams = await probe.stream(figures)
    schemas = await probe.schemas(figures)
    natives = await probe.natives(figures)
    longest = await probe.context(figures, context)
    declared = backend.provider.abilities
    return Measured(
        provider=backend.provider.name,
        abilities=replace(
            declared,
            stream=streams,
            json_schema=schemas,
            native_tools=natives,
            max_context=longest or declared.max_context,
            measured=datetime.now(UTC).date(),
        ),
        figures=figures,
        at=datetime.now(UTC),
    )


class _Probe:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def words(self, figures: dict[str, Json]) -> None:
        """Ask for a word; what fails here fails for good."""
        since = time.monotonic()
        text, replied, _ = await self._asked("Say OK.", most=16)
        figures["seconds_of_a_word"] = round(time.monotonic() - since, 3)
        figures["model_said"] = replied.model
        figures["tells_usage"] = replied.usage is not None
        figures["answers"] = bool(text.strip())

    async def stream(self, figures: dict[str, Json]) -> bool:
        """Ask for words piece by piece."""
        try:
            text, _, pieces = await self._asked("Count from one to ten.", most=48, stream=True)
        except PilothouseError as error:
            figures["stream_error"] = error.code
            return False
        figures["stream_pieces"] = pieces
        return bool(text) and pieces > 0

    async def schemas(self, figures: dict[str, Json]) -> bool:
        """Ask for objects of several shapes; each must fit, without a repair."""
        fine, shapes = 0, _shapes()
        for words, wanted in shapes:
            try:
                text, _, _ = await self._asked(words, most=200, schema=wanted.whole)
                fine += misfit(json.loads(text), wanted.whole or {}) == ""
            except (PilothouseError, ValueError):
                continue
        figures["schema_valid"] = f"{fine}/{len(shapes)}"
        return fine / len(shapes) >= ENOUGH

    async def natives(self, figures: dict[str, Json]) -> bool:
        """Ask for obvious tools; right is the right tool with the right arguments."""
        right = 0
        tools = _native(asked(TOOLS, None))
        for tool, words, arguments in TASKS:
            try:
                _, replied, _ = await self._asked(words, most=120, tools=tools)
            except PilothouseError:
                continue
            right += any(_is(one, tool, arguments) for one in replied.choices)
        figures["native_tools_right"] = f"{right}/{len(TASKS)}"
        return right / len(TASKS) >= ENOUGH

    async def context(self, figures: dict[str, Json], most: int) -> int:
        """Double the prompt until it is refused, or silently cut: then the count of tokens stops growing.

        Returns:
            The longest that was taken whole; 0 if none of those tried was too long.
        """
        longest, counted, found = 0, 0, False
        size = 256
        while size <= most:
            words = " ".join(["harbour"] * int(size / WORD_TOKENS))
            try:
                _, replied, _ = await self._asked(f"{words}\nSay OK.", most=4)
            except PilothouseError as error:
                figures["context_refused_at"] = f"{size}: {error.code}"
                found = True
                break
            seen = 0 if replied.usage is None else replied.usage.prompt_tokens
            if replied.usage is not None and seen <= counted * 1.2:
                figures["context_cut_silently_at"] = size
                found = True
                break
            longest, counted = max(seen, size), seen
            size *= 2
        figures["context_taken"] = longest
        return longest if found else 0

    async def _asked(
        self,
        words: str,
        *,
        most: int,
        stream: bool = False,
        schema: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Json]] = (),
    ) -> tuple[str, Replied, int]:
        outgoing = Outgoing(
            messages=[{"role": "user", "content": words}],
            output_tokens=most,
            temperature=0.0,
            seed=0,
            attempt=f"check-{new_id()}",
            schema=schema,
            tools=tools,
            stream=stream,
        )
        place = await self._backend.locate()
        async with asyncio.timeout(SECONDS):
            return await _read(self._backend.send(outgoing, at=place, seconds=SECONDS))


async def _read(events: AsyncGenerator[Incoming]) -> tuple[str, Replied, int]:
    pieces: list[str] = []
    replied = Replied(reason="", model="", usage=Usage())
    async with aclosing(events):
        async for one in events:
            if isinstance(one, Chunk):
                pieces.append(one.text)
            elif isinstance(one, Replied):
                replied = one
    return "".join(pieces), replied, len(pieces)


def _shapes() -> list[tuple[str, Asked]]:
    plain: dict[str, Any] = {
        "properties": {"name": {"type": "string", "maxLength": 30}},
        "required": ["name"],
    }
    listed: dict[str, Any] = {
        "properties": {"colours": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 3}},
        "required": ["colours"],
    }
    return [
        ("Name a port as JSON.", asked((), plain)),
        ("List colours as JSON.", asked((), listed)),
        ('Is 3 odd? Answer as JSON {"yes": true or false}.', asked((), _yes())),
        *[(f"{words} Answer as JSON.", asked(TOOLS, None)) for _, words, _ in TASKS[:4]],
    ]


def _yes() -> dict[str, Json]:
    return {"properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}


def _native(wanted: Asked) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(wanted.tools[tool.name]),
            },
        }
        for tool in TOOLS
    ]


def _is(choice: NativeChoice, tool: str, arguments: dict[str, Any]) -> bool:
    try:
        return choice.tool == tool and json.loads(choice.arguments) == arguments
    except ValueError:
        return False


def place_of(provider: Provider) -> str:
    """Return what a measurement belongs to: another address or model is measured anew."""
    return f"{provider.kind} {provider.url} {provider.model}"


async def store(database: Database, provider: Provider, found: Measured, *, by: str) -> None:
    """Keep a measurement; from the next opening on the provider has these abilities."""
    values = {one.name: getattr(found.abilities, one.name) for one in fields(Abilities)}
    values["languages"] = sorted(found.abilities.languages)
    values["measured"] = None if found.abilities.measured is None else found.abilities.measured.isoformat()
    await database.execute(
        Q.store_check,
        {
            "provider": provider.name,
            "place": place_of(provider),
            "by": by,
            "abilities": json.dumps(values),
            "figures": json.dumps(dict(found.figures)),
        },
    )


async def latest(database: Database) -> dict[tuple[str, str], Measured]:
    """Return the newest measurement of each provider at its place."""
    rows = await database.fetch_all(Q.latest_checks)
    return {
        (row["provider"], row["place"]): Measured(
            provider=row["provider"],
            abilities=_abilities(json.loads(row["abilities"])),
            figures=json.loads(row["figures"]),
            at=row["at"],
        )
        for row in rows
    }


async def with_measured(database: Database, providers: Sequence[Provider]) -> list[Provider]:
    """Return the providers with what was measured in place of what was declared."""
    found = await latest(database)
    made: list[Provider] = []
    for one in providers:
        known = found.get((one.name, place_of(one)))
        # Whether its words may stand is a person's decision, and never measured.
        able = None if known is None else replace(known.abilities, may_word=one.abilities.may_word)
        made.append(one if able is None else replace(one, abilities=able))
    return made


def _abilities(values: dict[str, Any]) -> Abilities:
    known = {one.name for one in fields(Abilities)}
    fixed = {name: value for name, value in values.items() if name in known}
    fixed["languages"] = frozenset(fixed.get("languages", ()))
    at = fixed.get("measured")
    fixed["measured"] = None if at is None else date.fromisoformat(at)
    return Abilities(**fixed)
