"""The verbs of models, and the drill that pulls their plugs."""

from __future__ import annotations

import typer

from pilothouse.cli.models import drill, verbs

__all__ = ["register"]


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    verbs.register(cli)
    drill.register(cli)
