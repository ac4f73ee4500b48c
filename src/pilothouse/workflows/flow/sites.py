"""Owns finding the place in the source that a running call comes from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from pilothouse.workflows.flow.slice import Site, Slice, slice_of

__all__ = ["known_slice", "register", "site_of"]

_functions: dict[CodeType, Callable[..., Any]] = {}
_slices: dict[Callable[..., Any], Slice] = {}
_sites: dict[tuple[CodeType, int], Site | None] = {}
_lock = threading.Lock()


def register(function: Callable[..., Any]) -> None:
    """Note a workflow's function, so that calls from its body and its comprehensions are found."""
    waiting = [function.__code__]
    while waiting:
        code = waiting.pop()
        _functions[code] = function
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]


def known_slice(function: Callable[..., Any]) -> Slice:
    """Return the slice of a function, read at the first call: then all its names exist."""
    found = _slices.get(function)
    if found is None:
        with _lock:
            found = _slices.setdefault(function, slice_of(function))
    return found


def site_of(frame: FrameType | None) -> Site | None:
    """Return the call in a workflow's source that ``frame`` stands at; None for any other code."""
    if frame is None:
        return None
    at = (frame.f_code, frame.f_lasti)
    if at in _sites:
        return _sites[at]
    function = _functions.get(frame.f_code)
    if function is None:
        return None
    found = _sites[at] = _found(known_slice(function), frame)
    return found


def _found(slice: Slice, frame: FrameType) -> Site | None:
    # One instruction is two bytes wide.
    positions = list(frame.f_code.co_positions())
    _, line, _, column = positions[frame.f_lasti // 2]
    return None if line is None or column is None else slice.ends.get((line, column))
