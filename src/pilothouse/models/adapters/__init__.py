"""Adapters own what speaks to a provider or a native runtime; each is imported only when it is used."""

__all__: list[str] = []
