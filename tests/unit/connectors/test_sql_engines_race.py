"""Sources that open in the same moment load their drivers one after the other."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import sqlalchemy

from pilothouse.connectors.adapters.sql.engines import build_engine
from pilothouse.connectors.testing import source_context


def test_sources_that_open_together_do_not_load_a_dialect_at_once(monkeypatch):
    """SQLAlchemy fails with a circular import when two threads load one dialect together, now and then."""
    inside, most = 0, 0
    create = sqlalchemy.create_engine

    def slow(*args, **options):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.05)
        inside -= 1
        return create(*args, **options)

    monkeypatch.setattr(sqlalchemy, "create_engine", slow)
    context = source_context("sql", {}, base=Path())

    def open_one() -> None:
        build_engine(context, "sqlite:///some.sqlite", read_only=True, pool=1).dispose()

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
