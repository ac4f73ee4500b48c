"""Owns what a provider's failure means: for the next provider, for the caller, for the breaker."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping

from pilothouse.kernel import PilothouseError
from pilothouse.models.errors import ContextError, ModelDeniedError, ModelUsageError, ProviderError
from pilothouse.models.provider import Provider

__all__ = ["broken", "refusal", "retry_after"]

SHOWN = 300
LONGEST_WAIT = 3600.0


def refusal(provider: Provider, status: int, headers: Mapping[str, str], text: str) -> PilothouseError:
    """Return the error of an answer that is none, by its status."""
    from pilothouse.labels.pii import redact

    said = redact(" ".join(text.split())[:SHOWN])
    words = f"provider {provider.name!r} answered {status} {said}".rstrip()
    if status in (401, 403):
        return ModelDeniedError(
            f"{words}; check its credential", code="models.refused", reasons=(f"http:{status}",)
        )
    if status == 429:
        return ProviderError(words, code="models.busy", retry_after=retry_after(headers))
    if status >= 500 or status == 408:
        return ProviderError(words, retry_after=retry_after(headers) if status == 503 else 0.0)
    if status == 413 or (status == 400 and "context" in text.lower()):
        return ContextError(words)
    return ModelUsageError(words, code="models.rejected")


def broken(provider: Provider, error: Exception) -> ProviderError:
    """Return the error of a call that got no answer."""
    import httpx2
    import openai

    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) and error.__cause__ else error
    why = f"provider {provider.name!r}: {type(cause).__name__}"
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ProviderError(f"{why}: no connection", code="models.no_connection", connected=False)
    if isinstance(error, openai.APITimeoutError) or isinstance(cause, httpx2.TimeoutException):
        return ProviderError(f"{why}: silent for too long", code="models.timeout")
    return ProviderError(f"{why}: it broke off", code="models.cut")


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of ``Retry-After``, given as seconds or as a date; 0 without one."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return 0.0
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return 0.0 if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_WAIT)
