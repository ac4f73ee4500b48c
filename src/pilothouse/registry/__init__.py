"""Registry owns accounts, groups, service accounts and API keys: who may sign in, and how."""

__all__: list[str] = []
