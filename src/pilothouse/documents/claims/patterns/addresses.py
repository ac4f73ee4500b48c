"""Owns mail addresses and domains as they stand in a text, IDNA decoded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from pilothouse.documents.claims.types import Mention

__all__ = ["addresses"]

_MAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}+@(?P<host>(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}[^\W\d_][\w-]{1,23})(?![\w@])"
)
_HOST = re.compile(
    r"(?<![\w.@/-])(?:https?://)?(?P<host>(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}"
    r"(?:com|net|org|info|biz|eu|de|nl|be|fr|es|it|pt|pl|uk|at|ch|dk|se|no|fi|gr|tr|cn|in|br|us|io|co|example|test|xn--[\w-]+))"
    r"(?![\w@-]|\.\w)"
)


def addresses(text: str) -> Iterator[Mention]:
    """Yield each address as ``email`` and its host as ``domain``, and hosts that stand alone."""
    for match in _MAIL.finditer(text):
        local = match[0].rpartition("@")[0]
        if ".." in local or local.startswith("."):
            continue
        host = _decoded(match["host"])
        start, end = match.span()
        yield Mention(kind="email", value=f"{local.lower()}@{host}", start=start, end=end)
        yield Mention(kind="domain", value=host, start=match.start("host"), end=match.end("host"))
    for match in _HOST.finditer(text):
        yield Mention(
            kind="domain", value=_decoded(match["host"]), start=match.start("host"), end=match.end("host")
        )


def _decoded(host: str) -> str:
    lower = host.lower().rstrip(".")
    if "xn--" in lower:
        with contextlib.suppress(UnicodeError):
            return lower.encode("ascii").decode("idna")
    return lower
