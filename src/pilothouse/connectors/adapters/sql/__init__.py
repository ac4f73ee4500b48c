"""SQL owns reading and writing foreign databases: PostgreSQL, MariaDB/MySQL and SQLite files."""

from pilothouse.connectors.adapters.sql.adapter import SqlSource, connect

__all__ = ["SqlSource", "connect"]
