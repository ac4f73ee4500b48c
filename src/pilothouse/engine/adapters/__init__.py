"""Executors of segments; the only place that may import a workflow engine."""
