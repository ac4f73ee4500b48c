"""Models own the gateway: any model, ours or yours, behind one door that knows what it can do and cost."""

from pilothouse.models.ports import ChatModel, Encoder
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

__all__ = [
    "Answer",
    "ChatEvent",
    "ChatModel",
    "ChatRequest",
    "Delta",
    "Encoder",
    "Finished",
    "Limits",
    "Message",
    "Part",
    "Restarted",
    "Started",
    "ToolChoice",
    "ToolSpec",
    "Usage",
]
