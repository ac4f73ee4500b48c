"""The API owns HTTP: what foreign programs reach over the network, each call signed in."""

__all__: list[str] = []
