"""Models own the gateway: any model, ours or yours, behind one door that knows what it can do and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.models.adapters.openai_http import OpenAIBackend
from pilothouse.models.budget import BudgetRule, Budgets, BudgetState
from pilothouse.models.errors import (
    BudgetError,
    ContextError,
    InvalidAnswerError,
    ModelDeniedError,
    ModelUsageError,
    NoAnswerError,
    ProviderError,
    ReplayMissError,
)
from pilothouse.models.gateway import Gateway, Health
from pilothouse.models.keeping.postgres import PostgresKeeper
from pilothouse.models.ports import Backend, ChatModel, Egress, Encoder, OutboundCall, Permit
from pilothouse.models.privacy.redact import Redactor
from pilothouse.models.provider import Abilities, Place, Price, Provider, Route
from pilothouse.models.schema.hold import Bounds, held
from pilothouse.models.schema.union import Asked, asked
from pilothouse.models.types import (
    Answer,
    ChatEvent,
    ChatRequest,
    Delta,
    Finished,
    Limits,
    Message,
    Part,
    Restarted,
    Started,
    ToolChoice,
    ToolSpec,
    Usage,
)

if TYPE_CHECKING:
    from pilothouse.models.settings import ModelsSettings

__all__ = [
    "Abilities",
    "Answer",
    "Asked",
    "Backend",
    "Bounds",
    "BudgetError",
    "BudgetRule",
    "BudgetState",
    "Budgets",
    "ChatEvent",
    "ChatModel",
    "ChatRequest",
    "ContextError",
    "Delta",
    "Egress",
    "Encoder",
    "Finished",
    "Gateway",
    "Health",
    "InvalidAnswerError",
    "Limits",
    "Message",
    "ModelDeniedError",
    "ModelUsageError",
    "ModelsSettings",
    "NoAnswerError",
    "OpenAIBackend",
    "OutboundCall",
    "Part",
    "Permit",
    "Place",
    "PostgresKeeper",
    "Price",
    "Provider",
    "ProviderError",
    "Redactor",
    "ReplayMissError",
    "Restarted",
    "Route",
    "Started",
    "ToolChoice",
    "ToolSpec",
    "Usage",
    "asked",
    "held",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "ModelsSettings":
        from pilothouse.models.settings import ModelsSettings

        return ModelsSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
