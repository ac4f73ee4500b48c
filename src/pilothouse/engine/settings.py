"""Owns the engine's settings; ``app.py`` reads them from the environment."""

from __future__ import annotations

from typing import Literal

from pydantic_settings import SettingsConfigDict

from pilothouse.kernel.settings import PartSettings

__all__ = ["EngineSettings"]


class EngineSettings(PartSettings):
    """How this process runs segments.

    Attributes:
        executor: ``dbos`` runs queued segments; ``direct`` runs only what this process starts or
            sweeps itself (tests, small tools).
        queues: Queues this process works on; empty means all.
        direct: Segments of the queue ``default`` that this process runs at once without a queue.
        worker_segments: Segments this process takes from the queue ``default`` at once.
        beat_s: Seconds between two heart-beats.
        lease_s: Seconds after which a silent process is taken over.
        sweep_s: Seconds between two sweeps.
        poll_s: Seconds between two looks of the executor into a queue.
        forget_after_s: Seconds after which the executor's rows of ended segments are deleted.
        idle_in_transaction_s: Bound for a frozen session that holds locks.
        keep_runs_days: Days after which ended runs and their journals are deleted.
        keep_payloads_s: Seconds after which a payload that nothing refers to is deleted.
        attempts: Claims without a new entry before a run is blocked as poison.
        migrate_executor: Whether this process may create the executor's own tables.
    """

    model_config = SettingsConfigDict(env_prefix="PILOTHOUSE_ENGINE_", frozen=True, extra="forbid")

    executor: Literal["dbos", "direct"] = "dbos"
    queues: tuple[str, ...] = ()
    direct: int = 64
    worker_segments: int = 32
    beat_s: float = 1.0
    lease_s: float = 5.0
    sweep_s: float = 1.0
    poll_s: float = 0.2
    forget_after_s: float = 3600.0
    idle_in_transaction_s: float = 10.0
    keep_runs_days: int = 396
    keep_payloads_s: float = 7 * 86_400.0
    attempts: int = 5
    migrate_executor: bool = True
