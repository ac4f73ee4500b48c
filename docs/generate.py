"""Writes the reference pages that follow from the code: commands, settings, error codes.

``python docs/generate.py`` rewrites ``docs/reference/{commands,settings,errors}.md``; a test compares them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCES = (ROOT / "src" / "pilothouse", ROOT / "solutions" / "port" / "src" / "pilothouse_port")
CODE = re.compile(r'code\s*=\s*"([a-z_]+\.[a-z_]+)"')


def commands() -> str:
    """Return the page of every command with its arguments and options."""
    from typer.main import get_command

    from pilothouse.cli import app

    lines = [
        "# Commands",
        "",
        "Every command takes `--help`; exit codes: 0 done, 1 failed, 2 usage, 3 denied.",
        "",
    ]
    for path, command in _leaves(get_command(app), ["pilothouse"]):
        lines += [f"## {' '.join(path)}", "", (command.help or "").strip(), ""]
        rows = [_option(parameter) for parameter in command.params]
        lines += ["| argument or option | what |", "|---|---|", *rows, ""] if rows else []
    return "\n".join(lines).rstrip() + "\n"


def _leaves(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _leaves(inner, [*path, name])
    if not hasattr(command, "commands"):
        yield path, command


def _option(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = "`, `".join(names) if names[0].startswith("-") else names[0].upper()
    return f"| `{shown}` | {(getattr(parameter, 'help', None) or '').replace('|', '&#124;')} |"


def settings() -> str:
    """Return the page of every setting that is read from the environment."""
    lines = [
        "# Settings",
        "",
        "Read from the environment; a project's own choices stand in `pilothouse.toml`.",
        "",
    ]
    for part in sorted(
        path.parent.name for path in SOURCES[0].glob("*/settings.py") if path.parent.name != "kernel"
    ):
        module = importlib.import_module(f"pilothouse.{part}.settings")
        for name, cls in sorted(vars(module).items()):
            if isinstance(cls, type) and cls.__module__ == module.__name__ and hasattr(cls, "model_config"):
                lines += _class(part, name, cls)
    return "\n".join(lines).rstrip() + "\n"


def _class(part: str, name: str, cls: Any) -> list[str]:
    prefix = cls.model_config.get("env_prefix", "")
    if not prefix:
        return []
    documented = _attribute_docs(Path(importlib.import_module(cls.__module__).__file__ or ""))
    rows = [
        f"| `{(prefix + field).upper()}` | `{info.get_default(call_default_factory=True)!r}` | "
        f"{info.description or documented.get(field, '')} |"
        for field, info in cls.model_fields.items()
    ]
    return [f"## {part}: {name}", "", "| variable | default | what |", "|---|---|---|", *rows, ""]


def _attribute_docs(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r'^    (\w+):[^\n]*\n(?:        [^\n]*\n|    \)[^\n]*\n)*    """(.+?)"""', text, re.M | re.S
    )
    listed = re.findall(r'^        (\w+): (.+?)(?=\n        \w+: |\n    """|\n\n)', text, re.M | re.S)
    return {name: " ".join(words.split()) for name, words in (*listed, *found)}


def errors() -> str:
    """Return the page of every stable error code and the file that raises it."""
    lines = [
        "# Error codes",
        "",
        "Stable codes; the message beside one names the value and the next step. `UsageError` exits with 2,",
        "`DeniedError` with 3, everything else with 1.",
        "",
        "| code | raised in |",
        "|---|---|",
    ]
    where: dict[str, set[str]] = {}
    for source in SOURCES:
        for file in sorted(source.rglob("*.py")):
            for code in CODE.findall(file.read_text(encoding="utf-8")):
                where.setdefault(code, set()).add(str(file.relative_to(source.parent)))
    lines += [f"| `{code}` | {', '.join(sorted(files))} |" for code, files in sorted(where.items())]
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands, "settings.md": settings, "errors.md": errors}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (REFERENCE / page).write_text(make(), encoding="utf-8")
