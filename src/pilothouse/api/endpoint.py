"""Owns what a part says about one of its routes: path, right, limits, and how its refusals look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pilothouse.kernel import PilothouseError

__all__ = ["Endpoint"]

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route. Whoever calls it is signed in before ``call`` runs.

    Attributes:
        method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        path: Such as ``/v1/runs/{id}/timeline``; parameters are in ``request.path_params``.
        call: Answers. ``request.state.principal`` is who asks, ``request.app.state.studio`` the open
            project. A kernel error raised before the answer begins becomes a problem document.
        right: What the caller must hold; empty where the part itself decides what the caller may see.
        size: Bytes of a request body; a larger one is ``api.too_large``.
        seconds: Until the answer begins; a stream that has begun is limited by whoever writes it.
        refusal: Writes a refusal in another shape than RFC 9457, such as OpenAI's; gets error and status.
        open: Nobody need sign in: only for what says nothing.
        traced: Whether a call is a span; not where spans come in.
    """

    method: str
    path: str
    call: Callable[[Request], Awaitable[Response]]
    right: str = ""
    size: int = MEBIBYTE
    seconds: float = 60.0
    refusal: Callable[[PilothouseError, int], Response] | None = None
    open: bool = False
    traced: bool = True
