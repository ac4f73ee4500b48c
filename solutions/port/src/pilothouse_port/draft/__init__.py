"""Draft owns ``port new``: a first port.yaml from values, headers, dictionaries and the policy text."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.connectors import Sources
from pilothouse.kernel import Principal, UsageError

if TYPE_CHECKING:
    from pilothouse_port.draft.guess import Guess, Guesser

__all__ = ["Draft", "draft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A drafted file.

    Attributes:
        text: YAML.
        facts: Facts with a guess.
        rows: Policy rows.
        lines: Lines that say something.
        todo: What a person must still do.
    """

    text: str
    facts: int
    rows: int
    lines: int
    todo: list[str]


async def draft(
    world: Path, sources: Sources, principal: Principal, *, out: Path, known: Path | None = None
) -> Draft:
    """Draft the mapping of a world.

    Args:
        world: Folder with ``POLICY.md`` and, if there are any, ``systems/<source>/README.md``.
        sources: The sources, open.
        principal: With whose rights they are looked at.
        out: Where the file will stand; the policy is named relative to it.
        known: Wordings of cargo that a person approved before, one a line.

    Raises:
        UsageError: ``port.file``: there is no policy document.
    """
    from pilothouse_port.bindings import count_lines
    from pilothouse_port.draft.extras import (
        draft_effects,
        draft_history,
        draft_systems,
        draft_texts,
        untrusted_systems,
    )
    from pilothouse_port.draft.facts import draft_facts
    from pilothouse_port.draft.guess import Guesser
    from pilothouse_port.draft.policy import draft_policy
    from pilothouse_port.draft.scan import scan_sources
    from pilothouse_port.draft.write import render, todos_of
    from pilothouse_port.policy import document_hash

    document = world / "POLICY.md"
    if not document.is_file():
        raise UsageError(f"there is no POLICY.md in {str(world)!r}; name a world's folder", code="port.file")
    content = document.read_text(encoding="utf-8")
    folders = {name: world / "systems" / name for name in sources.names()}
    scan = await scan_sources(sources, principal, folders=folders)
    guesser = Guesser(scan)
    guesses, todo = draft_facts(guesser)
    policy = draft_policy(content)
    texts = draft_texts(guesser, guesses)
    if known is not None and "descriptions" in texts:
        texts["descriptions"]["known_file"] = os.path.relpath(known.resolve(), out.resolve().parent)
    effects, most = await draft_effects(guesser, sources, principal, guesses)
    todo += [f"{place} could not be read: {why}" for place, why in scan.failed.items()] + most
    wordings = await _wordings(guesser, sources, principal, guesses, known)
    zone = _timezone(world, guesser.dictionaries)
    systems, unsure = draft_systems(guesser, guesses, untrusted_systems(guesser), zone=zone)
    todo += unsure
    text = render(
        timezone=zone,
        systems=systems,
        listed=_listed(guesser),
        guesses=guesses,
        texts=texts,
        no_texts=[],
        effects=effects,
        policy=policy,
        document=os.path.relpath(document.resolve(), out.resolve().parent),
        digest=document_hash(content.encode()),
        todo=todo,
        wordings=wordings,
        history=draft_history(guesser, {str(row.get("reason", "")) for row in policy.rows}),
    )
    return Draft(
        text=text,
        facts=len(guesses),
        rows=len(policy.rows),
        lines=count_lines(text),
        todo=todos_of(text),
    )


async def _wordings(
    guesser: Guesser, sources: Sources, principal: Principal, guesses: Sequence[Guess], known: Path | None
) -> list[str]:
    """Return what the draft says about descriptions nobody has read."""
    from pilothouse_port.bindings.load import known_wordings
    from pilothouse_port.draft.descriptions import read_wordings, wording_lines

    bound = {guess.name: guess for guess in guesses if not guess.join}
    described = bound.get("goods.description")
    if described is None:
        return []
    place = described.body["system"], described.body["object"]
    look = next(each for each in guesser.looks if (each.table.system, each.table.name) == place)
    found = await read_wordings(
        sources,
        principal,
        described=described,
        un=bound.get("goods.un"),
        sample=look.table.rows,
        known=known_wordings(known) if known is not None else (),
    )
    return wording_lines(found)


def _timezone(world: Path, dictionaries: Mapping[str, Any]) -> str:
    described = world / "world.toml"
    if described.is_file():
        return str(tomllib.loads(described.read_text(encoding="utf-8")).get("timezone", "UTC"))
    zones = [d.timezone for d in dictionaries.values() if d.timezone and d.timezone != "UTC"]
    return max(zones, key=zones.count, default="UTC")


def _listed(guesser: Any) -> dict[str, Any] | None:
    from pilothouse_port.draft.facts import key_body

    look = guesser.listed
    if look is None:
        return None
    return {
        "system": look.table.system,
        "object": look.table.name,
        **key_body(look, ["container", "bl", "call"]),
    }
