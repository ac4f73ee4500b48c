"""Owns the trace context that crosses a process border: W3C ``traceparent``, level 1."""

from __future__ import annotations

import re
from typing import Final

from pilothouse.telemetry.spans import current_span

__all__ = ["outgoing", "parse_traceparent", "traceparent"]

_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def traceparent() -> str:
    """Return the header of the span around the caller; empty outside of any."""
    around = current_span()
    # Sampled: nothing is left out here.
    return f"00-{around.trace}-{around.id}-01" if around is not None else ""


def outgoing() -> dict[str, str]:
    """Return the headers by which a called program joins this trace; ids only."""
    value = traceparent()
    return {"traceparent": value} if value else {}


def parse_traceparent(text: str | None) -> tuple[str, str] | None:
    """Return trace and span id of a header; None for what is no valid header, as the standard asks."""
    match = _FORM.fullmatch((text or "").strip())
    if match is None:
        return None
    version, trace, parent, _, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(parent, 16):
        return None
    return trace, parent
