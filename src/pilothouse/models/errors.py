"""Owns the errors of model calls: which of them another provider may mend, and which stop the call."""

from __future__ import annotations

from pilothouse.kernel import DataError, DeniedError, LimitError, UnavailableError, UsageError

__all__ = [
    "BudgetError",
    "ContextError",
    "InvalidAnswerError",
    "ModelDeniedError",
    "ModelUsageError",
    "NoAnswerError",
    "ProviderError",
    "ProviderLiedError",
    "ReplayMissError",
]


class ModelUsageError(UsageError):
    """The route, the declaration, the schema or the request is wrong; no other provider mends it."""

    code = "models.usage"


class ModelDeniedError(DeniedError):
    """The provider refused our credentials, or the prompt may not go to any provider of the route."""

    code = "models.denied"


class ProviderError(UnavailableError):
    """One provider did not answer, or broke off; the gateway goes on with the next.

    Attributes:
        connected: Whether the provider was reached at all; the breaker counts the two differently.
    """

    code = "models.failed"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float = 0.0, connected: bool = True
    ) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
        self.connected = connected


class ProviderLiedError(DataError):
    """A provider answered as another model than it was asked for; its abilities are void."""

    code = "models.wrong_model"


class InvalidAnswerError(DataError):
    """What the model wrote does not fit its schema, after one repair; nothing acted on it.

    Attributes:
        text: What it wrote; kept in the record.
    """

    code = "models.invalid"

    def __init__(self, message: str, *, text: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.text = text


class ContextError(LimitError):
    """The prompt is longer than any provider of the route can take; nothing is cut silently."""

    code = "models.context"


class BudgetError(LimitError):
    """A budget is used up; the message names its scope."""

    code = "models.budget"


class NoAnswerError(UnavailableError):
    """No provider of the route could answer in time; the message says what became of each."""

    code = "models.unavailable"


class ReplayMissError(DataError):
    """A replay asked for something that was never recorded; nothing was sent."""

    code = "models.replay_miss"
