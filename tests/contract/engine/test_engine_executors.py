"""Every executor passes the engine's suite."""

from pilothouse.engine.testing import ExecutorConformance


class TestDirect(ExecutorConformance):
    executor = "direct"


class TestDbos(ExecutorConformance):
    executor = "dbos"
