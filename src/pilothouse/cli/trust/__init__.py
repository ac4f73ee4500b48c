"""The verbs of trust: who may sign in, what is secret, what policy says, what may act alone."""

from __future__ import annotations

import typer

from pilothouse.cli.trust import accounts, keys, ladder, policy, secrets, session

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    for part in (session, accounts, keys, secrets, policy, ladder):
        part.register(app)
