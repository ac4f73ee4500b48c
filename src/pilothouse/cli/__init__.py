"""The command line owns verbs for people and scripts; solutions add theirs by entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

import typer

from pilothouse.cli import (
    agents,
    audit,
    documents,
    flows,
    inbox,
    models,
    project,
    runs,
    serve,
    sources,
    traces,
    trust,
    work,
)
from pilothouse.cli.console import fail, log_to_stderr
from pilothouse.kernel import PilothouseError

__all__ = ["app", "main"]

app = typer.Typer(
    name="pilothouse",
    help="Durable workflows, evidence, human decisions and one audited door for effects.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    project,
    work,
    serve,
    inbox,
    runs,
    sources,
    trust,
    audit,
    traces,
    flows,
    documents,
    models,
    agents,
):
    part.register(app)
for plugin in entry_points(group="pilothouse.commands"):
    app.add_typer(plugin.load(), name=plugin.name)


def main() -> None:
    """Run the command line; typed errors become a message and exit code 1, 2 or 3."""
    log_to_stderr()
    try:
        app()
    except PilothouseError as error:
        fail(error)
