"""Owns the embedded PostgreSQL: a cluster in the data directory, shared by the processes that use it.

Facts are kept by the kernel, not by files that go stale: ``server.lock`` (an exclusive flock) is held
while anybody starts or stops the server; ``users.lock`` (a shared flock) is held by every process that
uses it, so a process that was killed stops counting at once; ``running.lock`` is inherited by every
process of the server, so it is free exactly when none lives; and whether the server works is decided by
connecting to it. The last one out stops the server; if nobody could (``kill -9``), the
keeper process does, some seconds later.
"""

from pilothouse.storage.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
