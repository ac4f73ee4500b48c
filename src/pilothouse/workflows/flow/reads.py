"""Owns finding which sources a step reads, from its source: literals of ``source("x")``, else all of them."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Final, cast

from pilothouse.workflows.flow.names import UNKNOWN, Names

__all__ = ["ANYTHING", "reads_of"]

ANYTHING: Final = "*"
_OPEN: Final = frozenset({"bound", "source", "Sources"})


@functools.lru_cache(maxsize=1024)
def reads_of(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of the sources that ``function`` and what it calls may read; ``*`` is any of them.

    Functions and classes of the project are followed by name; a name that reaches the sources otherwise than
    by ``source("literal")`` counts as any source.
    """
    found: set[str] = set()
    _follow(function, found, set())
    return frozenset(found)


def _follow(function: Callable[..., Any], found: set[str], seen: set[int]) -> None:
    if id(function) in seen:
        return
    seen.add(id(function))
    tree = _tree(function)
    if tree is None:
        found.add(ANYTHING)
        return
    named = {one.func for one in ast.walk(tree) if isinstance(one, ast.Call) and _literal(one)}
    names = Names(function, frozenset())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _literal(node) is not None:
            found.add(cast("str", _literal(node)))
        elif isinstance(node, ast.Name | ast.Attribute) and node not in named:
            word = node.id if isinstance(node, ast.Name) else node.attr
            if word in _OPEN and names.resolve(node) is not UNKNOWN:
                found.add(ANYTHING)
            else:
                for inner in _ours(names.resolve(node)):
                    _follow(inner, found, seen)


def _literal(node: ast.Call) -> str | None:
    """Return the name in ``source("name")``."""
    last = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if last != "source" or len(node.args) != 1:
        return None
    given = node.args[0]
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _ours(found: object) -> Iterator[Callable[..., Any]]:
    """Yield the functions of the project behind a name: itself, what a decorator holds, a class's methods."""
    held = getattr(found, "function", found)
    if isinstance(held, FunctionType) and not _library(held.__module__):
        yield held
    elif isinstance(held, type) and not _library(held.__module__):
        for member in cast("dict[str, object]", dict(vars(held))).values():
            inner = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(inner, FunctionType):
                yield inner


def _library(module: str | None) -> bool:
    """Whether a module is not the project's: of the language, installed with us, or ours."""
    root = (module or "").partition(".")[0]
    return root in sys.stdlib_module_names or root in ("pilothouse", "pydantic", "")


@functools.lru_cache(maxsize=8192)  # parsing is most of what the start of a project with many steps costs
def _tree(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
