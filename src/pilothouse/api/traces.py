"""Owns the routes of traces: OTLP in, timelines and decision graphs out."""

from __future__ import annotations

from pilothouse.api.endpoint import Endpoint

__all__ = ["ENDPOINTS"]

ENDPOINTS: tuple[Endpoint, ...] = ()
