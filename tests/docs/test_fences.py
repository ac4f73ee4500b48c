"""Docs are true because they run: Python fences execute, shell fences name commands that exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples
from typer.main import get_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
MAKE_TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))


@pytest.mark.parametrize("example", list(find_examples(ROOT / "README.md", ROOT / "docs")), ids=str)
def test_python_fences_run(example: CodeExample, eval_example: EvalExample) -> None:
    eval_example.set_config(line_length=110, target_version="py311")
    eval_example.run(example)


def _fences(language: str) -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(ROOT)), body)
        for page in PAGES
        for kind, body in FENCE.findall(page.read_text())
        if kind == language
    ]


def _commands(body: str) -> list[list[str]]:
    lines = body.replace("\\\n", " ").splitlines()
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [line for line in words if line and line[0] in {"pilothouse", "make"}]


@pytest.mark.parametrize(("page", "body"), _fences("sh"))
def test_shell_fences_name_commands_and_options_that_exist(page: str, body: str) -> None:
    from pilothouse.cli import app

    for words in _commands(body):
        if words[0] == "make":
            assert set(words[1:]) <= MAKE_TARGETS, f"{page}: {words}"
            continue
        _check(get_command(app), words[1:], page)


def _check(command: object, words: list[str], page: str) -> None:
    known: set[str] = set()
    for index, word in enumerate(words):
        known |= {option for p in command.params for option in (*p.opts, *p.secondary_opts)}  # type: ignore[attr-defined]
        commands = getattr(command, "commands", None)
        if word in {"|", ">", "&&", "&"}:
            return
        if word.startswith("--"):
            assert word.split("=")[0] in known | {"--help"}, f"{page}: {word} in {words}"
        elif commands and not (index and words[index - 1].startswith("--")):
            assert word in commands, f"{page}: no command {word!r} in {words}"
            command = commands[word]


@pytest.mark.parametrize(("page", "body"), _fences("toml"))
def test_toml_fences_parse(page: str, body: str) -> None:
    tomllib.loads(body)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
