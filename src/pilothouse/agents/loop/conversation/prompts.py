"""Owns the words that agents are told by us; files beside the code, each with a front matter."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Literal

__all__ = ["prompt"]

Name = Literal["handles", "clear", "plan", "read", "write", "summary", "code", "files"]


@lru_cache
def prompt(name: Name) -> str:
    """Return the words of a prompt, without its front matter."""
    text = files("pilothouse.agents").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    return text.split("---\n", 2)[2].strip()
