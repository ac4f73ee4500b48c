"""The verbs of models: routes and health, packs of weights, training, and the drill that pulls plugs."""

from __future__ import annotations

import typer

from pilothouse.cli.models import drill, packs, train, verbs

__all__ = ["register"]


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    for part in (verbs, packs, train, drill):
        part.register(cli)
