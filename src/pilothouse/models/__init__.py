"""Models own the gateway: any model, ours or yours, behind one door that knows what it can do and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.models.adapters.child import Child, ChildBackend
from pilothouse.models.adapters.openai_http import OpenAIBackend
from pilothouse.models.budget import BudgetRule, Budgets, BudgetState
from pilothouse.models.declare import Declared, declared
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
from pilothouse.models.keeping.news import BreakerNews
from pilothouse.models.keeping.postgres import PostgresKeeper
from pilothouse.models.keeping.prune import Pruned, prune
from pilothouse.models.measure import Measured, measure, with_measured
from pilothouse.models.measure import latest as latest_checks
from pilothouse.models.measure import store as store_check
from pilothouse.models.ports import Backend, ChatModel, Egress, Encoder, OutboundCall, Permit
from pilothouse.models.privacy.redact import Redactor
from pilothouse.models.provider import Abilities, Place, Price, Provider, Route
from pilothouse.models.record import CallRecord, ProviderTotals, Records
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
    "BreakerNews",
    "BudgetError",
    "BudgetRule",
    "BudgetState",
    "Budgets",
    "CallRecord",
    "ChatEvent",
    "ChatModel",
    "ChatRequest",
    "Child",
    "ChildBackend",
    "ContextError",
    "Declared",
    "Delta",
    "Egress",
    "Encoder",
    "Finished",
    "Gateway",
    "Health",
    "InvalidAnswerError",
    "Limits",
    "Measured",
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
    "ProviderTotals",
    "Pruned",
    "Records",
    "Redactor",
    "ReplayMissError",
    "Restarted",
    "Route",
    "Started",
    "ToolChoice",
    "ToolSpec",
    "Usage",
    "asked",
    "declared",
    "held",
    "latest_checks",
    "measure",
    "prune",
    "store_check",
    "with_measured",
]


def __getattr__(name: str) -> object:
    """Import the settings only when asked for: Pydantic is costly to start."""
    if name == "ModelsSettings":
        from pilothouse.models.settings import ModelsSettings

        return ModelsSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
