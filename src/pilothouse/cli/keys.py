"""Owns single keys: one press on a terminal, one line from a pipe."""

from __future__ import annotations

import sys

__all__ = ["ask_line", "read_key"]


def read_key(prompt: str) -> str:
    """Return one key; from a pipe, the first character of the next line. The end of input is ``q``.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    sys.stdout.write(prompt)
    sys.stdout.flush()
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return (line.strip() or " ")[:1] if line else "q"
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        key = sys.stdin.read(1)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
    sys.stdout.write("\n")
    return key or "q"


def ask_line(prompt: str) -> str:
    """Return a typed line without surrounding blanks; empty means never mind."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    return sys.stdin.readline().strip()
