"""Agents own the dynamic graph: plans, handles, typed quarantined answers, tools called through the door."""

__all__: list[str] = []
