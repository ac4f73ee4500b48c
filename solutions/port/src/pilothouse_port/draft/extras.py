"""Owns the rest of a draft: systems' habits, text sources, the tool that writes a release."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from pilothouse.connectors import Sources, WriteTool
from pilothouse.kernel import PilothouseError, Principal
from pilothouse.labels import Integrity
from pilothouse_port.draft.facts import key_body
from pilothouse_port.draft.guess import Guess, Guesser, Look
from pilothouse_port.draft.words import concepts_of

__all__ = ["draft_effects", "draft_history", "draft_systems", "draft_texts"]


def draft_systems(
    g: Guesser, guesses: Sequence[Guess], untrusted: set[str], *, zone: str = ""
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what holds for every binding of a system: zone, how days and decimals are written, who vouches.

    Args:
        g: The guesser.
        guesses: What was bound.
        untrusted: Systems whose rows are declared untrusted.
        zone: The port's own, which says which of day and month comes first where no value does.
    """
    open_: list[str] = []
    out: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(guess.body["system"] for guess in guesses):
        body: dict[str, Any] = {}
        own = g.dictionaries[name].timezone
        if own:
            body["timezone"] = own
        forms, sure = _slashed(g, guesses, name, own if own and own != "UTC" else zone)
        if forms:
            body["date"] = forms
            open_ += (
                [] if sure else [f"{name}: dates are read as {', '.join(forms)}; no value tells: confirm"]
            )
        if _writes_comma(g, guesses, name):
            body["decimal"] = ","
        if name in untrusted:
            body["endorsed_by"] = "TODO who vouches that its fields are records"
        if body:
            out[name] = body
    return out, open_


_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}( \d{1,2}:\d{2}(:\d{2})?)?")


def _slashed(g: Guesser, guesses: Sequence[Guess], system: str, zone: str) -> tuple[list[str], bool]:
    """Return the forms of days such as 03/04/2026 that a system writes, and whether its values tell."""
    used = {guess.body["object"] for guess in guesses if guess.body["system"] == system}
    found = [
        match
        for look in g.looks
        if look.table.system == system and look.table.name in used
        for column in look.table.columns.values()
        if column.shape in ("day", "moment")
        for value in column.distinct
        if (match := _SLASHED.fullmatch(value))
    ]
    first, second = any(int(m[1]) > 12 for m in found), any(int(m[2]) > 12 for m in found)
    if not found or (first and second):
        return [], True
    months_first = second or (not first and zone.startswith(("America/", "US/")))
    day = "%m/%d/%Y" if months_first else "%d/%m/%Y"
    clocks = {"" if not m[3] else " %H:%M:%S" if m[4] else " %H:%M" for m in found}
    return [day + clock for clock in sorted(clocks)], first or second


def _writes_comma(g: Guesser, guesses: Sequence[Guess], system: str) -> bool:
    used = {
        (guess.body["object"], guess.body["value"]) for guess in guesses if guess.body["system"] == system
    }
    values = [
        value
        for look in g.looks
        if look.table.system == system
        for column in look.table.columns.values()
        if (look.table.name, column.name) in used and column.shape == "decimal"
        for value in column.values
    ]
    return any(re.search(r",\d{1,3}\D*$", value) for value in values)


def untrusted_systems(g: Guesser) -> set[str]:
    """Return systems whose rows are declared untrusted."""
    return {
        look.table.system
        for look in g.looks
        if any(row.integrity < Integrity.RECORD for row in look.table.rows) or look.table.kind == "mcp"
    }


def draft_texts(g: Guesser, guesses: Sequence[Guess]) -> dict[str, dict[str, Any]]:
    """Return the text sources: mails that mention, remarks and descriptions that hang on a box."""
    out: dict[str, dict[str, Any]] = {}
    for look in g.looks:
        if look.table.kind == "mail" and {"subject", "text"} <= look.table.columns.keys():
            out["mails"] = {
                "kind": "mail",
                "system": look.table.system,
                "object": look.table.name,
                "text": ["subject", "text"],
                "at": "date",
                "id": "message_id",
                "reply": "in_reply_to",
                **({"attachments": "attachments"} if "attachments" in look.table.columns else {}),
            }
    remarks = [remark for look in g.looks if (remark := _remark(look)) is not None]
    if remarks:  # a remark mostly says when it was made
        out["remarks"] = next((one for one in remarks if "at" in one), remarks[0])
    described = next((guess for guess in guesses if guess.name == "goods.description"), None)
    if described is not None:
        out["descriptions"] = {
            "kind": "description",
            "system": described.body["system"],
            "object": described.body["object"],
            "key": described.body["key"],
            "text": [described.body["value"]],
        }
    return out


def draft_history(g: Guesser, words: Collection[str]) -> dict[str, Any] | None:
    """Return where clerks wrote down past decisions: boxes, B/Ls, a column of the policy's reason words."""
    best: tuple[float, dict[str, Any]] | None = None
    folded = {word.casefold() for word in words if word}
    for look in g.looks:
        # past boxes are on no list of today, so their columns are told by what the values look like
        boxes = next((c.name for c in look.table.columns.values() if c.shape == "box"), "")
        bills = look.column("bl", none=("kind",))
        if not boxes or bills is None or look.table.kind in ("mail", "edifact"):
            continue
        for column in look.table.columns.values():
            filled = [value for value in column.values if value.strip()]
            said = [v for v in filled if set(re.split(r"[^\w.-]+", v.casefold())) & folded]
            share = len(said) / len(filled) if len(filled) >= 5 else 0.0
            if share >= 0.6 and (best is None or share > best[0]):
                at = look.column("time") or look.column("day")
                body: dict[str, Any] = {
                    "system": look.table.system,
                    "object": look.table.name,
                    "container": boxes,
                    "bl": bills.name,
                    "reasons": column.name,
                }
                best = (share, {**body, "at": at.name} if at is not None else body)
    return best[1] if best is not None else None


def _remark(look: Look) -> dict[str, Any] | None:
    none = ("number", "time", "bl", "goods", "description")
    text = look.column("text", none=none, shapes=("text", "id", "name", "code"))
    if text is None or "container" not in look.keys or look.table.kind in ("edifact", "mail"):
        return None
    if "bl" in look.keys or any(look.column(word) for word in ("stop", "slot", "packages", "un")):
        return None
    at = look.column("time")
    body: dict[str, Any] = {
        "kind": "remark",
        "system": look.table.system,
        "object": look.table.name,
        "key": key_body(look, ["container"]),
        "text": [text.name],
    }
    return {**body, "at": at.name} if at is not None else body


async def draft_effects(
    g: Guesser, sources: Sources, principal: Principal, guesses: Sequence[Guess]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the write tool of the community system, its arguments found by the words of their names."""
    order = next((guess for guess in guesses if guess.name == "order.state"), None)
    if order is None:
        return {}, ["effects: no community system is bound, so nothing can be released"]
    system = order.body["system"]
    try:
        tools = await sources.tools(principal, system)
    except PilothouseError as error:
        return {}, [f"effects: {error.message}"]
    fits = [(tool, args) for tool in tools if (args := _arguments(g, tool, order))]
    if not fits:
        return {}, [f"effects: no tool of {system} takes container and B/L"]
    tool, args = max(fits, key=lambda item: len(item[1]))
    return {"release": {"system": system, "tool": tool.name, "args": args}}, []


def _arguments(g: Guesser, tool: WriteTool, order: Guess) -> dict[str, str]:
    found = tool.schema.get("properties")
    names = list(found) if isinstance(found, dict) else []
    look = next(
        each
        for each in g.looks
        if (each.table.system, each.table.name) == (order.body["system"], order.body["object"])
    )
    out: dict[str, str] = {}
    for name in names:
        concepts = look.concepts.get(name) or concepts_of(name, header=True)
        if "container" in concepts:
            out[name] = "$container"
        elif "bl" in concepts and "kind" not in concepts:
            out[name] = "$bl"
        elif "party" in concepts and "name" not in concepts:
            out[name] = "$party"
        elif {"valid", "until"} <= concepts:
            out[name] = "$valid_until"
    return out if {"$container", "$bl"} <= set(out.values()) else {}
