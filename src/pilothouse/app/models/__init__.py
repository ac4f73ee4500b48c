"""The gateway of a project: its assembly, its way out by the door, and the drill that unplugs it."""

from pilothouse.app.models.gateway import (
    TOOL,
    DoorEgress,
    ModelRecipients,
    declared_models,
    open_gateway,
    permit_check,
    switch_egress,
)

__all__ = [
    "TOOL",
    "DoorEgress",
    "ModelRecipients",
    "declared_models",
    "open_gateway",
    "permit_check",
    "switch_egress",
]
