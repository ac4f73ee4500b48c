"""Owns the small words of stories: who acts, and waiting for something to become true."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from pilothouse.kernel import Principal

__all__ = ["TESTER", "eventually"]

TESTER = Principal(id="tester", rights=frozenset({"*"}), groups=frozenset({"desk"}))


async def eventually(check: Callable[[], Any], *, within: float = 10.0) -> Any:
    """Return the first true answer of ``check`` (plain or async).

    Raises:
        AssertionError: It stayed false for ``within`` seconds.
    """
    until = asyncio.get_running_loop().time() + within
    while True:
        found = check()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if asyncio.get_running_loop().time() > until:
            raise AssertionError(f"still {found!r} after {within} s")
        await asyncio.sleep(0.02)
