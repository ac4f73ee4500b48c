"""Prompts own the words that the gateway itself adds to a conversation; each file is a versioned asset."""

from __future__ import annotations

import enum
import re
from functools import cache
from importlib.resources import files

__all__ = ["Prompt"]

_PLACE = re.compile(r"\{(\w+)\}")


class Prompt(enum.StrEnum):
    """A prompt of the gateway, by its file."""

    TOOLS = "tools"
    REPAIR = "repair"
    RESULT = "result"

    def render(self, **values: str) -> str:
        """Return the text with ``{name}`` replaced."""
        return _PLACE.sub(lambda found: values.get(found[1], found[0]), _text(self.value))


@cache
def _text(name: str) -> str:
    content = files("pilothouse.models.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    return content.partition("---\n")[2].partition("---\n")[2].strip()
