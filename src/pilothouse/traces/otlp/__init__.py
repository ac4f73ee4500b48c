"""OTLP: what foreign programs send, as protobuf or JSON, and what we send on."""

from pilothouse.traces.otlp.taking import CONTENT_TYPES, Limits, answer, read_request, unpacked

__all__ = ["CONTENT_TYPES", "Limits", "answer", "read_request", "unpacked"]
