"""Owns the OpenAI-compatible routes: models, chat completions, embeddings."""

from __future__ import annotations

from pilothouse.api.endpoint import Endpoint

__all__ = ["ENDPOINTS"]

ENDPOINTS: tuple[Endpoint, ...] = ()
