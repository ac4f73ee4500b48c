"""Kernel owns what every part needs and imports nothing of ours: ids, clock, errors, principal, wire form."""

from pilothouse.kernel.clock import Clock, FakeClock, SystemClock
from pilothouse.kernel.errors import (
    EXIT_CODES,
    AwaitDecision,
    Cancelled,
    ConflictError,
    DataError,
    DeniedError,
    LimitError,
    PilothouseError,
    UnavailableError,
    UsageError,
    Waiting,
    exit_code,
)
from pilothouse.kernel.ids import new_id
from pilothouse.kernel.outward import passing, require_passing
from pilothouse.kernel.principal import (
    RIGHTS,
    SYSTEM,
    Authority,
    Principal,
    principal_fields,
    principal_from,
    require,
)
from pilothouse.kernel.wire import Json, canonical, content_hash, decode, encode, loads, wired

__all__ = [
    "EXIT_CODES",
    "RIGHTS",
    "SYSTEM",
    "Authority",
    "AwaitDecision",
    "Cancelled",
    "Clock",
    "ConflictError",
    "DataError",
    "DeniedError",
    "FakeClock",
    "Json",
    "LimitError",
    "PilothouseError",
    "Principal",
    "SystemClock",
    "UnavailableError",
    "UsageError",
    "Waiting",
    "canonical",
    "content_hash",
    "decode",
    "encode",
    "exit_code",
    "loads",
    "new_id",
    "passing",
    "principal_fields",
    "principal_from",
    "require",
    "require_passing",
    "wired",
]
