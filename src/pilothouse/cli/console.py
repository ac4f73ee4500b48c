"""Owns how commands print: tables for people, JSON for scripts, errors once, exit codes 0/1/2/3."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, cast

import typer

from pilothouse.kernel import PilothouseError, encode, exit_code

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = [
    "AsOption",
    "JsonOption",
    "ProjectOption",
    "console",
    "emit",
    "fail",
    "log_to_stderr",
    "plain",
    "run",
    "table",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder, or any folder below it.", file_okay=False)
]
AsOption = Annotated[
    str | None, typer.Option("--as", envvar="PILOTHOUSE_AS", help="Act as this principal of the project.")
]


class _Redacted(logging.StreamHandler[TextIO]):
    """Prints log records to stderr without the personal data and credentials in them."""

    def emit(self, record: logging.LogRecord) -> None:
        from pilothouse.labels.pii import RedactingFilter

        RedactingFilter().filter(record)
        super().emit(record)


def log_to_stderr() -> None:
    """Print warnings of every part and library for people, redacted."""
    handler = _Redacted()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def console(*, stderr: bool = False) -> Console:
    """Return a Rich console; imported here because Rich is heavy."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def emit(data: object, *, as_json: bool, show: Callable[[], RenderableType | None] | None = None) -> None:
    """Print ``data`` as JSON, or call ``show`` and print what it returns for people."""
    if as_json or show is None:
        sys.stdout.write(json.dumps(plain(data), ensure_ascii=False, indent=2) + "\n")
        return
    shown = show()
    if shown is not None:
        console().print(shown, markup=False, soft_wrap=isinstance(shown, str))


def plain(value: object) -> Any:
    """Return the JSON of ``value`` without the tags of its wire form: times, ids and decimals are text."""
    return _untag(encode(value))


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    if "$t" in fields:
        return _untag(fields["v"])
    return {key: _untag(item) for key, item in fields.items()}


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "Nothing here."
) -> RenderableType:
    """Return a Rich table, or ``empty`` (which should say the next step) when there are no rows."""
    from rich.markup import escape
    from rich.table import Table

    cells = [[escape("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not cells:
        return empty
    out = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        out.add_column(column, overflow="fold")
    for row in cells:
        out.add_row(*row)
    return out


def fail(error: PilothouseError) -> NoReturn:
    """Print an error once, to stderr, and leave with its exit code."""
    if "--json" in sys.argv:
        body = {"error": {"code": error.code, "message": error.message}}
        sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        from rich.markup import escape

        console(stderr=True).print(f"[red]error[/red] {escape(str(error))}")
    raise SystemExit(exit_code(error))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's coroutine; a typed error becomes a message and an exit code."""
    try:
        return asyncio.run(work)
    except PilothouseError as error:
        fail(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
