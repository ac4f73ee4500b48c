"""Owns what an attribute may hold: codes, counts and names; never a prompt, an answer, a body or a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

__all__ = ["CONTENT", "LONGEST", "plain"]

LONGEST: Final = 256
"""Characters of a text that are kept: what is longer is content, not a name."""

MOST: Final = 64
"""Items of a list that are kept."""

CONTENT: Final = frozenset(
    {
        "db.query.text", "db.statement", "exception.message", "exception.stacktrace", "gen_ai.completion",
        "gen_ai.event.content", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt",
        "gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
        "gen_ai.tool.definitions", "gen_ai.tool.description", "http.request.body", "http.response.body",
        "http.target", "http.url", "input.value", "llm.input_messages", "llm.output_messages", "llm.prompts",
        "output.value", "url.full", "url.query",
    }
)  # fmt: skip
"""Attributes that OpenTelemetry and its users fill with what was said, read or asked."""

_ENDS = (
    ".arguments", ".authorization", ".body", ".completion", ".content", ".cookie", ".document", ".messages",
    ".password", ".prompt", ".secret", ".set-cookie", ".token", "api_key", "api-key",
)  # fmt: skip
_BEGINS = (
    "gen_ai.completion.", "gen_ai.prompt.", "http.request.header.", "http.response.header.",
    "llm.input_messages.", "llm.output_messages.", "traceloop.entity.",
)  # fmt: skip


def plain(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes without content, and without what OpenTelemetry has no type for.

    Args:
        attributes: As the code, or a foreign program, wrote them.
    """
    kept: dict[str, object] = {}
    for name, value in attributes.items():
        if name in CONTENT or name.endswith(_ENDS) or name.startswith(_BEGINS):
            continue
        if isinstance(value, str):
            kept[name] = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        elif isinstance(value, int | float):
            kept[name] = value
        elif isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)[:MOST]
            kept[name] = [item if isinstance(item, int | float) else str(item)[:LONGEST] for item in items]
    return kept
