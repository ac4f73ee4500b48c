"""Devices owns the second place where the log is kept, and what belongs to one open database."""

from pilothouse.audit.devices.attached import Attached, attach, attached, detach
from pilothouse.audit.devices.file import FileDevice

__all__ = ["Attached", "FileDevice", "attach", "attached", "detach"]
