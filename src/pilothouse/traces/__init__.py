"""Traces own the read side of what happened: spans, timelines, decision graphs, OTLP in and out."""

__all__: list[str] = []
