"""Owns what a name in a workflow's source stands for: a step, a verb, a builtin, or something unknown."""

from __future__ import annotations

import ast
import builtins
import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, cast

from pilothouse import engine

__all__ = ["ALIASING", "MUTATORS", "PLAIN", "READERS", "UNKNOWN", "Names", "constructs", "verb", "verb_of"]

UNKNOWN: Final = object()
PLAIN: Final = frozenset(
    {abs, all, any, ascii, bin, bool, chr, divmod, float, format, hash, hex, int, isinstance, issubclass,
     len, oct, ord, pow, range, repr, round, str, sum}
)  # fmt: skip
"""Builtins that give something fresh and change nothing."""
ALIASING: Final = frozenset(
    {dict, enumerate, filter, frozenset, getattr, iter, list, map, max, min, next, reversed, set, sorted,
     tuple, zip}
)  # fmt: skip
"""Builtins whose result holds what they were given; they change nothing."""
READERS: Final = frozenset((
    "as_tuple", "astimezone", "casefold", "copy", "count", "date", "decode", "difference", "encode",
    "endswith", "find", "format", "get", "index", "intersection", "isalnum", "isalpha", "isdigit",
    "isoformat", "issubset", "issuperset", "items", "join", "keys", "ljust", "lower", "lstrip",
    "model_dump", "partition", "quantize", "removeprefix", "removesuffix", "replace", "rjust",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strftime", "strip", "time",
    "timestamp", "title", "total_seconds", "union", "upper", "utcoffset", "values", "weekday", "zfill",
))  # fmt: skip
"""Methods of plain types that change neither the object nor what they are given."""
MUTATORS: Final = frozenset((
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse",
    "setdefault", "sort", "update",
))  # fmt: skip
"""Methods of plain types that change the object by what they are given."""
_CONSTANT: Final = (
    engine.now,
    engine.random,
    engine.new_id,
    engine.patched,
    engine.sleep,
    engine.current_run,
)


def verb(kind: str) -> Callable[[Any], Any]:
    """Mark a function or class as a verb whose calls are places of the flow."""

    def mark(found: Any) -> Any:
        found.flow_verb = kind
        return found

    return mark


def verb_of(found: object) -> str:
    """Return the kind of verb, or the empty string."""
    if found is engine.gather:
        return "gather"
    if any(found is one for one in _CONSTANT):
        return "constant"
    kind = getattr(found, "flow_verb", "") if not isinstance(found, ModuleType) else ""
    return kind if isinstance(kind, str) else ""


def constructs(found: object) -> bool:
    """Whether calling ``found`` only keeps what it is given: a dataclass, a model, a type of the library."""
    if not isinstance(found, type):
        return False
    found = cast("type[object]", found)
    if dataclasses.is_dataclass(found):
        return not hasattr(found, "__post_init__") or found.__module__.startswith("pilothouse.")
    if any(base.__module__ == "pydantic.main" and base.__name__ == "BaseModel" for base in found.__mro__):
        return True
    return found.__module__ in ("datetime", "decimal", "uuid", "builtins", "enum") or issubclass(
        found, BaseException
    )


class Names:
    """Resolves the names of one function, as they are when the flow is first asked for."""

    def __init__(self, function: Callable[..., Any], local: frozenset[str]) -> None:
        cells: Mapping[str, Any] = {}
        if function.__closure__:
            cells = {
                name: cell.cell_contents
                for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True)
                if _filled(cell)
            }
        self._closed = cells
        self._globals: Mapping[str, Any] = function.__globals__
        self._local = local

    def resolve(self, node: ast.expr) -> object:
        """Return the object that an expression names, or UNKNOWN for anything of the run."""
        if isinstance(node, ast.Name):
            if node.id in self._local:
                return UNKNOWN
            for scope in (self._closed, self._globals, vars(builtins)):
                if node.id in scope:
                    return scope[node.id]
            return UNKNOWN
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value)
            if isinstance(base, ModuleType | type):
                return getattr(base, node.attr, UNKNOWN)
        return UNKNOWN


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
