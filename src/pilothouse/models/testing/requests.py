"""Owns requests, providers and gateways that tests make in one line."""

from __future__ import annotations

from typing import Any

from pilothouse.kernel import Principal
from pilothouse.labels import Label, unknown
from pilothouse.models.adapters.openai_http import OpenAIBackend
from pilothouse.models.gateway import Gateway
from pilothouse.models.provider import Abilities, Provider, Route
from pilothouse.models.testing.server import ScriptedServer
from pilothouse.models.types import ChatRequest, Message, Part

__all__ = ["asking", "gateway_to", "provider_of"]

CLERK = Principal(id="clerk", rights=frozenset({"effects:models.call"}))
ABLE = Abilities(json_schema=True)


def asking(words: str = "Hello", *, label: Label | None = None, **fields: Any) -> ChatRequest:
    """Return a request of one user's message; further fields as of :class:`ChatRequest`."""
    said = Message(role="user", parts=(Part(text=words, label=label or unknown("clerk")),))
    chosen: dict[str, Any] = {"task": "chat", "messages": (said,), "principal": CLERK, **fields}
    return ChatRequest(**chosen)


def provider_of(server: ScriptedServer, name: str = "one", **fields: Any) -> Provider:
    """Return the provider that a scripted server stands for."""
    chosen: dict[str, Any] = {"abilities": ABLE, **fields}
    return Provider(name=name, model=server.model, url=server.url, **chosen)


def gateway_to(*servers: ScriptedServer, task: str = "chat", **gateway: Any) -> Gateway:
    """Return a gateway whose route goes through ``servers`` in order; they are named one, two, three ..."""
    names = ("one", "two", "three", "four", "five")
    providers = [provider_of(server, name) for server, name in zip(servers, names, strict=False)]
    route = Route(task=task, use=tuple(one.name for one in providers))
    return Gateway([OpenAIBackend(one) for one in providers], [route], **gateway)
