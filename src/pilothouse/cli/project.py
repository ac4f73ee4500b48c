"""The verbs of a project: ``init``, ``doctor`` and ``db migrate``."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from pilothouse.cli.console import JsonOption, ProjectOption, emit, run, table
from pilothouse.kernel import UsageError

__all__ = ["register"]

PROJECT_TEMPLATE = """\
[project]
name = "{name}"
modules = ["flows"]          # Python modules beside this file
operator = "{operator}"          # who you are on this command line unless you say --as

[principals."{operator}"]
groups = ["desk"]
rights = ["sources:*", "decisions:*", "effects:*"]

[principals.clerk]           # whoever asks may not approve: answer as somebody else
groups = ["desk"]

# [sources.orders]
# kind = "sql"
# url = "secret://env/ORDERS_URL"     # the reference, never the secret
# integrity = "record"                # left out: untrusted
# readers = ["group:desk"]            # left out: only who reads it himself
"""

FLOWS_TEMPLATE = '''\
"""A first workflow: one step, then a question to a person."""

from datetime import timedelta

from pilothouse import decide, step, workflow


@step
async def greet(name: str) -> str:
    return f"Hello, {name}"


@workflow
async def hello(name: str) -> str:
    greeting = await greet(name)
    answer = await decide(f"Send {greeting!r}?", who="desk", within=timedelta(days=30))
    return greeting if answer.approved else "not sent"
'''

IGNORE = ".pilothouse/\n.pilothouse-audit/\n__pycache__/\n"


def register(app: typer.Typer) -> None:
    """Add the verbs to ``app``."""
    app.command()(init)
    app.command()(doctor)
    app.command()(migrate)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")] = Path(),
    *,
    name: Annotated[str | None, typer.Option(help="Name of the project; the folder's by default.")] = None,
    json: JsonOption = False,
) -> None:
    """Start a project: a project file, a first workflow, nothing else."""
    folder = folder.resolve()
    project_file = folder / "pilothouse.toml"
    if project_file.exists():
        raise UsageError(f"{project_file} exists; nothing was changed", code="project.exists")
    operator = re.sub(r"[^a-z0-9._-]", "", getpass.getuser().lower()) or "operator"
    wanted = {
        project_file: PROJECT_TEMPLATE.format(name=name or folder.name, operator=operator),
        folder / "flows.py": FLOWS_TEMPLATE,
        folder / ".gitignore": IGNORE,
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = [path for path in wanted if not path.exists()]
    for path in written:
        path.write_text(wanted[path], encoding="utf-8")
    emit(
        {"written": [str(path) for path in written]},
        as_json=json,
        show=lambda: "\n".join(
            [
                *(f"wrote {path}" for path in written),
                'next: pilothouse run hello --args \'{"name": "World"}\'',
            ]
        ),
    )


def doctor(project: ProjectOption = Path(), *, json: JsonOption = False) -> None:
    """Say in words what is wrong with this machine, database and project, and what to do."""
    findings = run(_examine(project))
    emit(
        findings,
        as_json=json,
        show=lambda: table(
            "doctor",
            ["", "what", "why", "next step"],
            [["ok" if f["ok"] else "WRONG", f["what"], f["why"], f["next_step"]] for f in findings],
        ),
    )
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(1)


async def _examine(folder: Path) -> list[dict[str, Any]]:
    from pilothouse.app import diagnose

    return [
        {"ok": f.ok, "what": f.what, "why": f.why, "next_step": f.next_step} for f in await diagnose(folder)
    ]


def migrate(project: ProjectOption = Path(), *, json: JsonOption = False) -> None:
    """Bring the database to this version's schema; workers on a shared server have no right to."""
    from pilothouse.app import migrate_project

    version = run(migrate_project(project))
    emit({"version": version}, as_json=json, show=lambda: f"database is at {version}")
