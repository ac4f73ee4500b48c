"""Learning owns training: labelled examples become heads and adapters that belong to the project."""

__all__: list[str] = []
