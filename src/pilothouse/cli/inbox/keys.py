"""Owns single keys: one press on a terminal, one line from a pipe; runs go on while the person thinks."""

from __future__ import annotations

import asyncio
import os
import sys

__all__ = ["ask_line", "read_key"]


async def read_key(prompt: str) -> str:
    """Return one key; from a pipe, the first character of the next line. The end of input is ``q``."""
    if not sys.stdin.isatty():
        _say(prompt)
        line = sys.stdin.readline()
        return (line.strip() or " ")[:1] if line else "q"
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        # Before the prompt is there to be answered; keys typed ahead are kept.
        tty.setcbreak(handle, termios.TCSADRAIN)
        _say(prompt)
        await _readable(handle)
        key = os.read(handle, 16).decode(errors="replace")[:1]
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
    _say("\n")
    return key or "q"


async def ask_line(prompt: str) -> str:
    """Return a typed line without surrounding blanks; empty means never mind."""
    _say(prompt)
    if sys.stdin.isatty():
        await _readable(sys.stdin.fileno())
    return sys.stdin.readline().strip()


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _readable(handle: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(handle, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(handle)
