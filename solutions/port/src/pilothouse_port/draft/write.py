"""Owns writing the draft as YAML: one line a binding, its evidence as a comment, what is open as a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pilothouse_port.draft.guess import Guess
from pilothouse_port.draft.policy import DraftedPolicy

__all__ = ["flow", "render", "todos_of"]

_PLAIN = re.compile(r"[A-Za-zÀ-ÿ_/][\w À-ÿ./*\-]*[\wÀ-ÿ*]|[A-Za-z]")
_SPECIAL = frozenset({"true", "false", "null"})


def flow(value: Any) -> str:
    """Return a value in YAML flow style; words are quoted only where they must be."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "~"
        case int() | float():
            return str(value)
        case Mapping():
            pairs = cast("Mapping[object, object]", value)
            return "{" + ", ".join(f"{flow(str(k))}: {flow(v)}" for k, v in pairs.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(flow(item) for item in cast("Sequence[object]", value)) + "]"
        case _:
            text = str(value)
            plain = _PLAIN.fullmatch(text) and text not in _SPECIAL and "  " not in text
            return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def render(
    *,
    timezone: str,
    systems: Mapping[str, Mapping[str, Any]],
    listed: Mapping[str, Any] | None,
    guesses: Iterable[Guess],
    texts: Mapping[str, Mapping[str, Any]],
    no_texts: Sequence[str],
    effects: Mapping[str, Mapping[str, Any]],
    policy: DraftedPolicy,
    document: str,
    digest: str,
    todo: Sequence[str],
    wordings: Sequence[str] = (),
    history: Mapping[str, Any] | None = None,
) -> str:
    """Return the text of a ``port.yaml``."""
    lines = [
        "# Drafted by `pilothouse port new`. Every guess says why; correct it, then `pilothouse port check`."
    ]
    lines += [f"# TODO {item}" for item in todo]
    lines += [f"timezone: {timezone}"]
    if systems:
        lines += ["systems:", *(f"  {name}: {flow(body)}" for name, body in sorted(systems.items()))]
    lines += [
        f"list: {flow(listed or {'system': 'TODO', 'object': 'TODO', 'container': 'TODO', 'bl': 'TODO'})}"
    ]
    every = list(guesses)
    joins = [guess for guess in every if guess.join]
    if joins:
        lines += ["joins:"]
        for guess in joins:
            lines += [f"  # {guess.why}", f"  {guess.name}: {flow(guess.body)}"]
    lines += ["facts:"]
    for guess in every:
        if guess.join:
            continue
        lines += [f"  # {guess.why}", *(f"  # TODO {item}" for item in guess.todo)]
        lines += [f"  {guess.name}: {flow(guess.body)}"]
    if texts:
        lines += ["texts:", *(f"  {name}: {flow(body)}" for name, body in texts.items()), *wordings]
    if no_texts:
        lines += [f"no_texts: {flow(no_texts)}"]
    if history:
        lines += [f"history: {flow(history)}"]
    if effects:
        lines += ["effects:", *(f"  {name}: {flow(body)}" for name, body in effects.items())]
    return "\n".join([*lines, *_policy(policy, document, digest)]) + "\n"


def todos_of(text: str) -> list[str]:
    """Return everything a drafted file leaves open, in its order: comments and placeholders alike."""
    out: list[str] = []
    settings = True
    for line in text.splitlines():
        comment, said = line.lstrip().startswith("#"), line.partition("TODO ")[2]
        settings = settings and not line.startswith("  rows:")
        if comment and line.lstrip().startswith("# TODO "):
            out.append(said)
        elif not comment and settings and re.search(r": TODO\b", line):
            out.append(_placeholder(line))
    return out


def _placeholder(line: str) -> str:
    name, _, rest = line.strip().partition(":")
    field = re.search(r"(\w+): TODO\b *([^,}]*)", rest)
    if field is None:
        return f"{name}: {rest.partition('TODO')[2].strip()}"
    return f"{name}: {field[1]}: {field[2]}".rstrip(": ")


def _policy(policy: DraftedPolicy, document: str, digest: str) -> list[str]:
    lines = [
        "policy:",
        f"  document: {flow(document)}",
        f"  hash: {flow(digest)}",
        "  approver: TODO who read every row against the document",
        f"  order: {flow(policy.order)}",
    ]
    sides = {
        "weights": ("goods.weight", "customs.weight"),
        "packages": ("goods.packages", "customs.packages"),
    }
    compares = {name: {"left": sides[name][0], "right": sides[name][1]} for name in sorted(policy.compares)}
    if compares:
        lines += [f"  compare: {flow(compares)}"]
    lines += [f"  # TODO {item}" for item in policy.open]
    lines += ["  rows:"]
    for row in policy.rows:
        shown = {key: value for key, value in row.items() if key != "quote_of_params"}
        if "quote_of_params" in row:
            lines += [f"    # parameters: {row['quote_of_params']}"]
        lines += [f"    - {flow(shown)}"]
    return lines
