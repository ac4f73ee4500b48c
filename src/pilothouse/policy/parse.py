"""Owns reading policy text: one policy at a time, so that a mistake is named by policy and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from cedarpy import Schema, pst

__all__ = ["Policy", "carried_id", "grant", "literal", "parse", "validate"]

_PIECES = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|;', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*)*")
_TOKEN = re.compile(r"(?:token `|scope: )([^`\s]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One Cedar policy.

    Attributes:
        id: Its ``@id``, or the text's name and its number in it.
        name: Of the text it stands in.
        line: Where it begins, counted from 1.
        text: As written.
        node: As parsed.
        canonical: As Cedar prints it, without comments; what versions are made of.
    """

    id: str
    name: str
    line: int
    text: str
    node: pst.Template
    canonical: str


def parse(texts: Mapping[str, str]) -> list[Policy]:
    """Return the policies of several texts.

    Raises:
        UsageError: ``policy.invalid``: names text and line and what Cedar says.
    """
    found: list[Policy] = []
    for name, text in texts.items():
        for number, (start, statement) in enumerate(_statements(text), 1):
            line = text.count("\n", 0, start) + 1
            found.append(_one(name, number, line, statement))
    seen: dict[str, Policy] = {}
    for policy in found:
        other = seen.setdefault(policy.id, policy)
        if other is not policy:
            raise _wrong(
                policy.name, policy.line, f"id {policy.id!r} is taken by {other.name!r}; give it its own @id"
            )
    return found


def validate(policies: Sequence[Policy], schema: Schema) -> None:
    """Refuse policies that could fail at run time or speak of what does not exist.

    Raises:
        UsageError: ``policy.invalid``: names the policy, its line and what Cedar's strict validation says.
    """
    from cedarpy import validate_policies  # pyright: ignore[reportUnknownVariableType] - a bare dict

    result = validate_policies("\n".join(policy.text for policy in policies), schema)
    for error in result.errors:
        policy = policies[int(error.policy_id.removeprefix("policy"))]
        what = error.error.removeprefix(f"for policy `{error.policy_id}`, ")
        raise _wrong(policy.name, policy.line, f"policy {policy.id!r}: {what}{_advice(what)}")


def carried_id(right: str) -> str:
    """Return the policy id under which a carried right is reported."""
    return f"right:{right}"


def grant(right: str) -> str:
    """Return the Cedar condition of one right, a trailing ``*`` granting what begins so."""
    exact = f"context.right == {literal(right)}"
    if not right.endswith("*"):
        return exact
    return f'context.right like {literal(right[:-1], pattern=True)[:-1]}*"'


def literal(text: str, *, pattern: bool = False) -> str:
    """Return Cedar's literal of any text; everything but plain ASCII is escaped."""
    out = [
        char if char.isascii() and char.isprintable() and char not in '"\\*' else f"\\u{{{ord(char):x}}}"
        for char in text
    ]
    escaped = "".join(out).replace("\\u{2a}", "\\*" if pattern else "*")
    return f'"{escaped}"'


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for piece in _PIECES.finditer(text):
        if piece.group() == ";":
            begin = _begin(text, start)
            yield begin, text[begin : piece.end()]
            start = piece.end()
    begin = _begin(text, start)
    if begin < len(text):
        yield begin, text[begin:]


def _begin(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return start if match is None else match.end()


def _one(name: str, number: int, line: int, text: str) -> Policy:
    from dataclasses import replace

    from cedarpy import PolicySet, pst

    try:
        parsed = PolicySet.from_str(text)
        nodes = parsed.to_pst()
    except ValueError as error:
        raise _wrong(name, line + _lines_to(text, str(error)), f"{error}; see Cedar's grammar") from error
    if nodes.templates:
        raise _wrong(name, line, "a template with ?principal or ?resource; write the policy out")
    node = next(iter(nodes.static_policies.values()))
    own = node.annotations.get("id") or f"{name}#{number}"
    alone = pst.PolicySet(
        templates=pst.FrozenMap(),
        static_policies=pst.FrozenMap({own: replace(node, id=own, annotations=pst.FrozenMap())}),
        template_links=(),
    )
    canonical = str(PolicySet.from_pst(alone))
    return Policy(
        id=own, name=name, line=line, text=text, node=replace(node, id=own), canonical=f"{own}\n{canonical}"
    )


def _lines_to(text: str, message: str) -> int:
    """Return how many lines below its begin a policy goes wrong, 0 when Cedar does not say."""
    token = _TOKEN.search(message)
    place = text.find(token.group(1)) if token else -1
    return text.count("\n", 0, max(place, 0))


def _advice(what: str) -> str:
    if "optional attribute" in what:
        return "; write `has` in front of it"
    return "; see the schema in the reference page of policy"


def _wrong(name: str, line: int, what: str) -> UsageError:
    return UsageError(f"policies {name!r}, line {line}: {what}", code="policy.invalid")
